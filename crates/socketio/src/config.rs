//! The settings of a server.

use core::time::Duration;

/// The settings of a server. All limits have finite defaults.
///
/// | field | default | beyond it |
/// |---|---|---|
/// | `connect_timeout` | 45 s | a client that has joined no namespace is closed |
/// | `attachment_timeout` | 45 s | a client whose binary event is not whole is closed |
/// | `max_attachment_bytes` | 10,000,000 | the same |
/// | `max_namespaces` | 100 | a client that wants to join more is refused |
/// | `max_namespace_bytes` | 1,000 | a client that wants to join one with a longer name is refused |
/// | `max_rooms` | 10,000 | [`JoinError::TooMany`](crate::JoinError::TooMany) |
/// | `max_questions` | 10,000 | [`EmitError::TooManyQuestions`](crate::EmitError::TooManyQuestions) |
/// | `recovery` | off | see [`Recovery`] |
///
/// What waits to be sent, and what a client sends at once, is bounded by the sessions below.
///
/// ```
/// use sansio_socketio::Config;
/// use std::time::Duration;
///
/// let config = Config::default().connect_timeout(Duration::from_secs(5));
/// assert_eq!(config.max_namespaces, 100);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// From the beginning of a session until its first namespace (S12).
    pub connect_timeout: Duration,
    /// From the header of a binary event to its last attachment.
    pub attachment_timeout: Duration,
    /// Bytes of an event with attachments, its header included.
    pub max_attachment_bytes: usize,
    /// Namespaces that one client is in, or wants to join.
    pub max_namespaces: usize,
    /// Bytes of the name of a namespace.
    pub max_namespace_bytes: usize,
    /// Rooms that one socket is in.
    pub max_rooms: usize,
    /// Answers that one socket owes.
    pub max_questions: usize,
    /// Whether a client that was cut off may come back as the same socket, and what is kept for that (S21 to S24).
    pub recovery: Option<Recovery>,
}

impl Config {
    /// The defaults, as [`default`](Self::default) has them, for constants.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(45),
            attachment_timeout: Duration::from_secs(45),
            max_attachment_bytes: 10_000_000,
            max_namespaces: 100,
            max_namespace_bytes: 1_000,
            max_rooms: 10_000,
            max_questions: 10_000,
            recovery: None,
        }
    }

    /// The same with another time for the first namespace.
    #[must_use]
    pub const fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    /// The same with another time for the attachments of an event.
    #[must_use]
    pub const fn attachment_timeout(mut self, time: Duration) -> Self {
        self.attachment_timeout = time;
        self
    }

    /// The same with another bound on the attachments of an event.
    #[must_use]
    pub const fn max_attachment_bytes(mut self, bytes: usize) -> Self {
        self.max_attachment_bytes = bytes;
        self
    }

    /// The same with another bound on the namespaces of a client.
    #[must_use]
    pub const fn max_namespaces(mut self, number: usize) -> Self {
        self.max_namespaces = number;
        self
    }

    /// The same with another bound on the names of namespaces.
    #[must_use]
    pub const fn max_namespace_bytes(mut self, bytes: usize) -> Self {
        self.max_namespace_bytes = bytes;
        self
    }

    /// The same with another bound on the rooms of a socket.
    #[must_use]
    pub const fn max_rooms(mut self, number: usize) -> Self {
        self.max_rooms = number;
        self
    }

    /// The same with another bound on the answers that a socket owes.
    #[must_use]
    pub const fn max_questions(mut self, number: usize) -> Self {
        self.max_questions = number;
        self
    }

    /// The same with connection state recovery, or without it.
    #[must_use]
    pub const fn recovery(mut self, recovery: Option<Recovery>) -> Self {
        self.recovery = recovery;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// Connection state recovery: a client that was cut off and comes back in time is the same socket again. It has the
/// same id, handle and rooms, and is sent what it has missed (S21 to S24).
///
/// | field | default | beyond it |
/// |---|---|---|
/// | `time` | 2 min | a client that comes back is a new socket |
/// | `max_events` | 10,000 | the oldest events of this namespace are forgotten |
/// | `max_bytes` | 4 MiB | the same |
/// | `max_bytes_of_all` | 64 MiB | the same, in the namespace that needs room |
/// | `max_sockets` | 10,000 | the socket that was lost first is forgotten |
/// | `max_socket_bytes` | 16 MiB | the same |
///
/// Whoever needs a forgotten event comes back as a new socket, like one that is forgotten itself. The same happens if
/// what it has missed is more than may wait for its session.
///
/// ```
/// use sansio_socketio::{Config, Recovery};
/// use std::time::Duration;
///
/// let recovery = Recovery::new().time(Duration::from_secs(30));
/// assert!(Config::new().recovery(Some(recovery)).recovery.is_some());
/// assert!(Config::new().recovery.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// From the loss of a connection until its socket is forgotten; and how long an event can be sent again.
    pub time: Duration,
    /// Events of one namespace that are kept.
    pub max_events: usize,
    /// Bytes of the events of one namespace.
    pub max_bytes: usize,
    /// Bytes of the events of all namespaces.
    pub max_bytes_of_all: usize,
    /// Sockets that were lost and are kept.
    pub max_sockets: usize,
    /// Bytes of their ids and the names of their rooms.
    pub max_socket_bytes: usize,
    /// Whether a socket that can come back does so without asking the application (default: yes). If not, it is asked as
    /// of any client.
    pub skips_admission: bool,
}

impl Recovery {
    /// The defaults, as [`default`](Self::default) has them, for constants.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            time: Duration::from_secs(120),
            max_events: 10_000,
            max_bytes: 4 << 20,
            max_bytes_of_all: 64 << 20,
            max_sockets: 10_000,
            max_socket_bytes: 16 << 20,
            skips_admission: true,
        }
    }

    /// The same with another time.
    #[must_use]
    pub const fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// The same with another bound on the events of a namespace.
    #[must_use]
    pub const fn max_events(mut self, number: usize) -> Self {
        self.max_events = number;
        self
    }

    /// The same with another bound on the bytes of a namespace's events.
    #[must_use]
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The same with another bound on the bytes of all events.
    #[must_use]
    pub const fn max_bytes_of_all(mut self, bytes: usize) -> Self {
        self.max_bytes_of_all = bytes;
        self
    }

    /// The same with another bound on the sockets.
    #[must_use]
    pub const fn max_sockets(mut self, number: usize) -> Self {
        self.max_sockets = number;
        self
    }

    /// The same with another bound on the bytes of the sockets.
    #[must_use]
    pub const fn max_socket_bytes(mut self, bytes: usize) -> Self {
        self.max_socket_bytes = bytes;
        self
    }

    /// The same, with the application asked about each client, or only about new ones.
    #[must_use]
    pub const fn skips_admission(mut self, on: bool) -> Self {
        self.skips_admission = on;
        self
    }
}

impl Default for Recovery {
    fn default() -> Self {
        Self::new()
    }
}
