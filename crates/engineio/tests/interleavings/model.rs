//! One session as the rules have it, written without regard to memory or speed: what it says to each call, in full.

use super::support::driver::Said;
use sansio_engineio::{CloseReason, Config, Event, SendError, Session};
use sansio_ws::deadlines::Instant;
use std::collections::VecDeque;

const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;
const UNKNOWN_SESSION: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Open,
    /// The application has closed it.
    Closing,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    Open,
    Probed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ping {
    Idle,
    Owed,
    Sent,
}

#[derive(Debug)]
struct Post {
    name: u32,
    /// What is left of its packets, once it was read.
    packets: Option<VecDeque<String>>,
    waits: bool,
}

pub(super) struct Model {
    config: Config,
    session: Session,
    pub(super) now: Instant,
    pub(super) life: Life,
    /// `None` while it is polling.
    pub(super) transport: Option<u32>,
    pub(super) held: Option<u32>,
    post: Option<Post>,
    candidate: Option<(u32, Stage)>,
    queue: VecDeque<String>,
    /// How many of them answer what the client has said.
    answers: usize,
    wants_room: bool,
    ping: Ping,
    was_moved: bool,
    /// It has taken something while its POST waited, since it was last asked.
    has_taken: bool,
    heartbeat_due: Option<Instant>,
    upgrade_due: Option<Instant>,
    close_due: Option<Instant>,
    /// What the Close of the WebSocket says.
    close_code: u16,
    /// Whether the client reads from its WebSocket.
    reads: bool,
    /// Whether the application sends back each message.
    echoes: bool,
    pub(super) said: Vec<Said>,
    /// What the application gets.
    pub(super) got: Vec<String>,
    /// What was queued, ever.
    pub(super) accepted: Vec<String>,
}

impl Model {
    /// A session by polling, whose open packet has left just now.
    pub(super) fn new(config: Config, session: Session, now: Instant, echoes: bool) -> Self {
        let heartbeat_due = Some(now + config.ping_interval);
        Self {
            config,
            session,
            now,
            life: Life::Open,
            transport: None,
            held: None,
            post: None,
            candidate: None,
            queue: VecDeque::new(),
            answers: 0,
            wants_room: false,
            ping: Ping::Idle,
            was_moved: false,
            has_taken: false,
            heartbeat_due,
            upgrade_due: None,
            close_due: None,
            close_code: 1000,
            reads: true,
            echoes,
            said: vec![],
            got: vec![],
            accepted: vec![],
        }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        [self.heartbeat_due, self.upgrade_due, self.close_due].into_iter().flatten().min()
    }

    /// The POST whose body is to be read.
    pub(super) fn reads(&self) -> Option<u32> {
        let post = self.post.as_ref().filter(|post| !post.waits && post.packets.is_none());
        post.map(|post| post.name)
    }

    fn is_probed(&self) -> bool {
        self.candidate.is_some_and(|(_, stage)| stage == Stage::Probed)
    }

    fn makes_posts_wait(&self) -> bool {
        let has_many_answers = self.answers >= self.config.max_queued_packets.div_ceil(2);
        self.life == Life::Open && !self.is_probed() && has_many_answers
    }

    fn respond(&mut self, name: u32, status: u16, body: &str) {
        self.said.push(Said::Respond(name, status, body.into()));
    }

    fn refuse(&mut self, name: u32) {
        match self.life {
            Life::Ended => self.respond(name, 400, UNKNOWN_SESSION),
            _ => self.respond(name, 400, BAD_REQUEST),
        }
    }

    pub(super) fn get(&mut self, name: u32) {
        if self.life == Life::Ended || self.transport.is_some() {
            self.refuse(name);
        } else if self.held.is_some() {
            // E14
            self.respond(name, 400, BAD_REQUEST);
            self.end("1", CloseReason::TransportError);
        } else {
            self.held = Some(name);
            self.flush();
        }
    }

    pub(super) fn begin_post(&mut self, name: u32) {
        if self.life == Life::Ended || self.transport.is_some() {
            self.refuse(name);
            return;
        }
        self.touch();
        if self.post.is_some() {
            // E14
            self.respond(name, 400, BAD_REQUEST);
            self.end("1", CloseReason::TransportError);
        } else {
            self.post = Some(Post { name, packets: None, waits: self.makes_posts_wait() });
        }
    }

    pub(super) fn body(&mut self, name: u32, body: &str) {
        if let Some(post) = self.post.as_mut().filter(|post| post.name == name) {
            post.packets = Some(body.split('\u{1e}').map(String::from).collect());
            self.take();
            self.flush();
        }
    }

    /// Takes packets of the POST, as far as possible.
    fn take(&mut self) {
        loop {
            let waits = self.makes_posts_wait();
            let Some(post) = &mut self.post else { return };
            let Some(packets) = &mut post.packets else { return };
            if self.life == Life::Closing || packets.is_empty() {
                self.answer_post(200, "ok");
                return;
            }
            post.waits = waits;
            if waits {
                return;
            }
            let packet = packets.pop_front().expect("it is not empty");
            match packet.chars().next() {
                Some('4') => {
                    self.touch();
                    self.hear(&packet);
                }
                Some('3') => self.pong(),
                Some('0' | '5' | '6') => self.touch(),
                Some('1') => {
                    // E27
                    self.answer_post(200, "ok");
                    self.end("6", CloseReason::TransportClose);
                }
                first => {
                    // E20, E26
                    self.answer_post(400, BAD_REQUEST);
                    self.end("1", fault(first));
                }
            }
        }
    }

