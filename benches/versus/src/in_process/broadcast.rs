//! One message from a server to many connections: framed once where the library can, and for each
//! where it can't.

use crate::encode::{
    Encode, Fastwebsockets, Ours, Side, Sockudo, Soketto, TokioWebsockets, Tungstenite, Wtx, Yawc,
    verify,
};
use crate::measure::{Scenario, Subject};
use crate::payload;
use crate::wire::{Output, Wire};
use bytes::Bytes;
use core::hint::black_box;
use sansio_ws::{Config, Connection, PreparedMessage, Role};

const CONNECTIONS: usize = 500;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |size| {
        let payload = payload::mid_page(size);
        let subjects = vec![
            memcpy(&payload),
            subject::<OursPrepared>("ours, prepared", &payload),
            subject::<Ours>("ours", &payload),
            subject::<Sockudo>("sockudo-ws", &payload),
            subject::<TokioWebsockets>("tokio-websockets", &payload),
            subject::<Fastwebsockets>("fastwebsockets", &payload),
            subject::<Yawc>("yawc", &payload),
            subject::<Wtx<false>>("wtx", &payload),
            subject::<Tungstenite>("tungstenite", &payload),
            subject::<Soketto>("soketto", &payload),
        ];
        Scenario { group: "broadcast", column: payload::name(size), subjects }
    };
    [64, 1 << 10, 16 << 10].map(scenario).into()
}

/// Time of one of the deliveries. The message is made anew for each broadcast.
fn subject<E: Encode + 'static>(name: &'static str, payload: &Bytes) -> Subject {
    let output = Output::default();
    let mut connections: Vec<_> =
        (0..CONNECTIONS).map(|_| E::new(Side::Server, output.clone())).collect();
    let written = output.record(|| deliver(&mut connections, payload));
    verify(&written, Side::Server, payload, CONNECTIONS)
        .unwrap_or_else(|| panic!("{name} is wrong"));
    let payload = payload.clone();
    Subject::new(name, move |times| {
        // Those of the last broadcast may be fewer.
        for already in (0..times).step_by(CONNECTIONS) {
            let deliveries = CONNECTIONS.min(times - already);
            deliver(&mut connections[..deliveries], black_box(&payload));
        }
    })
}

fn deliver<E: Encode>(connections: &mut [E], payload: &Bytes) {
    let message = E::message(payload);
    for connection in connections {
        connection.send(&message);
        connection.flush();
    }
}

/// The limit: a buffer for each connection, and the payload is copied into it.
fn memcpy(payload: &Bytes) -> Subject {
    let payload = payload.clone();
    let mut buffers = vec![vec![0; payload.len()]; CONNECTIONS];
    Subject::new("memcpy", move |times| {
        for buffer in (0..times).map(|i| i % CONNECTIONS) {
            buffers[buffer].copy_from_slice(black_box(&payload));
            black_box(&buffers[buffer]);
        }
    })
}

struct OursPrepared(Connection, Wire);

impl Encode for OursPrepared {
    type Message = PreparedMessage;

    fn new(_: Side, output: Output) -> Self {
        Self(Connection::new(Role::Server, Config::default()), Wire::sink(output))
    }

    fn message(payload: &Bytes) -> PreparedMessage {
        PreparedMessage::binary(payload)
    }

    fn send(&mut self, message: &PreparedMessage) {
        self.0.send_prepared(message).unwrap();
    }

    fn flush(&mut self) {
        while self.0.wants_write() {
            self.0.outgoing().write_to(&mut self.1).unwrap();
        }
    }
}
