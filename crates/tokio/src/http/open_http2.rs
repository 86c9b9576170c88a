//! From a stream to a connection of HTTP/2 whose server has said that it knows WebSockets.

use crate::{Error, Unopened};
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;
use hyper::body::Body;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use sansio_ws::deadlines::Timeouts;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Opens a connection of HTTP/2 as a client over a stream: TCP whose server is known to speak it, or TLS with `h2` by ALPN. Waits
/// until the server's settings allow WebSockets (RFC 8441, section 3), and has tasks of their own move the bytes.
///
/// The connection ends when all clones of the sender are dropped, and all WebSockets that [`connect`](super::connect()) has
/// opened. It takes other requests as well.
///
/// # Errors
///
/// [`Error::Unopened`]: [`Timeouts::opening`] has passed; so it does if the server does not know WebSockets, since there is nothing
/// that says so. [`Error::Io`]: the stream has failed or ended, or the server does not speak HTTP/2.
#[doc(alias("SETTINGS_ENABLE_CONNECT_PROTOCOL", "h2", "prior knowledge"))]
pub async fn open_http2<S, B>(stream: S, timeouts: Timeouts) -> Result<SendRequest<B>, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn core::error::Error + Send + Sync>>>,
    B: Send + Unpin + 'static,
{
    let opening = open(stream);
    match timeouts.opening {
        Some(time) => {
            timeout(time, opening).await.map_err(|_| Error::Unopened(Unopened::TimedOut))?
        }
        None => opening.await,
    }
}

async fn open<S, B>(stream: S) -> Result<SendRequest<B>, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn core::error::Error + Send + Sync>>>,
    B: Send + Unpin + 'static,
{
    let tasks = Tasks::default();
    let mut builder = Builder::new(tasks.clone());
    builder.timer(TokioTimer::new());
    let (sender, mut connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    while !connection.is_extended_connect_protocol_enabled() {
        let mut progress = pin!(tasks.progress.notified());
        poll_fn(|cx| {
            if let Poll::Ready(ended) = Pin::new(&mut connection).poll(cx) {
                let error = ended.map_or_else(io::Error::other, |()| ended_early());
                return Poll::Ready(Err(error));
            }
            progress.as_mut().poll(cx).map(Ok)
        })
        .await?;
    }
    // Its errors are those of the requests and the streams, which report them.
    tokio::spawn(connection);
    Ok(sender)
}

fn ended_early() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

/// Runs the tasks of a connection, and tells when one of them has been polled: hyper tells nobody that settings have
/// come, and its task for the connection is the one that sees them.
#[derive(Debug, Clone, Default)]
struct Tasks {
    progress: Arc<Notify>,
}

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        let progress = Arc::clone(&self.progress);
        tokio::spawn(async move {
            let mut task = pin!(task);
            poll_fn(|cx| {
                let polled = task.as_mut().poll(cx);
                progress.notify_one();
                polled
            })
            .await
        });
    }
}