    fn answer_post(&mut self, status: u16, body: &str) {
        if let Some(post) = self.post.take() {
            self.respond(post.name, status, body);
        }
    }

    fn continue_post(&mut self) {
        if let Some(post) = self.post.as_mut().filter(|post| post.waits) {
            post.waits = false;
            self.take();
            self.flush();
        }
    }

    fn hear(&mut self, packet: &str) {
        self.got.push(packet[1..].into());
        if self.echoes {
            let _ = self.queue(&packet[1..], true);
        }
    }

    pub(super) fn upgrade(&mut self, name: u32) {
        if self.life == Life::Ended {
            self.respond(name, 400, "Session ID unknown");
        } else if self.life == Life::Closing || self.transport.is_some() || self.candidate.is_some()
        {
            // E21
            self.respond(name, 400, "Bad request");
        } else {
            self.candidate = Some((name, Stage::Opening));
            self.upgrade_due = Some(self.now + self.config.upgrade_timeout);
        }
    }

    pub(super) fn opened(&mut self, name: u32) {
        match &mut self.candidate {
            Some((candidate, stage)) if *candidate == name => *stage = Stage::Open,
            _ => self.said.push(Said::Close(name, 1000)),
        }
    }

    pub(super) fn say(&mut self, name: u32, text: &str) {
        if self.transport == Some(name) {
            self.say_as_transport(text);
        } else if let Some((candidate, stage)) = self.candidate.filter(|(c, _)| *c == name) {
            match (stage, text) {
                (Stage::Open, "2probe") => {
                    // E22
                    self.candidate = Some((candidate, Stage::Probed));
                    self.said.push(Said::Probe(name));
                    self.continue_post();
                }
                (Stage::Probed, "5") => {
                    // E23
                    (self.candidate, self.upgrade_due) = (None, None);
                    self.transport = Some(name);
                    if let Some(held) = self.held.take() {
                        self.respond(held, 200, "6");
                    }
                    self.answer_post(400, BAD_REQUEST);
                    if self.life == Life::Open {
                        self.said.push(Said::Event(Event::Upgraded(self.session)));
                    }
                }
                // E25
                _ => self.drop_candidate(),
            }
        }
        self.flush();
    }

    fn say_as_transport(&mut self, text: &str) {
        if self.life != Life::Open {
            return;
        }
        match text.chars().next() {
            Some('4') => {
                self.touch();
                self.hear(text);
            }
            Some('3') => self.pong(),
            Some('0' | '5' | '6') => self.touch(),
            Some('1') => self.end("", CloseReason::TransportClose),
            first => self.end("", fault(first)),
        }
    }

    fn drop_candidate(&mut self) {
        self.upgrade_due = None;
        // One whose 101 is not out is closed when it is.
        if let Some((name, Stage::Open | Stage::Probed)) = self.candidate.take() {
            self.said.push(Said::Close(name, 1000));
        }
    }

    /// The connection of a request, or a WebSocket, has failed.
    pub(super) fn gone(&mut self, name: u32) {
        if self.transport == Some(name) {
            self.transport = None;
            self.end("", CloseReason::TransportError);
        } else if self.candidate.is_some_and(|(candidate, _)| candidate == name) {
            (self.candidate, self.upgrade_due) = (None, None);
        } else if self.held == Some(name) {
            self.held = None;
            self.end("1", CloseReason::TransportError);
        } else if self.post.as_ref().is_some_and(|post| post.name == name) {
            self.post = None;
            self.end("1", CloseReason::TransportError);
        }
    }

    pub(super) fn send(&mut self, text: &str) -> Result<(), SendError> {
        let sent = self.queue(text, false);
        self.flush();
        sent
    }

    fn queue(&mut self, text: &str, is_answer: bool) -> Result<(), SendError> {
        if self.life != Life::Open {
            return Err(SendError::Gone);
        }
        let waiting = if is_answer { self.answers } else { self.queue.len() };
        if waiting >= self.config.max_queued_packets {
            self.wants_room = true;
            return Err(SendError::Full);
        }
        self.queue.push_back(format!("4{text}"));
        self.accepted.push(format!("4{text}"));
        self.answers += usize::from(is_answer);
        Ok(())
    }

    /// E28
    pub(super) fn close(&mut self) {
        if self.life != Life::Open {
            return;
        }
        self.life = Life::Closing;
        self.said.push(Said::Event(Event::Closed(self.session, CloseReason::ForcedClose)));
        self.close_due = Some(self.now + self.config.close_timeout);
        self.heartbeat_due = None;
        self.wants_room = false;
        if self.ping == Ping::Owed {
            self.ping = Ping::Idle;
        }
        if !self.is_probed() {
            self.drop_candidate();
        }
        // The GET that is held is answered first, and that may be the end.
        self.flush();
        self.continue_post();
    }

