//! Coming back as the same socket (S21, S22): what the client remembers for that.

use super::{Client, Socket};
use crate::Args;
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use serde_json::Value;

/// Longer than any offset of a server. What is longer is none, so that the memory is bounded.
const MAX_OFFSET_BYTES: usize = 256;

/// What a socket remembers.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// The secret by which the server knows it, if the server has recovery.
    pid: Option<Secret>,
    /// That of the last event that had one.
    offset: Option<Box<str>>,
    is_recovered: bool,
}

#[derive(PartialEq, Eq)]
struct Secret(Box<str>);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret")
    }
}

impl Recovery {
    /// The server has let the client in, under this `pid` if it has recovery.
    pub(super) fn admitted(&mut self, pid: Option<String>) {
        let pid = pid.map(|pid| Secret(pid.into()));
        self.is_recovered = pid.is_some() && pid == self.pid;
        if !self.is_recovered {
            // It is of another socket.
            self.offset = None;
        }
        self.pid = pid;
    }

    /// The socket has left, or was made to: no server keeps it.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// An event that asks for no answer has come. Its last argument is the offset, if it is a string: volatile events have
    /// none, and for a string of theirs the server finds no place in its log, so that the socket is a new one.
    pub(super) fn note(&mut self, args: &Args<'_>) {
        if self.pid.is_none() {
            return;
        }
        let last = args.iter().last().and_then(|last| last.parse::<String>().ok());
        if let Some(offset) = last.filter(|offset| offset.len() <= MAX_OFFSET_BYTES) {
            self.offset = Some(offset.into());
        }
    }

    /// What the client says of itself, with what the server needs to know it again.
    pub(super) fn add_to(&self, auth: Option<&str>) -> Option<String> {
        let Some(Secret(pid)) = &self.pid else { return auth.map(ToOwned::to_owned) };
        let mut object = String::from("{\"pid\":");
        object.push_str(&Value::from(&**pid).to_string());
        if let Some(offset) = &self.offset {
            object.push_str(",\"offset\":");
            object.push_str(&Value::from(&**offset).to_string());
        }
        let members = auth.and_then(|auth| auth.trim_start().strip_prefix('{')).unwrap_or("}");
        if !members.trim_start().starts_with('}') {
            object.push(',');
        }
        object.push_str(members);
        Some(object)
    }
}

impl Client {
    /// Whether the socket has come back as the one that it was, with its id and its rooms, and has been sent what it had
    /// missed: of the last time that it was connected. That needs a server with recovery. Events of such a server have one
    /// more argument at their end, a string.
    #[must_use]
    pub fn is_recovered(&self, socket: Socket) -> bool {
        self.state(socket).is_some_and(|state| state.recovery.is_recovered)
    }
}
