//! Rooms, and whom an event is for.

use crate::state::{Field, Object, State};
use core::time::Duration;
use log::error;
use sansio_socketio::mio::{Broadcast, Namespace, SocketRef};
use sansio_socketio::{Args, Close, EncodedArgs, Raw, Socket};
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// An object whose values are looked at when they are needed: arguments in it may be binary.
type Order = BTreeMap<String, Raw<'static>>;

/// A value of an order, or what stands for it if it is missing. `None` if it is of another type.
fn value<T: DeserializeOwned + Default>(order: &Order, key: &str) -> Option<T> {
    order.get(key).map_or_else(|| Some(T::default()), |raw| raw.parse().ok())
}

/// Those whom an order means, of the whole namespace.
fn meant<'s>(socket: &'s mut SocketRef<'_, State>, order: &Order) -> Option<Broadcast<'s, State>> {
    let rooms: Vec<String> = value(order, "rooms")?;
    let except: Vec<String> = value(order, "except")?;
    let all = rooms.into_iter().fold(socket.everyone(), Broadcast::room);
    Some(except.into_iter().fold(all, Broadcast::except))
}

pub(crate) fn add(namespace: &mut Namespace<State>) {
    namespace
        .on("join", |_, socket, (rooms,): (Value,)| {
            let rooms = match rooms {
                Value::String(room) => vec![room.into()],
                Value::Array(rooms) => rooms,
                _ => return,
            };
            if rooms.iter().all(Value::is_string) {
                for room in rooms.iter().filter_map(Value::as_str) {
                    socket.join(room);
                }
                socket.ack(());
            }
        })
        .on("leave", |_, socket, (room,): (String,)| {
            socket.leave(&room);
            socket.ack(());
        })
        .on_raw("rooms", |_, socket, _| {
            let mut rooms: Vec<String> = socket.rooms().map(String::from).collect();
            rooms.sort_unstable();
            socket.ack((rooms,));
        })
        .on("to", |_, socket, (order,): (Order,)| {
            if emit_to(socket, &order).is_some() {
                socket.ack(());
            }
        })
        .on("ask-all", |_, socket, (order,): (Order,)| {
            ask_all(socket, &order);
        })
        .on("sockets", |state, socket, (order,): (Order,)| {
            let Some(sockets) = meant(socket, &order).map(|meant| meant.sockets()) else { return };
            let server = socket.io().server();
            let mut list: Vec<_> = sockets
                .into_iter()
                .map(|socket| {
                    let mut rooms: Vec<_> = server.rooms(socket).collect();
                    rooms.sort_unstable();
                    (server.id(socket), rooms, state.data(socket))
                })
                .collect();
            list.sort_by_key(|(id, ..)| *id);
            let list: Vec<_> = list
                .iter()
                .map(|(id, rooms, data)| {
                    [
                        ("id", Field::Json((*id).into())),
                        ("rooms", Field::Json(rooms.clone().into())),
                        ("data", Field::Data(data)),
                    ]
                })
                .collect();
            let list = list.iter().map(|entry| Object(entry)).collect::<Vec<_>>();
            match EncodedArgs::new(&(list,)) {
                Ok(answer) => socket.ack_encoded(&answer),
                Err(error) => error!("sockets: {error}"),
            }
        })
        .on("sockets-join", |_, socket, (order,): (Order,)| {
            let room = order.get("room").and_then(|room| room.parse::<String>().ok());
            if let (Some(room), Some(meant)) = (room, meant(socket, &order)) {
                meant.join(&room);
                socket.ack(());
            }
        })
        .on("sockets-leave", |_, socket, (order,): (Order,)| {
            let room = order.get("room").and_then(|room| room.parse::<String>().ok());
            if let (Some(room), Some(meant)) = (room, meant(socket, &order)) {
                meant.leave(&room);
                socket.ack(());
            }
        })
        .on("sockets-disconnect", |_, socket, (order,): (Order,)| {
            let Some(close) = value::<bool>(&order, "close") else { return };
            socket.ack(());
            if let Some(meant) = meant(socket, &order) {
                meant.disconnect(if close { Close::Transport } else { Close::Namespace });
            }
        });
}

fn emit_to(socket: &mut SocketRef<'_, State>, order: &Order) -> Option<()> {
    let event: String = order.get("event")?.parse().ok()?;
    let args: Vec<Raw<'static>> = value(order, "args")?;
    let is_from_server: bool = value(order, "self")?;
    let is_volatile: bool = value(order, "volatile")?;
    let compress = order.get("compress").map_or(Ok(true), Raw::parse::<bool>).ok()?;
    let sender = socket.handle();
    let mut meant = meant(socket, order)?.compress(compress);
    if !is_from_server {
        meant = meant.without(sender);
    }
    if is_volatile {
        meant = meant.volatile();
    }
    meant.emit(&event, args);
    Some(())
}

fn ask_all(socket: &mut SocketRef<'_, State>, order: &Order) -> Option<()> {
    let event: String = order.get("event")?.parse().ok()?;
    let args: Vec<Raw<'static>> = value(order, "args")?;
    let timeout: u64 = value(order, "timeout")?;
    let ack = socket.take_ack();
    let timeout = Duration::from_millis(timeout);
    meant(socket, order)?.ask(timeout, &event, args, move |_, io, answers, missing| {
        if let Some(ack) = ack {
            io.acknowledge(ack, (Answers { answers: &answers, missing },));
        }
    });
    Some(())
}

/// `{"error": …, "answers": […]}`, of which the answers are as they came.
struct Answers<'a> {
    answers: &'a [(Socket, Args<'static>)],
    missing: usize,
}

impl Serialize for Answers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let firsts: Vec<_> = self.answers.iter().map(|(_, args)| args.raw(0)).collect();
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("error", &(self.missing > 0))?;
        map.serialize_entry("answers", &firsts)?;
        map.end()
    }
}
