//! What the servers on tokio share: one thread, or a few, and one task for each connection.

use crate::scenario::Deflate;
use core::future::Future;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use std::io;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How many threads the runtime has; without it, it is the one that runs all on one.
pub const WORKERS: &str = "VERSUS_WORKERS";

/// The arguments of all servers: `ADDRESS [--broadcast] [--send] [--deflate LEVEL [--takeover]]`.
pub struct Options {
    pub address: String,
    pub broadcast: bool,
    /// Each answer is sent for itself, without looking whether there are more.
    pub send: bool,
    pub deflate: Option<Deflate>,
}

impl Options {
    pub fn parse() -> Self {
        let mut arguments = std::env::args().skip(1);
        let address = arguments.next().expect("usage: ADDRESS [OPTIONS]");
        let rest: Vec<_> = arguments.collect();
        let has = |name| rest.iter().any(|argument| argument == name);
        let level = rest.iter().skip_while(|argument| *argument != "--deflate").nth(1);
        let deflate = level.map(|level| Deflate {
            level: level.parse().expect("a level"),
            takeover: has("--takeover"),
        });
        Self { address, broadcast: has("--broadcast"), send: has("--send"), deflate }
    }
}

/// Runs `serve` for each connection, until the process is ended.
pub fn run<F>(address: &str, serve: impl Fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = match std::env::var(WORKERS).ok().and_then(|workers| workers.parse().ok()) {
        None => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        Some(workers) => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()?,
    };
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        println!("listening");
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(tokio::task::unconstrained(serve(stream)));
        }
    })
}

/// What a stream of messages delivered.
pub enum Got<M> {
    Message(M),
    /// Pings and the like, which the libraries answer.
    Other,
    End,
}

/// Echoes, or sends each message to everyone. Answers are gathered while messages are there
/// and flushed before waiting: each library's best way to answer several messages.
///
/// It borrows the socket, because what is moved into an `async fn` takes its place twice.
pub async fn converse<S, I, M, G>(socket: &mut S, hub: Option<Hub<M>>, got: G)
where
    S: Stream<Item = I> + Sink<M> + Unpin,
    G: Fn(I) -> Got<M>,
    M: Clone,
{
    match hub {
        None => echo(socket, got).await,
        Some(hub) => broadcast(socket, hub, got).await,
    }
}

/// Messages answered with one flush, if that many are there.
const BATCH: usize = 64;

async fn echo<S, I, M>(socket: &mut S, got: impl Fn(I) -> Got<M>)
where
    S: Stream<Item = I> + Sink<M> + Unpin,
{
    // All are taken before any is answered: some libraries flush before they read.
    let mut batch = Vec::new();
    let mut open = true;
    while open {
        let mut item = Some(socket.next().await);
        while let Some(next) = item {
            match next.map_or(Got::End, &got) {
                Got::Message(message) => batch.push(message),
                Got::Other => {}
                Got::End => open = false,
            }
            let more = open && batch.len() < BATCH;
            item = if more { socket.next().now_or_never() } else { None };
        }
        for message in batch.drain(..) {
            if socket.feed(message).await.is_err() {
                return;
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

/// Sends each answer for itself, as most programs do.
pub async fn echo_each<S, I, M>(socket: &mut S, got: impl Fn(I) -> Got<M>)
where
    S: Stream<Item = I> + Sink<M> + Unpin,
{
    loop {
        match socket.next().await.map_or(Got::End, &got) {
            Got::Message(message) => {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            Got::Other => {}
            Got::End => return,
        }
    }
}

/// Everyone who is connected.
#[derive(Clone)]
pub struct Hub<M>(Arc<Mutex<Vec<UnboundedSender<M>>>>);

impl<M> Default for Hub<M> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<M: Clone> Hub<M> {
    pub fn join(&self) -> UnboundedReceiver<M> {
        let (sender, receiver) = unbounded_channel();
        self.0.lock().unwrap().push(sender);
        receiver
    }

    pub fn tell(&self, message: &M) {
        self.0.lock().unwrap().retain(|everyone| everyone.send(message.clone()).is_ok());
    }
}

async fn broadcast<S, I, M>(socket: &mut S, hub: Hub<M>, got: impl Fn(I) -> Got<M>)
where
    S: Stream<Item = I> + Sink<M> + Unpin,
    M: Clone,
{
    let mut told = hub.join();
    loop {
        tokio::select! {
            item = socket.next() => match item.map_or(Got::End, &got) {
                Got::Message(message) => hub.tell(&message),
                Got::Other => {}
                Got::End => return,
            },
            Some(message) = told.recv() => {
                let mut next = Some(message);
                while let Some(message) = next {
                    if socket.feed(message).await.is_err() {
                        return;
                    }
                    next = told.try_recv().ok();
                }
                if socket.flush().await.is_err() {
                    return;
                }
            }
        }
    }
}