    /// All that is due at this moment.
    pub(super) fn tick(&mut self, now: Instant) {
        self.now = now;
        if self.heartbeat_due.is_some_and(|due| due <= now) {
            match self.ping {
                Ping::Idle if self.life == Life::Open => {
                    (self.ping, self.was_moved, self.has_taken) = (Ping::Owed, false, false);
                    self.heartbeat_due = Some(now + self.config.ping_timeout);
                }
                _ if self.life == Life::Open && self.has_taken => {
                    (self.was_moved, self.has_taken) = (true, false);
                    self.heartbeat_due = Some(now + self.config.ping_timeout);
                }
                _ => self.end("1", CloseReason::PingTimeout),
            }
        }
        if self.upgrade_due.is_some_and(|due| due <= now) {
            self.drop_candidate();
        }
        if self.close_due.is_some_and(|due| due <= now) {
            self.end("1", CloseReason::ForcedClose);
        }
        self.flush();
    }

    /// E18: once for each ping.
    fn touch(&mut self) {
        if self.life == Life::Open && self.ping != Ping::Idle && !self.was_moved && !self.has_taken
        {
            self.was_moved = true;
            self.heartbeat_due = Some(self.now + self.config.ping_timeout);
        }
    }

    fn pong(&mut self) {
        self.touch();
        if self.ping == Ping::Sent {
            self.ping = Ping::Idle;
            self.heartbeat_due = Some(self.now + self.config.ping_interval);
        }
    }

    fn end(&mut self, last: &str, reason: CloseReason) {
        // What waits leaves first, if it can.
        if self.has_packets() {
            self.leave();
        }
        let code = if reason == CloseReason::ParseError { 1002 } else { 1000 };
        if self.life == Life::Open
            && self.transport.is_some()
            && self.has_packets()
            && reason != CloseReason::PingTimeout
        {
            // Until the next heartbeat there is time to read it.
            self.life = Life::Closing;
            self.close_code = code;
            self.wants_room = false;
            if self.ping == Ping::Owed {
                self.ping = Ping::Idle;
            }
            self.said.push(Said::Event(Event::Closed(self.session, reason)));
            return;
        }
        if let Some(held) = self.held.take() {
            self.respond(held, 200, last);
        }
        self.answer_post(400, BAD_REQUEST);
        self.drop_candidate();
        if let Some(name) = self.transport.take() {
            self.said.push(Said::Close(name, code));
        }
        if self.life == Life::Open {
            self.said.push(Said::Event(Event::Closed(self.session, reason)));
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.life = Life::Ended;
        self.queue.clear();
        self.answers = 0;
        (self.heartbeat_due, self.upgrade_due, self.close_due) = (None, None, None);
    }

    fn has_packets(&self) -> bool {
        self.ping == Ping::Owed || !self.queue.is_empty()
    }

    /// What can leave leaves, and makes room.
    fn flush(&mut self) {
        if self.leave() && self.life == Life::Open {
            self.continue_post();
        }
    }

    /// What can leave leaves.
    fn leave(&mut self) -> bool {
        let can_leave = match self.transport {
            Some(_) => self.reads,
            None => self.held.is_some(),
        };
        if self.life == Life::Ended || !can_leave {
            return false;
        }
        let mut packets = vec![];
        if self.ping == Ping::Owed {
            self.ping = Ping::Sent;
            packets.push("2".into());
        }
        packets.extend(self.queue.drain(..));
        self.answers = 0;
        if let Some(name) = self.transport {
            self.said.extend(packets.into_iter().map(|packet| Said::Frame(name, packet)));
            if self.life == Life::Closing {
                self.said.push(Said::Close(name, self.close_code));
                self.transport = None;
                self.forget();
            }
        } else {
            // The close packet leaves by itself, behind all that was said.
            let is_last = self.life == Life::Closing && packets.is_empty();
            if is_last {
                packets.push("1".into());
            }
            if packets.is_empty() && self.is_probed() {
                packets.push("6".into());
            }
            if packets.is_empty() {
                return false;
            }
            let is_asked = self.ping != Ping::Idle;
            self.has_taken |= is_asked && self.post.as_ref().is_some_and(|post| post.waits);
            let held = self.held.take().expect("it is held");
            self.respond(held, 200, &packets.join("\u{1e}"));
            if is_last {
                self.answer_post(200, "ok");
                self.drop_candidate();
                self.forget();
            }
        }
        if self.life == Life::Open && std::mem::take(&mut self.wants_room) {
            self.said.push(Said::Event(Event::Drained(self.session)));
        }
        true
    }

    pub(super) fn read(&mut self, reads: bool) {
        self.reads = reads;
        self.flush();
    }

    pub(super) fn can_send_now(&self) -> bool {
        self.life == Life::Open
            && match self.transport {
                Some(_) => self.queue.is_empty(),
                None => self.held.is_some(),
            }
    }
}

fn fault(first: Option<char>) -> CloseReason {
    match first {
        Some('2') => CloseReason::TransportError,
        _ => CloseReason::ParseError,
    }
}
