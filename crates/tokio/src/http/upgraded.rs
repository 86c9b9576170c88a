//! The stream that hyper hands over.

use core::pin::Pin;
use core::task::{Context, Poll};
use hyper_util::rt::TokioIo;
use std::io::{self, ErrorKind, IoSlice};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An upgraded connection of HTTP/1.1, or a stream of HTTP/2.
///
/// How a stream of HTTP/2 ends is told as by TCP: `END_STREAM` is its end, and so is `RST_STREAM` with `NO_ERROR` or `CANCEL`; with
/// any other reason it was [reset](ErrorKind::ConnectionReset), and a connection that goes away takes it along
/// ([aborted](ErrorKind::ConnectionAborted)).
#[derive(Debug)]
pub struct Upgraded(TokioIo<hyper::upgrade::Upgraded>);

impl Upgraded {
    /// What hyper handed over.
    #[must_use]
    pub fn new(upgraded: hyper::upgrade::Upgraded) -> Self {
        Self(TokioIo::new(upgraded))
    }

    /// What hyper handed over, for example to be [downcast](hyper::upgrade::Upgraded::downcast).
    #[must_use]
    pub fn into_inner(self) -> hyper::upgrade::Upgraded {
        self.0.into_inner()
    }

    fn pin(self: Pin<&mut Self>) -> Pin<&mut TokioIo<hyper::upgrade::Upgraded>> {
        Pin::new(&mut self.get_mut().0)
    }
}

/// An error of HTTP/2 in the words of TCP.
fn translated(error: io::Error) -> io::Error {
    let mut cause = error.get_ref().map(|error| error as &(dyn std::error::Error + 'static));
    while let Some(error_of) = cause {
        if let Some(of_stream) = error_of.downcast_ref::<h2::Error>() {
            let kind = if of_stream.is_reset() {
                ErrorKind::ConnectionReset
            } else if of_stream.is_go_away() || of_stream.is_io() {
                ErrorKind::ConnectionAborted
            } else {
                error.kind()
            };
            return io::Error::new(kind, error);
        }
        cause = error_of.source();
    }
    error
}

impl AsyncRead for Upgraded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.pin().poll_read(cx, buf).map_err(translated)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pin().poll_write(cx, buf).map_err(translated)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pin().poll_write_vectored(cx, bufs).map_err(translated)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pin().poll_flush(cx).map_err(translated)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pin().poll_shutdown(cx).map_err(translated)
    }
}
