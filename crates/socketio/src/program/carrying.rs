//! What is to be carried out for the machine, and what came of it.
//!
//! There is at most one GET, one POST and one WebSocket under way. What has begun has an [`Abort`], for the case
//! that it is not wanted any more; what it comes to after that has no effect.

use super::state::State;
use crate::client::Output;
use crate::client::engine::{Connect, Exchange, Frame, Link, Method, Request};
use alloc::boxed::Box;
use core::fmt;
use sansio_ws::deadlines::Instant;
use sansio_ws::{CloseCode, Event};

/// Ends the waiting of whoever carries something out. It is called with the lock held, so it may not take that.
pub(crate) type Abort = Box<dyn Fn() + Send>;

/// What whoever writes to a WebSocket has to do.
pub(crate) enum Write {
    /// Write this, and say [`written`](State::written).
    Frame(Frame),
    /// Close it. That was the last one.
    Close(CloseCode),
    /// It has ended.
    Over,
}

#[derive(Default)]
pub(super) struct Jobs {
    get: Job,
    post: Job,
    connect: Option<Connect>,
    /// The WebSocket that the machine wants, whether it is open or not.
    wanted: Option<Link>,
    /// The one that is open, even if it is not wanted any more.
    open: Option<Open>,
}

/// Requests of one method, one after the other.
#[derive(Default)]
struct Job {
    next: Option<Request>,
    under_way: Option<(Exchange, Abort)>,
}

struct Open {
    link: Link,
    abort: Abort,
    has_frames: bool,
    is_writing: bool,
    /// It is to be closed.
    close: Option<CloseCode>,
}

impl Jobs {
    fn job(&mut self, method: Method) -> &mut Job {
        match method {
            Method::Get => &mut self.get,
            Method::Post => &mut self.post,
        }
    }

    fn open(&mut self, link: Link) -> Option<&mut Open> {
        self.open.as_mut().filter(|open| open.link == link)
    }

    /// Whether nothing is under way that is worth waiting for.
    pub(super) const fn is_at_rest(&self) -> bool {
        self.open.is_none()
    }

    pub(super) fn add(&mut self, output: Output) {
        match output {
            Output::Request(request) => {
                let job = self.job(request.method);
                job.next = Some(request);
            }
            Output::Abort(exchange) => {
                for job in [&mut self.get, &mut self.post] {
                    job.next.take_if(|request| request.exchange == exchange);
                    if let Some((_, abort)) = job.under_way.take_if(|(it, _)| *it == exchange) {
                        abort();
                    }
                }
            }
            Output::Connect(connect) => {
                self.wanted = Some(connect.link);
                self.connect = Some(connect);
            }
            Output::Frames(link) => {
                if let Some(open) = self.open(link) {
                    open.has_frames = true;
                }
            }
            Output::Close { link, code } => {
                self.wanted.take_if(|wanted| *wanted == link);
                self.connect.take_if(|connect| connect.link == link);
                if let Some(open) = self.open(link) {
                    open.has_frames = false;
                    if open.is_writing {
                        // Whoever does not read would not read this.
                        (open.abort)();
                    } else {
                        open.close = Some(code);
                    }
                }
            }
        }
    }

    pub(super) fn abort_all(&self) {
        let requests = [&self.get, &self.post].into_iter().filter_map(|job| job.under_way.as_ref());
        for abort in requests.map(|(_, abort)| abort).chain(self.open.as_ref().map(|it| &it.abort))
        {
            abort();
        }
    }
}

impl State {
    /// Begins the next request of a method. None with an answer of any length is begun while the inbox is full.
    pub(crate) fn take_request(
        &mut self,
        method: Method,
        abort: impl FnOnce() -> Abort,
    ) -> Option<Request> {
        // A POST has an answer that says nothing.
        let may_ask = method == Method::Post || self.has_room();
        let job = self.jobs.job(method);
        let request = job.next.take_if(|_| may_ask)?;
        job.under_way = Some((request.exchange, abort()));
        Some(request)
    }

    /// A request has its response, or will have none. Returns whether it was still wanted.
    pub(crate) fn requested(
        &mut self,
        now: Instant,
        request: &Request,
        response: Result<(u16, impl AsRef<[u8]>), impl fmt::Display>,
    ) -> bool {
        let exchange = request.exchange;
        let job = self.jobs.job(request.method);
        let was_wanted = job.under_way.take_if(|(it, _)| *it == exchange).is_some();
        match response {
            Ok((status, body)) => {
                let mut received = self.machine.response(now, exchange, status, body.as_ref());
                while let Some(event) = received.next(&mut self.machine) {
                    self.deliver(event.into_owned());
                }
            }
            Err(error) => self.machine.request_failed(now, exchange, error),
        }
        was_wanted
    }

    /// The next WebSocket to open.
    pub(crate) const fn take_connect(&mut self) -> Option<Connect> {
        self.jobs.connect.take()
    }

    /// Whether a WebSocket that is being opened is still wanted.
    pub(crate) fn wants(&self, link: Link) -> bool {
        self.jobs.wanted == Some(link)
    }

    /// A WebSocket is open. Returns whether it is still wanted.
    pub(crate) fn opened(&mut self, now: Instant, link: Link, abort: Abort) -> bool {
        let is_wanted = self.wants(link) && !self.stops;
        if is_wanted {
            let (has_frames, is_writing, close) = (false, false, None);
            self.jobs.open = Some(Open { link, abort, has_frames, is_writing, close });
            self.machine.link_opened(now, link);
        }
        is_wanted
    }

    /// The next thing to write.
    pub(crate) fn next_write(&mut self, now: Instant, link: Link) -> Option<Write> {
        let Some(open) = self.jobs.open(link) else { return Some(Write::Over) };
        if let Some(code) = open.close.take() {
            return Some(Write::Close(code));
        }
        if !open.has_frames {
            return None;
        }
        let frame = self.machine.next_frame(now, link);
        open.has_frames = frame.is_some();
        open.is_writing = frame.is_some();
        // Those that would have to wait behind it are not to be sent now.
        self.machine.set_busy(frame.is_some());
        frame.map(Write::Frame)
    }

    /// A frame was written, or could not be.
    pub(crate) fn written(
        &mut self,
        now: Instant,
        link: Link,
        written: Result<(), impl fmt::Display>,
    ) {
        if let Some(open) = self.jobs.open(link) {
            open.is_writing = false;
            if let Err(error) = written {
                // Reading finds out, too, unless it is something that cannot be sent.
                (open.abort)();
                self.machine.link_failed(now, link, error);
            }
        }
        self.machine.set_busy(false);
    }

    /// Something has come over a WebSocket.
    pub(crate) fn received(&mut self, now: Instant, link: Link, event: &Event<'_>) {
        let event = match event {
            Event::Text(text) => self.machine.text(now, link, text),
            Event::Binary(bytes) => self.machine.binary(now, link, bytes),
            _ => None,
        };
        if let Some(event) = event {
            self.deliver(event.into_owned());
        }
    }

    /// A WebSocket has ended, or could not be opened.
    pub(crate) fn ended(&mut self, now: Instant, link: Link, ended: Result<(), impl fmt::Display>) {
        self.jobs.open.take_if(|open| open.link == link);
        match ended {
            Ok(()) => self.machine.link_closed(now, link),
            Err(error) => self.machine.link_failed(now, link, error),
        }
    }
}
