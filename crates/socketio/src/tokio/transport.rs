//! The connections of polling, which are made as those of WebSockets are: one way through proxies and TLS for both.

use crate::program::Route;
use alloc::boxed::Box;
use core::pin::Pin;
use core::task::{Context, Poll};
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use sansio_ws::Limits;
use sansio_ws_tokio::{ConnectError, TcpOrTls, connect_stream};
use std::io::{self, IoSlice};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

/// Connects to the server, whatever the URL of a request says.
#[derive(Debug, Clone)]
pub(super) struct ToServer(pub(super) Route);

impl Service<Uri> for ToServer {
    type Response = TokioIo<ServerTransport>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Route { request, connector, timeouts } = self.0.clone();
        Box::pin(async move {
            // Bounded here as well: hyper may go on with it when the request is given up.
            let stream = connect_stream(&request, &Limits::default(), timeouts, &connector).await?;
            Ok(TokioIo::new(ServerTransport(stream)))
        })
    }
}

/// A connection to the server.
#[derive(Debug)]
pub(super) struct ServerTransport(TcpOrTls);

impl Connection for ServerTransport {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl ServerTransport {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpOrTls> {
        Pin::new(&mut self.get_mut().0)
    }
}

impl AsyncRead for ServerTransport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buf)
    }
}

impl AsyncWrite for ServerTransport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
