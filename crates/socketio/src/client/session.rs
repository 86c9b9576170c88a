//! The session that all namespaces share: opened, lost, opened again (C5, C6).

use super::sockets::Stage;
use super::{Client, ConnectError, DisconnectReason, Event};
use sansio_engineio::client::{self as engine, CloseReason, Error};
use sansio_ws::deadlines::Instant;

/// How far the session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manager {
    /// There is none, and there will be none by itself.
    Idle,
    /// 0 is not a reconnection.
    Opening {
        attempt: u32,
    },
    Open,
    /// For the next attempt.
    Waiting {
        attempt: u32,
        due: Instant,
    },
}

impl Client {
    pub(super) fn is_open(&self) -> bool {
        self.manager == Manager::Open
    }

    /// Opens a session, unless there is one, or will be.
    pub(super) fn seek_session(&mut self, now: Instant) {
        if self.manager == Manager::Idle && self.is_used() {
            self.manager = Manager::Opening { attempt: 0 };
            self.engine.open(now);
        }
    }

    /// Closes a session that no socket has a use for.
    pub(super) fn abandon_unused(&mut self, now: Instant) {
        if self.is_used() {
            return;
        }
        if let Manager::Waiting { .. } = self.manager {
            self.manager = Manager::Idle;
        }
        self.engine.close(now);
        self.settle(now);
    }

    /// Ends a session in which the server has said what is no packet, or too much. Sockets come back as new ones: to those
    /// of before it would say the same again.
    pub(super) fn break_off(&mut self, now: Instant) {
        self.is_broken = true;
        self.sockets.iter_mut().for_each(|state| state.recovery.forget());
        self.engine.close(now);
        self.settle(now);
    }

    /// Takes what the session has said.
    pub(super) fn settle(&mut self, now: Instant) {
        while let Some(event) = self.engine.poll_event() {
            match event {
                engine::Event::Opened => self.opened(now),
                engine::Event::Upgraded => self.events.push_back(Event::Upgraded),
                engine::Event::UpgradeFailed(error) => {
                    self.events.push_back(Event::UpgradeFailed(error));
                }
                engine::Event::Drained => self.drained(now),
                engine::Event::Closed { reason, error } => self.closed(now, reason, error),
                _ => {}
            }
        }
    }

    fn opened(&mut self, now: Instant) {
        let Manager::Opening { attempt } = self.manager else { return };
        self.manager = Manager::Open;
        self.events.push_back(Event::Opened);
        if attempt > 0 {
            self.events.push_back(Event::Reconnected { attempt });
        }
        for socket in self.sockets() {
            self.ask_for(now, socket);
        }
    }

    fn closed(&mut self, now: Instant, reason: CloseReason, error: Option<Error>) {
        let manager = core::mem::replace(&mut self.manager, Manager::Idle);
        let is_forced = reason == CloseReason::ForcedClose;
        let was_broken = core::mem::take(&mut self.is_broken);
        self.partial = None;
        self.is_session_full = false;
        match manager {
            Manager::Opening { attempt } if !is_forced => {
                self.not_opened(
                    now,
                    attempt,
                    ConnectError::Session(error.unwrap_or(Error::TimedOut)),
                );
            }
            Manager::Opening { .. } | Manager::Open => {
                let reason = match was_broken {
                    true => DisconnectReason::ParseError,
                    false => DisconnectReason::Session(reason),
                };
                self.lose_sockets(reason);
                self.events.push_back(Event::Closed { reason, error });
                if was_broken || !is_forced {
                    self.wait_for(now, 1);
                }
            }
            Manager::Idle | Manager::Waiting { .. } => {}
        }
        self.note_room();
    }

    fn lose_sockets(&mut self, reason: DisconnectReason) {
        for socket in self.sockets() {
            let Some(state) = self.state_mut(socket) else { continue };
            state.owes_disconnect = false;
            state.take_early();
            let was_connected = state.stage == Stage::Connected;
            state.stage = if state.is_active() { Stage::Wanted } else { Stage::Idle };
            if was_connected {
                self.left(socket, reason);
            }
        }
    }

    fn not_opened(&mut self, now: Instant, attempt: u32, error: ConnectError) {
        for socket in self.sockets() {
            if self.is_active(socket) {
                self.events.push_back(Event::ConnectError { socket, error: error.clone() });
            }
        }
        self.events.push_back(Event::Failed(error.clone()));
        self.wait_for(now, attempt.saturating_add(1));
        if attempt > 0 {
            self.events.push_back(Event::ReconnectError(error));
        }
    }

    /// The next attempt, if there is to be one.
    fn wait_for(&mut self, now: Instant, attempt: u32) {
        let Some(reconnection) = self.config.reconnection else { return };
        if reconnection.attempts.is_some_and(|most| attempt > most) {
            self.events.push_back(Event::ReconnectFailed);
            return;
        }
        let delay = reconnection.delay_before(attempt, (self.random)());
        self.manager = Manager::Waiting { attempt, due: now + delay };
    }

    /// The next attempt, if it is due.
    pub(super) fn try_again(&mut self, now: Instant) {
        if let Manager::Waiting { attempt, due } = self.manager
            && due <= now
        {
            self.manager = Manager::Opening { attempt };
            self.events.push_back(Event::Reconnecting { attempt });
            self.engine.open(now);
        }
    }
}
