//! The WebSocket: one thread connects and reads, another one writes.

use crate::client::engine::{Connect, Frame, Link};
use crate::program::{Shared, Write};
use alloc::boxed::Box;
use alloc::string::String;
use core::error::Error as Cause;
use sansio_ws::blocking::{Answer, Error, Reader, TcpOrTls, Writer, handshake_with};
use std::net::{Shutdown, TcpStream};
use std::thread;

type Opened = (Reader<TcpOrTls>, Writer<TcpOrTls>, TcpStream);

/// Opens WebSockets, one after the other, and carries each until it has ended.
pub(super) fn run(shared: &Shared) {
    while let Some(connect) = shared.wait(|state, _| state.take_connect()) {
        match open(shared, &connect) {
            Ok(opened) => carry(shared, connect.link, opened),
            Err(error) => ended(shared, connect.link, Err(error)),
        }
    }
}

fn open(shared: &Shared, connect: &Connect) -> Result<Opened, Box<dyn Cause + Send + Sync>> {
    let connector = &shared.address.route.connector;
    let how = shared.address.opening(connect, shared.clock.now())?;
    let answer = handshake_with(&how.request, how.config, how.timeouts, connector)?;
    let (Answer::Open(_, response) | Answer::Refused { response, .. }) = &answer;
    shared.address.set_cookies_of(shared.clock.now(), response);
    let socket = answer.into_socket()?;
    let stream = socket.stream().socket().try_clone()?;
    stream.set_nodelay(true)?;
    let (reader, writer) = socket.split()?;
    Ok((reader, writer, stream))
}

/// Reads and writes until the WebSocket has ended. One that has come too late ends here.
fn carry(shared: &Shared, link: Link, (mut reader, writer, stream): Opened) {
    let abort = Box::new(move || {
        // It may have ended already.
        let _ = stream.shutdown(Shutdown::Both);
    });
    if !shared.act(|state, now| state.opened(now, link, abort)) {
        return;
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(String::from("socketio-writer"));
        let result = match thread.spawn_scoped(scope, || write(shared, link, &writer)) {
            Ok(_) => read(shared, link, &mut reader).map_err(Into::into),
            Err(error) => Err(error.into()),
        };
        // By which the other thread ends, too.
        ended(shared, link, result);
    });
}

fn ended(shared: &Shared, link: Link, result: Result<(), Box<dyn Cause + Send + Sync>>) {
    shared.act(|state, now| state.ended(now, link, result));
}

fn read(shared: &Shared, link: Link, reader: &mut Reader<TcpOrTls>) -> Result<(), Error> {
    while let Some(event) = reader.read()? {
        let received = shared.wait(|state, now| {
            let has_room = state.has_room();
            has_room.then(|| state.received(now, link, &event))
        });
        if received.is_none() {
            break;
        }
    }
    Ok(())
}

fn write(shared: &Shared, link: Link, writer: &Writer<TcpOrTls>) {
    while let Some(write) = shared.wait(|state, now| state.next_write(now, link)) {
        let frame = match write {
            Write::Frame(frame) => frame,
            Write::Close(code) => {
                // If that fails it has ended.
                let _ = writer.close(code, "");
                return;
            }
            Write::Over => return,
        };
        let written = match &frame {
            Frame::Text(text) => writer.send_text(text),
            Frame::Message(packet) => writer.send_prepared(packet.message()),
            Frame::Close(code) => writer.close(*code, ""),
        };
        shared.act(|state, now| state.written(now, link, written));
    }
}
