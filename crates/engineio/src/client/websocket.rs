//! The WebSocket: the transport from the beginning, or one that is to become it.

use super::{Client, CloseReason, Error, Event, Frame, Message, Output, Stage, Transport};
use crate::packet::{Packet, PacketKind};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use sansio_ws::CloseCode;
use sansio_ws::deadlines::Instant;

/// A WebSocket, as the machine calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(u64);

/// A WebSocket for the caller to open.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    /// Its name.
    pub link: Link,
    /// Path and query.
    pub target: String,
    /// The headers of [`Config`](super::Config).
    pub headers: Vec<(String, String)>,
    /// How long a message may be.
    pub max_message_bytes: u64,
    /// After this moment it is not wanted any more: [`Output::Close`] follows.
    pub due: Instant,
}

/// The target has the id of the session, and headers may have passwords.
impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("link", &self.link).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WebSocket {
    pub(super) name: Link,
    pub(super) step: Step,
}

/// How far a WebSocket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is being opened.
    Opening,
    /// It is to say the open packet: the session begins by it.
    Greeting,
    /// The answer to the probe has not come.
    Probing,
    /// It has: polling comes to rest.
    Pausing,
    Transport,
}

impl Client {
    pub(super) fn make_link(&mut self) {
        let name = Link(self.next_name());
        let session = self.session.as_ref().map(|session| &*session.id);
        let target = self.config.target(Transport::WebSocket, session);
        self.websocket = Some(WebSocket { name, step: Step::Opening });
        self.is_told = false;
        self.outputs.push_back(Output::Connect(Connect {
            link: name,
            target,
            headers: self.config.headers.clone(),
            max_message_bytes: self.config.max_received_bytes,
            due: self.upgrade_due.or(self.stage_due).unwrap_or_default(),
        }));
    }

    fn step_of(&self, link: Link) -> Option<Step> {
        self.websocket.filter(|socket| socket.name == link).map(|socket| socket.step)
    }

    fn set_step(&mut self, step: Step) {
        if let Some(socket) = &mut self.websocket {
            socket.step = step;
        }
    }

    /// A WebSocket is open.
    pub fn link_opened(&mut self, link: Link) {
        if self.step_of(link) != Some(Step::Opening) {
            return;
        }
        if self.stage == Stage::Opening {
            self.set_step(Step::Greeting);
        } else {
            self.set_step(Step::Probing);
            self.owes_probe = true;
            self.tell();
        }
    }

    /// The server has closed a WebSocket.
    pub fn link_closed(&mut self, now: Instant, link: Link) {
        self.lost(now, link, None);
    }

    /// A WebSocket could not be opened, or has failed.
    pub fn link_failed(&mut self, now: Instant, link: Link, why: impl fmt::Display) {
        self.lost(now, link, Some(Error::websocket(why)));
    }

    fn lost(&mut self, now: Instant, link: Link, error: Option<Error>) {
        let Some(step) = self.step_of(link) else { return };
        let was_transport = step == Step::Transport;
        if was_transport {
            let reason = match error {
                Some(_) => CloseReason::TransportError,
                None => CloseReason::TransportClose,
            };
            // What has gone need not be closed.
            self.websocket = None;
            self.end(now, reason, error);
            return;
        }
        let error = error.unwrap_or_else(|| Error::websocket("the server has closed it"));
        self.websocket = None;
        if self.stage == Stage::Opening {
            self.try_next(now, error);
        } else {
            self.forget_candidate(error);
        }
    }

