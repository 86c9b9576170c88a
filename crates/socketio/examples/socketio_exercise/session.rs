//! A client, and what the rows wait for.

use crate::program::Program;
use crate::{Outcome, Server};
use sansio_socketio::Args;
use sansio_socketio::client::{Auth, Reconnection};
use sansio_socketio::tokio::{Builder, Event, Socket};
use std::time::Duration;

/// A watchdog, and no measure: what takes longer does not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Session<C> {
    pub(crate) client: C,
}

pub(crate) fn builder<C: Program>(server: &Server, path: &str) -> Builder<C> {
    let delay = Duration::from_millis(100);
    let mut builder = C::builder(&format!("{}{path}", server.url))
        .transports(server.transports.iter().copied())
        .reconnection(Reconnection::new().delay(delay).max_delay(delay))
        .cookies(server.cookies);
    if let Some(tls) = &server.tls {
        builder = builder.tls(tls.clone());
    }
    if let Some(proxy) = &server.proxy {
        builder = builder.proxy(proxy.clone());
    }
    builder
}

pub(crate) fn token(token: &str) -> Outcome<Auth> {
    Ok(Auth::from_json(format!("{{\"token\":\"{token}\"}}"))?)
}

impl<C: Program> Session<C> {
    /// A client that is connected to the root namespace.
    pub(crate) fn connect(server: &Server) -> Outcome<Self> {
        Ok(Self { client: C::connect(builder(server, ""))? })
    }

    /// A client that begins to connect.
    pub(crate) fn start(server: &Server) -> Outcome<Self> {
        Ok(Self { client: C::start(builder(server, ""))? })
    }

    /// The next event of which `wanted` makes something; those before are left out.
    pub(crate) fn until<T>(
        &mut self,
        what: &str,
        wanted: impl Fn(Event) -> Option<T>,
    ) -> Outcome<T> {
        let mut before = vec![];
        loop {
            let event = self.client.next_within(PATIENCE);
            let event = event.ok_or_else(|| format!("there is no {what} behind {before:?}"))?;
            before.push(format!("{event:?}").chars().take(60).collect::<String>());
            if let Some(found) = wanted(event) {
                return Ok(found);
            }
        }
    }

    /// The next event of this name, of whichever namespace.
    pub(crate) fn event(&mut self, name: &str) -> Outcome<(Socket, Args<'static>)> {
        self.until(name, |event| match event {
            Event::Event { socket, name: found, args, .. } if found == name => Some((socket, args)),
            _ => None,
        })
    }

    /// Leaves, and waits for the end.
    pub(crate) fn finish(mut self) -> Outcome {
        self.client.disconnect()?;
        let mut left = false;
        while let Some(event) = self.client.next_within(PATIENCE) {
            left |= matches!(event, Event::Disconnected { .. });
        }
        if left { Ok(()) } else { Err("it was not told that it left".into()) }
    }
}
