//! Modes `login` and `chat`: what the tutorials build.

use sansio_engineio::Config;
use sansio_socketio::Socket;
use sansio_socketio::mio::App;
use std::collections::BTreeMap;

/// One list of names for all.
pub(crate) fn login(config: Config) -> App<Vec<String>> {
    let mut app = App::new(Vec::new(), config);
    app.namespace("/").on_connect(|names, socket| socket.emit("login", (names,))).on(
        "login",
        |names, socket, (name,): (String,)| {
            names.push(name);
            socket.everyone().emit("login", (names,));
        },
    );
    app
}

/// Who is there, by number.
#[derive(Default)]
pub(crate) struct Guests {
    numbers: BTreeMap<Socket, u64>,
    so_far: u64,
}

impl Guests {
    fn number(&self, socket: Socket) -> u64 {
        self.numbers.get(&socket).copied().unwrap_or(0)
    }
}

pub(crate) fn chat(config: Config) -> App<Guests> {
    let mut app = App::new(Guests::default(), config);
    app.namespace("/")
        .on_connect(|guests, socket| {
            guests.so_far += 1;
            let number = guests.so_far;
            guests.numbers.insert(socket.handle(), number);
            socket.everyone().emit("line", (format!("user{number} comes in"),));
        })
        .on("say", |guests, socket, (text,): (String,)| {
            let number = guests.number(socket.handle());
            socket.everyone().emit("line", (format!("user{number} says: {text}"),));
        })
        .on_disconnect(|guests, socket, _| {
            let number = guests.number(socket.handle());
            guests.numbers.remove(&socket.handle());
            socket.io().of("/").emit("line", (format!("user{number} left"),));
        });
    app
}