    /// A text message has come over a WebSocket. What is left of it for the application is returned.
    pub fn text<'b>(&mut self, now: Instant, link: Link, text: &'b str) -> Option<Message<'b>> {
        if !self.is_taken(now, link, text.len()) {
            return None;
        }
        let packet = match (Packet::decode(text), self.step_of(link)?) {
            (_, Step::Probing) if text == "3probe" => {
                self.set_step(Step::Pausing);
                self.rest();
                return None;
            }
            // Before the server knows that it is the transport, it has nothing else to say there.
            (_, Step::Probing | Step::Pausing | Step::Opening) => {
                self.drop_candidate(Error::Probe);
                return None;
            }
            (Ok(packet), Step::Greeting) => {
                self.greeted(now, &packet);
                if self.stage == Stage::Open {
                    self.set_step(Step::Transport);
                }
                return None;
            }
            (Ok(packet), Step::Transport) => packet,
            (Err(error), _) => {
                self.fail(now, error.into());
                return None;
            }
        };
        match packet {
            Packet::Binary(bytes) => return Some(Message::Binary(bytes)),
            Packet::Text { kind: PacketKind::Message, data } => return Some(Message::Text(data)),
            Packet::Text { kind: PacketKind::Ping, .. } => self.pinged(now),
            Packet::Text { kind: PacketKind::Close, .. } => {
                self.end(now, CloseReason::TransportClose, None);
            }
            Packet::Text { .. } => {}
        }
        None
    }

    /// A binary message has come over a WebSocket. What is left of it for the application is returned.
    pub fn binary<'b>(&mut self, now: Instant, link: Link, bytes: &'b [u8]) -> Option<Message<'b>> {
        if !self.is_taken(now, link, bytes.len()) {
            return None;
        }
        match self.step_of(link)? {
            Step::Transport => return Some(Message::Binary(Cow::Borrowed(bytes))),
            Step::Greeting => self.fail(now, Error::Handshake),
            Step::Opening | Step::Probing | Step::Pausing => self.drop_candidate(Error::Probe),
        }
        None
    }

    /// Whether a message of this length is listened to.
    fn is_taken(&mut self, now: Instant, link: Link, len: usize) -> bool {
        let Some(step) = self.step_of(link) else { return false };
        if u64::try_from(len).is_ok_and(|len| len > self.config.max_received_bytes) {
            match step {
                Step::Transport | Step::Greeting => self.fail(now, Error::TooLong),
                Step::Opening | Step::Probing | Step::Pausing => {
                    self.drop_candidate(Error::TooLong);
                }
            }
            return false;
        }
        self.stage != Stage::Closing
    }

    /// If polling has come to rest for it, the WebSocket becomes the transport (C1).
    pub(super) fn rest(&mut self) {
        if self.is_pausing() && self.get.is_none() && self.post.is_none() {
            self.set_step(Step::Transport);
            self.upgrade_due = None;
            self.owes_upgrade = true;
            self.events.push_back(Event::Upgraded);
            self.tell();
        }
    }

    /// The next frame for a WebSocket. It is taken by this: ask only while the connection has room. Messages
    /// leave in the order in which they were queued, behind `5` and pongs.
    pub fn next_frame(&mut self, now: Instant, link: Link) -> Option<Frame> {
        self.step_of(link)?;
        if !self.has_frames() {
            self.is_told = false;
            return None;
        }
        let owed = [
            (&mut self.owes_probe, "2probe"),
            (&mut self.owes_upgrade, "5"),
            (&mut self.owes_pong, "3"),
        ];
        for (owes, text) in owed {
            if core::mem::take(owes) {
                return Some(Frame::Text(Cow::Borrowed(text)));
            }
        }
        if let Some(packet) = self.queue.pop() {
            self.note_room();
            return Some(Frame::Message(packet));
        }
        // C2
        self.websocket = None;
        self.end(now, CloseReason::ForcedClose, None);
        Some(Frame::Close(CloseCode::NORMAL))
    }

    pub(super) fn has_frames(&self) -> bool {
        match self.websocket.map(|socket| socket.step) {
            Some(Step::Probing) => self.owes_probe,
            Some(Step::Transport) => {
                let owes = self.owes_upgrade || self.owes_pong;
                owes || !self.queue.is_empty() || self.stage == Stage::Closing
            }
            _ => false,
        }
    }
}
