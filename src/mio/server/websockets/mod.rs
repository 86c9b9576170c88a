//! A server of WebSockets: all that is left to write is what it says.
//!
//! ```no_run
//! use sansio_ws::PreparedMessage;
//! use sansio_ws::handshake::{OriginPolicy, Request, Response};
//! use sansio_ws::mio::Reply;
//! use sansio_ws::mio::server::Server;
//! use sansio_ws::mio::server::websockets::{Client, Handler, HostPolicy, Outbox, Settings, WebSockets};
//! use mio::net::TcpStream;
//!
//! /// Everyone sees what everyone says.
//! struct Chat;
//!
//! impl Handler for Chat {
//!     type Command = ();
//!     type Timer = ();
//!
//!     fn page(&mut self, _: &Request<'_>) -> Response {
//!         Response::html("<p>connect with a WebSocket</p>")
//!     }
//!
//!     fn opened(&mut self, client: Client, outbox: &mut Outbox<'_, ()>) {
//!         outbox.send_to_all(PreparedMessage::text(&format!("{client} comes in")));
//!     }
//!
//!     fn text(&mut self, client: Client, _: &mut Reply<'_, TcpStream>, text: &str, outbox: &mut Outbox<'_, ()>) {
//!         outbox.send_to_all(PreparedMessage::text(&format!("{client}: {text}")));
//!     }
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let settings = Settings::new(OriginPolicy::SameHost, HostPolicy::AnyHost);
//! let mut server = Server::new(WebSockets::new(Chat, settings))?;
//! server.listen(mio::net::TcpListener::bind("127.0.0.1:9002".parse().expect("an address"))?)?;
//! server.run()?;
//! # Ok(()) }
//! ```
//!
//! **Back-pressure** comes without being asked: who does not read its answers is not read from. A client
//! that does not read what *others* say is dealt with as [`SlowConsumers`] says, and is read from: it may
//! be waiting for that before it reads.
//!
//! **TLS**: a [`Listener`] whose streams are behind TLS.

mod outbox;
mod peer;
mod settings;

pub use crate::handshake::HostPolicy;
pub use outbox::Outbox;
pub use peer::WebSocketPeer;
pub use settings::{Settings, SlowConsumers};

use super::{Context, Key, Listener, Peers, Service};
use crate::connection::{Connection, Ended};
use crate::handshake::{Request, Response};
use crate::mio::{Reply, Stream, WebSocket};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU64;
use mio::net::{TcpListener, TcpStream};
use outbox::{Deliveries, Delivery, Recipients, What};
use std::io;

/// A client with an open WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Client {
    /// What it is sent messages by.
    pub key: Key,
    /// The number of WebSockets opened so far, itself included.
    pub number: NonZeroU64,
}

/// `#` and the number.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.number)
    }
}

/// What a server of WebSockets says. Everything has a default: nothing is said.
///
/// The one who has just spoken is answered through `reply`, all others through `outbox`.
///
/// ```
/// use sansio_ws::mio::Reply;
/// use sansio_ws::mio::server::websockets::{Client, Handler, Outbox};
///
/// struct Echo;
///
/// impl Handler for Echo {
///     type Command = ();
///     type Timer = ();
///
///     fn text(&mut self, _: Client, reply: &mut Reply<'_, mio::net::TcpStream>, text: &str, _: &mut Outbox<'_, ()>) {
///         // Fails only if we have closed the connection: who does not read its echoes is not read from.
///         let _ = reply.send_text(text);
///     }
/// }
/// ```
pub trait Handler<S: Stream = TcpStream>: Sized {
    /// What [handles](super::Handle) send; `()` if nothing.
    type Command;
    /// What deadlines are called by; `()` if there are none.
    type Timer: Clone;

    /// Answers a request: with a WebSocket as the settings say, or with a [page](Self::page).
    ///
    /// # Errors
    ///
    /// A plain response, behind which the connection ends.
    fn request(
        &mut self,
        request: &Request<'_>,
        settings: &Settings,
    ) -> Result<Connection, Response> {
        settings.answer(request, |request| self.page(request))
    }

    /// What browsers see.
    fn page(&mut self, _request: &Request<'_>) -> Response {
        Response::not_found()
    }

