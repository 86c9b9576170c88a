//! The WebSocket: one thread connects and reads, another writes.

use super::shared::{Open, Shared, State};
use crate::client::engine::{Connect, Frame, Link};
use alloc::format;
use alloc::sync::Arc;
use core::time::Duration;
use sansio_ws::blocking::{Connector, Error, Reader, TcpOrTls, Writer, connect_with};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{Config, Event, Limits};
use std::sync::MutexGuard;

/// How long a server has for its part of the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

impl Shared {
    /// Opens WebSockets, one after the other, and reads from each until it has ended.
    pub(super) fn run_links(&self) {
        let mut state = self.state();
        while !state.stops {
            let Some(connect) = state.connect.take() else {
                state = self.wait_for_work(state);
                continue;
            };
            drop(state);
            let link = connect.link;
            let opened = self.open(&connect);
            state = self.state();
            let now = self.clock.now();
            match opened {
                Ok((mut reader, open)) if !state.stops && state.link == Some(link) => {
                    state.is_reading = true;
                    state.open = Some(open.clone());
                    state.machine.link_opened(now, link);
                    self.carry_out(&mut state, now);
                    drop(state);
                    let ended = self.read(&mut reader, link);
                    state = self.state();
                    state.is_reading = false;
                    state.open.take_if(|open| open.link == link);
                    let now = self.clock.now();
                    match ended {
                        Ok(()) => state.machine.link_closed(now, link),
                        Err(error) => state.machine.link_failed(now, link, error),
                    }
                    self.carry_out(&mut state, now);
                }
                // It has come too late, and ends here.
                Ok(_) => {}
                Err(error) => {
                    state.machine.link_failed(now, link, error);
                    self.carry_out(&mut state, now);
                }
            }
        }
    }

    fn open(
        &self,
        connect: &Connect,
    ) -> Result<(Reader<TcpOrTls>, Open), alloc::boxed::Box<dyn core::error::Error + Send + Sync>>
    {
        let scheme = if self.server.tls.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://{}{}", self.server.authority, connect.target);
        let mut request = ClientRequest::new(&url)?;
        for (name, value) in &connect.headers {
            request = request.header(name, value)?;
        }
        if let Some(authorization) = &self.server.authorization {
            request = request.header("Authorization", authorization)?;
        }
        let limits = Limits::default()
            .max_message_bytes(connect.max_message_bytes)
            .max_frame_bytes(connect.max_message_bytes);
        let config = Config::default().limits(limits);
        let time = self.clock.until(connect.due);
        // The heartbeat is that of Engine.IO.
        let timeouts = Timeouts::NONE.opening(Some(time)).close(Some(CLOSE_TIMEOUT));
        let mut connector = Connector::new().max_redirects(0);
        if let Some(tls) = &self.server.tls {
            connector = connector.tls(Arc::clone(tls));
        }
        let socket = connect_with(&request, config, timeouts, &connector)?;
        let stream = Arc::new(socket.stream().socket().try_clone()?);
        stream.set_nodelay(true)?;
        let (reader, writer) = socket.split()?;
        Ok((reader, Open { link: connect.link, writer, socket: stream, is_writing: false }))
    }

    fn read(&self, reader: &mut Reader<TcpOrTls>, link: Link) -> Result<(), Error> {
        while let Some(event) = reader.read()? {
            let mut state = self.wait_for_room();
            let now = self.clock.now();
            let event = match event {
                Event::Text(text) => state.machine.text(now, link, text),
                Event::Binary(bytes) => state.machine.binary(now, link, bytes),
                _ => continue,
            };
            if let Some(event) = event {
                self.deliver(&mut state, event.into_owned());
            }
            self.carry_out(&mut state, now);
        }
        Ok(())
    }

    fn wait_for_room(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        while state.is_full() && !state.stops {
            state = self.wait_for_work(state);
        }
        state
    }

    /// Writes what there is for WebSockets.
    pub(super) fn run_writer(&self) {
        let mut state = self.state();
        while !state.stops {
            if let Some((open, code)) = state.closing.take() {
                drop(state);
                // If that fails it has ended.
                let _ = open.writer.close(code, "");
                state = self.state();
                continue;
            }
            let has_frames = state.has_frames;
            let Some(open) = state.open.as_mut().filter(|_| has_frames) else {
                state = self.wait_for_work(state);
                continue;
            };
            let (link, writer) = (open.link, open.writer.clone());
            open.is_writing = true;
            let now = self.clock.now();
            let frame = state.machine.next_frame(now, link);
            // Those that would have to wait behind it are not to be sent now.
            state.machine.set_busy(frame.is_some());
            state.has_frames = frame.is_some();
            self.carry_out(&mut state, now);
            drop(state);
            let written = frame.map_or(Ok(()), |frame| write(&writer, &frame));
            state = self.state();
            if let Some(open) = state.open.as_mut().filter(|open| open.link == link) {
                open.is_writing = false;
                if let Err(error) = written {
                    // Reading finds out, too, unless it is something that cannot be sent.
                    let open = open.clone();
                    open.abort();
                    let now = self.clock.now();
                    state.machine.link_failed(now, link, error);
                    self.carry_out(&mut state, now);
                }
            }
            state.machine.set_busy(false);
        }
    }
}

fn write(writer: &Writer<TcpOrTls>, frame: &Frame) -> Result<(), Error> {
    match frame {
        Frame::Text(text) => writer.send_text(text),
        Frame::Message(packet) => writer.send_prepared(packet.message()),
        Frame::Close(code) => writer.close(*code, ""),
    }
}
