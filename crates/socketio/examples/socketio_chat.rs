//! A chat with rooms, and beside it a namespace for those who only want to see how many are where.
//!
//! ```sh
//! npm install socket.io   # for the script of the page
//! cargo run --release --package sansio-socketio --all-features --example socketio_chat
//! ```

mod support;

use clap::Parser;
use sansio_socketio::mio::{App, SocketRef};
use sansio_socketio::{Socket, Target};
use std::collections::BTreeMap;
use std::process::ExitCode;
use support::Options;

/// A chat with rooms.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

/// Who is there: a name and a room.
#[derive(Default)]
struct Chat {
    guests: BTreeMap<Socket, (String, String)>,
}

const LONGEST: usize = 1000;

impl Chat {
    /// How many are in each room.
    fn rooms(&self) -> BTreeMap<&str, usize> {
        let mut rooms = BTreeMap::new();
        for (_, room) in self.guests.values() {
            *rooms.entry(&**room).or_default() += 1;
        }
        rooms
    }

    fn leave(&mut self, socket: &mut SocketRef<'_, Self>) {
        if let Some((name, room)) = self.guests.remove(&socket.handle()) {
            socket.leave(&room);
            // The handler of a socket that has left says this, too: so it is said to the room by its name.
            let target = Target::all("/").room(&room);
            socket.io().target(target).emit("line", (format!("{name} goes"),));
        }
    }

    fn tell_watchers(&self, socket: &mut SocketRef<'_, Self>) {
        socket.io().of("/watch").emit("rooms", (self.rooms(),));
    }
}

fn main() -> ExitCode {
    let Arguments { options } = Arguments::parse();
    let mut app = App::new(Chat::default(), options.config());
    app.namespace("/")
        .on("enter", |chat, socket, (name, room): (String, String)| {
            if name.len() > LONGEST || room.len() > LONGEST {
                return socket.ack((false,));
            }
            chat.leave(socket);
            socket.join(&room);
            socket.to(&room).emit("line", (format!("{name} comes"),));
            chat.guests.insert(socket.handle(), (name, room));
            chat.tell_watchers(socket);
            socket.ack((true,));
        })
        .on("say", |chat, socket, (text,): (String,)| {
            if let Some((name, room)) = chat.guests.get(&socket.handle()) {
                let line = format!("{name}: {text}");
                socket.everyone().room(room).emit("line", (line,));
            }
        })
        .on_disconnect(|chat, socket, _| {
            chat.leave(socket);
            chat.tell_watchers(socket);
        });
    app.namespace("/watch").on_connect(|chat, socket| socket.emit("rooms", (chat.rooms(),)));
    app.page("/", include_str!("pages/chat.html"));
    options.serve(app)
}
