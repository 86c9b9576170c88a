//! `/admin`: what has happened, and who is there.

use crate::state::State;
use sansio_socketio::mio::App;
use serde_json::{Map, Value, json};

pub(crate) fn add(app: &mut App<State>) {
    app.namespace("/admin")
        .on("log", |state, socket, (): ()| socket.ack((state.lines(),)))
        .on("clients", |_, socket, (): ()| {
            let server = socket.io().server();
            let sockets: Map<String, Value> =
                server.namespaces().map(|(name, number)| (name.into(), number.into())).collect();
            let answer = json!({ "engine": server.clients(), "sockets": sockets });
            socket.ack((answer,));
        })
        .on("close", |_, socket, (): ()| {
            socket.ack(());
            socket.io().shut_down();
        });
}
