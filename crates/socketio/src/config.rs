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
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
