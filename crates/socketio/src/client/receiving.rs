//! What the server says.

use super::sockets::Stage;
use super::{AckId, Client, DisconnectReason, Event, Socket};
use crate::packet::{Packet, PacketKind};
use crate::{Args, Bytes};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use sansio_engineio::client::{self as engine, Exchange, Link, Message};
use sansio_ws::deadlines::Instant;

/// An event of which attachments are missing.
#[derive(Debug)]
pub(super) struct Partial {
    header: String,
    missing: usize,
    attachments: Vec<Bytes>,
    bytes: usize,
}

/// What a response has brought, handed out one by one.
#[derive(Debug)]
#[must_use = "the next request is made when all has been handed out"]
pub struct Received<'b> {
    now: Instant,
    messages: engine::Received<'b>,
}

impl<'b> Received<'b> {
    /// The next event; `None` behind the last one. What [`Client::poll_event`] has to say was before it.
    pub fn next(&mut self, client: &mut Client) -> Option<Event<'b>> {
        loop {
            let message = self.messages.next(&mut client.engine);
            client.settle(self.now);
            let event = client.message(self.now, message?);
            if event.is_some() {
                return event;
            }
        }
    }
}

impl Client {
    /// There is a response: see [`engine::Client::response`]. Take its events: `next` until it returns `None`.
    pub fn response<'b>(
        &mut self,
        now: Instant,
        to: Exchange,
        status: u16,
        body: &'b [u8],
    ) -> Received<'b> {
        let messages = self.engine.response(now, to, status, body);
        self.settle(now);
        Received { now, messages }
    }

    /// There will be no response: see [`engine::Client::request_failed`].
    pub fn request_failed(&mut self, now: Instant, exchange: Exchange, why: impl fmt::Display) {
        self.engine.request_failed(now, exchange, why);
        self.settle(now);
    }

    /// A WebSocket is open.
    pub fn link_opened(&mut self, now: Instant, link: Link) {
        self.engine.link_opened(link);
        self.settle(now);
    }

    /// The server has closed a WebSocket.
    pub fn link_closed(&mut self, now: Instant, link: Link) {
        self.engine.link_closed(now, link);
        self.settle(now);
    }

    /// A WebSocket could not be opened, or has failed.
    pub fn link_failed(&mut self, now: Instant, link: Link, why: impl fmt::Display) {
        self.engine.link_failed(now, link, why);
        self.settle(now);
    }

    /// A text message has come over a WebSocket. What [`poll_event`](Self::poll_event) has to say was before
    /// what is returned.
    pub fn text<'b>(&mut self, now: Instant, link: Link, text: &'b str) -> Option<Event<'b>> {
        let message = self.engine.text(now, link, text);
        self.settle(now);
        self.message(now, message?)
    }

    /// A binary message has come over a WebSocket. What [`poll_event`](Self::poll_event) has to say was before
    /// what is returned.
    pub fn binary<'b>(&mut self, now: Instant, link: Link, bytes: &'b [u8]) -> Option<Event<'b>> {
        let message = self.engine.binary(now, link, bytes);
        self.settle(now);
        self.message(now, message?)
    }

    fn message<'b>(&mut self, now: Instant, message: Message<'b>) -> Option<Event<'b>> {
        match (message, self.partial.take()) {
            (Message::Text(text), None) => {
                let Ok(packet) = Packet::decode(text) else {
                    self.break_off(now);
                    return None;
                };
                if packet.attachments == 0 {
                    return self.receive(now, &packet, Vec::new());
                }
                self.begin_attachments(now, text, packet.attachments);
                None
            }
            (Message::Binary(bytes), Some(partial)) => {
                let partial = self.attach(now, partial, bytes.into_owned().into())?;
                // It was one when its header came.
                let packet = Packet::decode(&partial.header).ok()?;
                self.receive(now, &packet, partial.attachments).map(Event::into_owned)
            }
            // Attachments without a header, or a packet between a header and its attachments.
            _ => {
                self.break_off(now);
                None
            }
        }
    }

    fn begin_attachments(&mut self, now: Instant, text: &str, missing: usize) {
        if text.len() > self.config.max_attachment_bytes {
            self.break_off(now);
            return;
        }
        self.partial = Some(Box::new(Partial {
            header: text.into(),
            missing,
            attachments: Vec::new(),
            bytes: text.len(),
        }));
    }

    /// Adds an attachment. Returns the event if it is whole.
    fn attach(
        &mut self,
        now: Instant,
        mut partial: Box<Partial>,
        bytes: Bytes,
    ) -> Option<Box<Partial>> {
        partial.bytes = partial.bytes.saturating_add(bytes.len());
        if partial.bytes > self.config.max_attachment_bytes {
            self.break_off(now);
            return None;
        }
        partial.attachments.push(bytes);
        partial.missing = partial.missing.saturating_sub(1);
        if partial.missing > 0 {
            self.partial = Some(partial);
            return None;
        }
        Some(partial)
    }

    fn receive<'b>(
        &mut self,
        now: Instant,
        packet: &Packet<'b>,
        attachments: Vec<Bytes>,
    ) -> Option<Event<'b>> {
        // What is said of a namespace that nobody has asked for is nothing.
        let socket = self.find(packet.namespace)?;
        let state = self.state(socket)?;
        let (stage, connection) = (state.stage, state.connection);
        let data = packet.data.unwrap_or("[]");
        match packet.kind {
            PacketKind::Connect => self.admitted(now, socket, packet.data),
            PacketKind::ConnectError => self.refused(now, socket, packet.data),
            PacketKind::Event if stage == Stage::Connecting => {
                self.keep_early(now, socket, packet, attachments);
            }
            // What was on its way when the client left.
            _ if stage != Stage::Connected => {}
            PacketKind::Disconnect => {
                self.set_idle(socket);
                self.abandon_unused(now);
                self.left(socket, DisconnectReason::Server);
            }
            PacketKind::Event => {
                let Ok((name, args)) = Args::event(data, attachments) else {
                    self.break_off(now);
                    return None;
                };
                let ack = packet.ack.map(|id| AckId { socket, connection, id });
                if ack.is_none()
                    && let Some(state) = self.state_mut(socket)
                {
                    state.recovery.note(&args);
                }
                // Without a name, or with a number for one, nobody handles it.
                return Some(Event::Event { socket, name: name?, args, ack });
            }
            PacketKind::Ack => {
                let Ok(args) = Args::new(data, attachments) else {
                    self.break_off(now);
                    return None;
                };
                let to = self.answered(now, socket, packet.ack?)?;
                return Some(Event::Answer { to, socket, args });
            }
        }
        None
    }
}

