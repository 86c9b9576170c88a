//! What the program keeps of its sockets.

use sansio_socketio::{DisconnectReason, Raw, Socket};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

#[derive(Default)]
pub(crate) struct State {
    sockets: BTreeMap<Socket, Kept>,
    log: VecDeque<Value>,
    /// What was tried, with its key: who comes back has another handle.
    tries: VecDeque<(String, i64)>,
}

pub(crate) type Data = BTreeMap<&'static str, Raw<'static>>;

/// What is kept of one socket.
#[derive(Default)]
pub(crate) struct Kept {
    /// The payload of its CONNECT, JSON.
    pub(crate) auth: String,
    /// As it was sent: it may be binary.
    pub(crate) data: Data,
    /// The names of events from it, and to it.
    pub(crate) heard: VecDeque<String>,
    pub(crate) sent: VecDeque<String>,
}

const NAMES: usize = 100;
const LINES: usize = 1000;

impl State {
    pub(crate) fn of(&mut self, socket: Socket) -> &mut Kept {
        self.sockets.entry(socket).or_default()
    }

    pub(crate) fn data(&self, socket: Socket) -> Data {
        self.sockets.get(&socket).map(|kept| kept.data.clone()).unwrap_or_default()
    }

    pub(crate) fn forget(&mut self, socket: Socket) {
        self.sockets.remove(&socket);
    }

    pub(crate) fn log(
        &mut self,
        namespace: &str,
        id: &str,
        event: &str,
        reason: Option<DisconnectReason>,
        rooms: Option<Vec<String>>,
    ) {
        let mut line = json!({ "nsp": namespace, "id": id, "event": event });
        if let Some(reason) = reason {
            line["reason"] = reason.to_string().into();
        }
        if let Some(mut rooms) = rooms {
            rooms.sort_unstable();
            line["rooms"] = rooms.into();
        }
        if self.log.len() == LINES {
            self.log.pop_front();
        }
        self.log.push_back(line);
    }

    /// Keeps what is tried. Returns how often that was.
    pub(crate) fn try_once(&mut self, key: String, number: i64) -> usize {
        if self.tries.len() == LINES {
            self.tries.pop_front();
        }
        let tried = (key, number);
        let before = self.tries.iter().filter(|other| **other == tried).count();
        self.tries.push_back(tried);
        before.saturating_add(1)
    }

    pub(crate) fn tries(&self, key: &str) -> Vec<i64> {
        self.tries.iter().filter(|(other, _)| other == key).map(|(_, number)| *number).collect()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.log.iter().cloned().collect()
    }
}

/// Adds a name to a list, which forgets the oldest.
pub(crate) fn note(names: &mut VecDeque<String>, name: &str) {
    if names.len() == NAMES {
        names.pop_front();
    }
    names.push_back(name.into());
}

/// An object, some values of which are raw.
pub(crate) struct Object<'a>(pub(crate) &'a [(&'static str, Field<'a>)]);

pub(crate) enum Field<'a> {
    Json(Value),
    Raw(Raw<'a>),
    Data(&'a Data),
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            match value {
                Field::Json(value) => map.serialize_entry(key, value)?,
                Field::Raw(value) => map.serialize_entry(key, value)?,
                Field::Data(value) => map.serialize_entry(key, value)?,
            }
        }
        map.end()
    }
}
