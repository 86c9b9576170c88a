//! How sessions end, and attempts to open one.

use super::websocket::Step;
use super::{Client, CloseReason, Error, Event, Output, Stage};
use sansio_ws::CloseCode;
use sansio_ws::deadlines::Instant;

impl Client {
    /// Closes the session. To the application it is closed at once. What was sent before still goes out; then
    /// the close packet by polling, or the Close of the WebSocket (C2). If not, it [was cut off](Self::was_cut_off).
    pub fn close(&mut self, now: Instant) {
        match self.stage {
            Stage::Closed => {}
            // The next session, which waits for the end of this one.
            Stage::Closing => {
                if core::mem::take(&mut self.reopens) {
                    self.tell_closed();
                }
            }
            Stage::Opening => self.end(now, CloseReason::ForcedClose, None),
            Stage::Open => {
                self.stage = Stage::Closing;
                self.owes_pong = false;
                self.wants_room = false;
                self.refusal = None;
                self.stage_due = Some(now + self.config.close_timeout);
                self.tell_closed();
                if self.is_polling() {
                    // The server closes its side when the session ends.
                    self.close_candidate();
                }
                self.tell();
            }
        }
    }

    fn tell_closed(&mut self) {
        self.events.push_back(Event::Closed { reason: CloseReason::ForcedClose, error: None });
    }

    /// Something has failed: an attempt to open, or the session.
    pub(super) fn fail(&mut self, now: Instant, error: Error) {
        let goes_on = self.stage == Stage::Opening
            && (self.websocket.is_some() || error.is_unknown_transport());
        if !goes_on {
            self.end(now, CloseReason::TransportError, Some(error));
            return;
        }
        self.let_go(CloseCode::PROTOCOL_ERROR);
        self.try_next(now, error);
    }

    /// Ends whatever there is.
    pub(super) fn end(&mut self, now: Instant, reason: CloseReason, error: Option<Error>) {
        let code = match (&error, reason) {
            (Some(_), CloseReason::TransportError) => CloseCode::PROTOCOL_ERROR,
            _ => CloseCode::NORMAL,
        };
        self.let_go(code);
        let was_told = self.stage == Stage::Closing;
        // What was sent has arrived when the close packet leaves; the session may end by that before the answer comes.
        self.is_cut_off = was_told && reason != CloseReason::ForcedClose && !self.is_last_post;
        self.stage = Stage::Closed;
        self.stage_due = None;
        self.upgrade_due = None;
        self.session = None;
        self.queue.clear();
        self.refusal = None;
        self.is_last_post = false;
        self.owes_probe = false;
        self.owes_upgrade = false;
        self.owes_pong = false;
        self.is_told = false;
        self.wants_room = false;
        self.is_busy = false;
        if !was_told {
            self.events.push_back(Event::Closed { reason, error });
        }
        if core::mem::take(&mut self.reopens) {
            self.begin(now);
        }
    }

    /// Lets go of all connections.
    fn let_go(&mut self, code: CloseCode) {
        let get = self.get.take().filter(|_| !core::mem::take(&mut self.is_reading));
        self.outputs.extend(get.into_iter().chain(self.post.take()).map(Output::Abort));
        if let Some(socket) = self.websocket.take() {
            self.outputs.push_back(Output::Close { link: socket.name, code });
        }
    }

    /// The WebSocket that was to become the transport is no good.
    pub(super) fn drop_candidate(&mut self, error: Error) {
        self.close_candidate();
        self.forget_candidate(error);
    }

    fn close_candidate(&mut self) {
        self.upgrade_due = None;
        self.owes_probe = false;
        if let Some(socket) = self.websocket.take_if(|socket| socket.step != Step::Transport) {
            let (link, code) = (socket.name, CloseCode::NORMAL);
            self.outputs.push_back(Output::Close { link, code });
        }
    }

    pub(super) fn forget_candidate(&mut self, error: Error) {
        self.upgrade_due = None;
        self.owes_probe = false;
        self.is_told = false;
        if self.stage == Stage::Open {
            self.events.push_back(Event::UpgradeFailed(error));
        }
    }
}