impl Client {
    /// Some servers say their first events before they let the client in: the application hears of them when
    /// it is in. As much may wait as in the other direction.
    fn keep_early(
        &mut self,
        now: Instant,
        socket: Socket,
        packet: &Packet<'_>,
        attachments: Vec<Bytes>,
    ) {
        let (most, most_bytes) = (self.config.max_waiting_packets, self.config.max_waiting_bytes);
        let data = packet.data.unwrap_or("[]");
        let bytes = attachments.iter().map(Bytes::len).fold(data.len(), usize::saturating_add);
        let event = Args::event(data, attachments);
        let Some(state) = self.state_mut(socket) else { return };
        let is_full = state.early.len() >= most || state.early_bytes >= most_bytes;
        let (Ok((name, args)), false) = (event, is_full) else {
            self.break_off(now);
            return;
        };
        let Some(name) = name else { return };
        state.early_bytes = state.early_bytes.saturating_add(bytes);
        let connection = state.connection.wrapping_add(1);
        let ack = packet.ack.map(|id| AckId { socket, connection, id });
        state.early.push(Event::Event { socket, name, args, ack }.into_owned());
    }
}

impl Event<'_> {
    /// The same event without the bytes of the message.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Event { socket, name, args, ack } => {
                let name = Cow::Owned(name.into_owned());
                Event::Event { socket, name, args: args.into_owned(), ack }
            }
            Self::Answer { to, socket, args } => {
                Event::Answer { to, socket, args: args.into_owned() }
            }
            Self::Opened => Event::Opened,
            Self::Upgraded => Event::Upgraded,
            Self::UpgradeFailed(error) => Event::UpgradeFailed(error),
            Self::Closed { reason, error } => Event::Closed { reason, error },
            Self::Failed(error) => Event::Failed(error),
            Self::Reconnecting { attempt } => Event::Reconnecting { attempt },
            Self::Reconnected { attempt } => Event::Reconnected { attempt },
            Self::ReconnectError(error) => Event::ReconnectError(error),
            Self::ReconnectFailed => Event::ReconnectFailed,
            Self::Authenticate { socket } => Event::Authenticate { socket },
            Self::Connected { socket } => Event::Connected { socket },
            Self::ConnectError { socket, error } => Event::ConnectError { socket, error },
            Self::Disconnected { socket, reason } => Event::Disconnected { socket, reason },
            Self::Unanswered { to, socket, why } => Event::Unanswered { to, socket, why },
            Self::NotSent { socket, event, error } => Event::NotSent { socket, event, error },
            Self::Unacknowledged { socket, event, why } => {
                Event::Unacknowledged { socket, event, why }
            }
            Self::Drained => Event::Drained,
        }
    }
}