    /// A WebSocket has opened, and belongs to all from now on.
    fn opened(&mut self, _client: Client, _outbox: &mut Outbox<'_, Self::Timer>) {}

    /// A text message has come.
    fn text(
        &mut self,
        _client: Client,
        _reply: &mut Reply<'_, S>,
        _text: &str,
        _outbox: &mut Outbox<'_, Self::Timer>,
    ) {
    }

    /// A binary message has come.
    fn binary(
        &mut self,
        _client: Client,
        _reply: &mut Reply<'_, S>,
        _bytes: &[u8],
        _outbox: &mut Outbox<'_, Self::Timer>,
    ) {
    }

    /// More has waited to be written to this client than should, and that is over: it can be sent
    /// messages again.
    fn drained(&mut self, _client: Client, _outbox: &mut Outbox<'_, Self::Timer>) {}

    /// A WebSocket has ended, and belongs to nobody any more.
    fn closed(
        &mut self,
        _client: Client,
        _end: io::Result<Ended>,
        _outbox: &mut Outbox<'_, Self::Timer>,
    ) {
    }

    /// A handle has sent this.
    fn command(&mut self, _command: Self::Command, _outbox: &mut Outbox<'_, Self::Timer>) {}

    /// A deadline has passed.
    fn timer(&mut self, _timer: Self::Timer, _outbox: &mut Outbox<'_, Self::Timer>) {}
}

/// The [service](Service) of a server whose connections are WebSockets and pages.
#[derive(Debug)]
pub struct WebSockets<H, L = TcpListener> {
    handler: H,
    settings: Settings,
    deliveries: Deliveries,
    /// The number of the next WebSocket that opens.
    next_number: NonZeroU64,
    listener: core::marker::PhantomData<fn() -> L>,
}

/// How many deliveries may wait: each may be work for all connections.
const MAX_DELIVERIES: usize = 64;

impl Deliveries {
    fn is_full(&self) -> bool {
        self.list.len() >= MAX_DELIVERIES
    }
}

impl<H, L> WebSockets<H, L> {
    /// A server that says what `handler` says.
    #[must_use]
    pub fn new(handler: H, settings: Settings) -> Self {
        Self {
            handler,
            settings,
            deliveries: Deliveries::default(),
            next_number: NonZeroU64::MIN,
            listener: core::marker::PhantomData,
        }
    }

    /// The handler.
    #[must_use]
    pub fn handler(&self) -> &H {
        &self.handler
    }

    /// The handler.
    pub fn handler_mut(&mut self) -> &mut H {
        &mut self.handler
    }

    /// The handler.
    #[must_use]
    pub fn into_handler(self) -> H {
        self.handler
    }

    /// The handler, and where it says something.
    fn outbox<'c, T>(&'c mut self, context: &'c mut Context<T>) -> (&'c mut H, Outbox<'c, T>) {
        let Self { handler, deliveries, .. } = self;
        let Context { now, tasks, .. } = context;
        (handler, Outbox { deliveries, tasks, now: *now, speaker: None })
    }
}

impl<H, L> Service for WebSockets<H, L>
where
    L: Listener<Stream: Stream>,
    H: Handler<L::Stream>,
{
    type Listener = L;
    type Peer = WebSocketPeer<L::Stream, L::Address>;
    type Command = H::Command;
    type Timer = H::Timer;

    fn accept(
        &mut self,
        _: Key,
        stream: L::Stream,
        address: L::Address,
        context: &mut Context<H::Timer>,
    ) -> Option<Self::Peer> {
        let Settings { config, timeouts, .. } = &self.settings;
        let socket = WebSocket::server(stream, &config.limits, Arc::clone(timeouts), context.now);
        Some(WebSocketPeer::new(socket, address))
    }

    fn command(&mut self, command: H::Command, peers: &mut Peers<Self>) {
        let (handler, mut outbox) = self.outbox(peers.context());
        handler.command(command, &mut outbox);
    }

    fn timer(&mut self, timer: H::Timer, peers: &mut Peers<Self>) {
        let (handler, mut outbox) = self.outbox(peers.context());
        handler.timer(timer, &mut outbox);
    }

    fn ended(
        &mut self,
        key: Key,
        peer: Self::Peer,
        end: io::Result<Ended>,
        context: &mut Context<H::Timer>,
    ) {
        peer.say_farewell(key, &end);
        if let Some(client) = peer.client(key) {
            let (handler, mut outbox) = self.outbox(context);
            handler.closed(client, end, &mut outbox);
        }
    }

    /// Delivers. The end of connections may add to what there is to say.
    fn act(&mut self, peers: &mut Peers<Self>) {
        while !self.deliveries.list.is_empty() {
            let Deliveries { list, keys } = core::mem::take(&mut self.deliveries);
            let list: Vec<_> = list.into_iter().map(|delivery| self.encoded(delivery)).collect();
            let is_for_all = |delivery: &Delivery| {
                matches!(delivery.to, Recipients::All | Recipients::Others(_))
            };
            for run in list.chunk_by(|a, b| is_for_all(a) && is_for_all(b)) {
                self.deliver(run, &keys, peers);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.deliveries.is_full()
    }
}

impl<H, L> WebSockets<H, L>
where
    L: Listener<Stream: Stream>,
    H: Handler<L::Stream>,
{
    /// The same, compressed once for all who get it.
    fn encoded(&self, Delivery { to, what, asked_by }: Delivery) -> Delivery {
        let what = match (&to, what, &self.settings.config.extension) {
            (Recipients::One(_), what, _) => what,
            (_, What::Message(message), Some(extension)) => {
                What::Message(message.encoded(&**extension))
            }
            (_, what, _) => what,
        };
        Delivery { to, what, asked_by }
    }

    /// Delivers one thing, or several that are for all: each client then has one write for all of them.
    fn deliver(&mut self, run: &[Delivery], keys: &[Key], peers: &mut Peers<Self>) {
        let policy = self.settings.slow_consumers;
        let tell = |peers: &mut Peers<Self>, key, delivery| {
            let Some((peer, context)) = peers.get_mut(key) else { return };
            peer.take(key, delivery, policy, &mut context.memory);
            context.tasks.wake(key);
        };
        match run {
            [delivery @ Delivery { to: Recipients::One(key), .. }] => tell(peers, *key, delivery),
            [delivery @ Delivery { to: Recipients::Several(range), .. }] => {
                for key in keys.get(range.clone()).unwrap_or_default() {
                    tell(peers, *key, delivery);
                }
            }
            for_all => peers.for_each(self, |_, key, peer, context| {
                for delivery in for_all {
                    if !matches!(delivery.to, Recipients::Others(except) if except == key) {
                        peer.take(key, delivery, policy, &mut context.memory);
                    }
                }
            }),
        }
    }
}
