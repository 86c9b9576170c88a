//! Mode `engine`: every message is sent back.

use log::warn;
use sansio_engineio::mio::{Engine, Handler};
use sansio_engineio::{Message, PreparedPacket, Session};
use sansio_ws::handshake::{Request, Response};

pub(crate) struct Echo {
    pub(crate) page: Option<String>,
}

impl Handler for Echo {
    type Command = ();
    type Timer = ();

    fn message(&mut self, session: Session, message: Message<'_>, engine: &mut Engine<'_, ()>) {
        let packet = match message {
            Message::Text(text) => PreparedPacket::text(text),
            Message::Binary(bytes) => PreparedPacket::binary(&bytes),
        };
        // There is room: nothing is read from a client while half of what may wait for it are answers.
        if let Err(error) = engine.send(session, &packet) {
            warn!("session {session}: {error}");
            engine.close(session);
        }
    }

    fn page(&mut self, request: &Request<'_>) -> Response {
        match &self.page {
            Some(page) if request.path() == "/" => Response::html(page).keep_alive(true),
            _ => Response::not_found().keep_alive(true),
        }
    }
}
