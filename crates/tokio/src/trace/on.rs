//! A span for each connection: who, how much, and how it ended.

use super::frames::{Frames, ends_message};
use crate::WebSocket;
use core::fmt;
use core::time::Duration;
use sansio_ws::frame::Opcode;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{Connection, ProtocolError};
use std::io::IoSlice;
use tokio::time::Instant;
use tracing::field::{Empty, display};
use tracing::{Level, Span, debug, span};

/// What is known of a connection, if a subscriber wants to hear of it.
#[derive(Debug)]
pub(crate) struct Trace(Option<Box<Record>>);

#[derive(Debug)]
struct Record {
    span: Span,
    received: Flow,
    sent: Flow,
    /// The last ping, while its pong has not come: it is the one that a peer has to answer.
    ping: Option<(Vec<u8>, Instant)>,
    /// The peer broke the protocol. Whoever drops the connection then has not let it end.
    failure: Option<ProtocolError>,
    told: bool,
}

/// One direction.
#[derive(Debug, Default)]
struct Flow {
    bytes: u64,
    messages: u64,
    frames: Frames,
}

impl Trace {
    /// Nobody is told anything: the connection is not open yet.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// The connection is open; `unread` has come together with the handshake.
    pub(crate) fn open(connection: &Connection, unread: &[u8]) -> Self {
        let span = span!(
            target: "sansio_ws_tokio",
            Level::INFO,
            "websocket",
            role = if connection.is_server() { "server" } else { "client" },
            peer = Empty,
            subprotocol = connection.subprotocol(),
            received_bytes = Empty,
            received_messages = Empty,
            sent_bytes = Empty,
            sent_messages = Empty,
            round_trip_us = Empty,
            ended = Empty,
        );
        if span.is_disabled() {
            return Self::none();
        }
        let mut trace = Self(Some(Box::new(Record {
            span,
            received: Flow::default(),
            sent: Flow::default(),
            ping: None,
            failure: None,
            told: false,
        })));
        trace.received(unread);
        trace
    }

    /// The peer is the server that this request is for.
    pub(crate) fn peer(&self, request: &ClientRequest) {
        if let Some(record) = &self.0 {
            record.span.record("peer", request.authority());
        }
    }

    /// These bytes have come.
    pub(crate) fn received(&mut self, bytes: &[u8]) {
        let Some(record) = &mut self.0 else { return };
        let Record { span, received, ping, .. } = &mut **record;
        received.bytes += bytes.len() as u64;
        received.frames.see(bytes, |header, payload| {
            received.messages += u64::from(ends_message(header));
            if header.opcode() == Opcode::Pong
                && let Some((_, at)) = ping.take_if(|(awaited, _)| awaited == payload)
            {
                let time = micros(at.elapsed());
                span.record("round_trip_us", time);
                debug!(target: "sansio_ws_tokio", parent: &*span, round_trip_us = time, "pong");
            }
        });
    }

    /// The stream has taken `n` bytes of these.
    pub(crate) fn sent(&mut self, slices: &[IoSlice<'_>], mut n: usize) {
        let Some(record) = &mut self.0 else { return };
        let Record { sent, ping, .. } = &mut **record;
        sent.bytes += n as u64;
        for slice in slices {
            let bytes = &slice[..slice.len().min(n)];
            n -= bytes.len();
            sent.frames.see(bytes, |header, payload| {
                sent.messages += u64::from(ends_message(header));
                if header.opcode() == Opcode::Ping {
                    *ping = Some((payload.to_vec(), Instant::now()));
                }
            });
        }
    }

    pub(crate) fn failed(&mut self, error: &ProtocolError) {
        if let Some(record) = &mut self.0 {
            record.failure = Some(*error);
        }
    }

    /// Tells how the connection ended, if it has.
    pub(crate) fn observe(&mut self, connection: &Connection) {
        if let Some(record) = &mut self.0
            && !record.told
            && let Some(ended) = connection.ended()
        {
            record.tell(&ended);
        }
    }
}

impl Record {
    fn tell(&mut self, ended: &dyn fmt::Display) {
        self.told = true;
        let Self { span, received, sent, .. } = self;
        span.record("received_bytes", received.bytes);
        span.record("received_messages", received.messages);
        span.record("sent_bytes", sent.bytes);
        span.record("sent_messages", sent.messages);
        span.record("ended", display(ended));
        debug!(
            target: "sansio_ws_tokio",
            parent: &*span,
            received_bytes = received.bytes,
            received_messages = received.messages,
            sent_bytes = sent.bytes,
            sent_messages = sent.messages,
            "{ended}"
        );
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        match self.failure {
            _ if self.told => {}
            Some(error) => self.tell(&format_args!("protocol error: {error}")),
            None => self.tell(&"dropped"),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl<S> WebSocket<S> {
    /// The span of this connection, for what only the program knows: `socket.span().record("peer", …)`. It is disabled
    /// if no subscriber wanted it when the connection was opened.
    ///
    /// It is called `websocket`, at level INFO and target `sansio_ws_tokio`, a child of the span in which the connection was opened. Its
    /// fields:
    ///
    /// | field | known | |
    /// |---|---|---|
    /// | `role` | at once | `server` or `client` |
    /// | `subprotocol` | at once | if there is one |
    /// | `peer` | at once for clients | host and port of the URL; a server records it by itself |
    /// | `round_trip_us` | with each pong | microseconds from the last ping, once the stream had taken it |
    /// | `received_bytes`, `sent_bytes` | at the end | of frames, not of the handshake |
    /// | `received_messages`, `sent_messages` | at the end | whole ones |
    /// | `ended` | at the end | as [`Ended`](sansio_ws::Ended) is displayed; `dropped` if the program did not wait for it |
    ///
    /// A pong and the end are events of level DEBUG as well. What has been sent is what the stream has taken. Frames are counted
    /// as they go by, so for a connection that is taken apart in the middle of one, by [`into_parts`](Self::into_parts), messages
    /// are not counted again until it is clear where the next one begins: perhaps never.
    #[must_use]
    pub fn span(&self) -> Span {
        self.link.wire.trace.0.as_ref().map_or_else(Span::none, |record| record.span.clone())
    }
}
