//! A [`WebSocket`] as a stream and a sink of owned messages.

use crate::message::{Close, Message};
use crate::{Error, Reader, WebSocket};
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_core::Stream;
use futures_sink::Sink;
use sansio_ws::{CloseCode, Connection, MessageKind, SendError};
use tokio::io::{AsyncRead, AsyncWrite};

/// Ends when the connection has ended; [`ended`](WebSocket::ended) tells how. What `poll_next` writes, and when, is what
/// [`next`](WebSocket::next) does.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        poll_message(cx, |cx| this.poll_next_event(cx).map_ok(|event| event.map(Message::of)))
    }
}

/// As a [`WebSocket`] in one piece.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Reader<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        poll_message(cx, |cx| this.poll_next_event(cx).map_ok(|event| event.map(Message::of)))
    }
}

/// Passes over what says nothing.
fn poll_message(
    cx: &mut Context<'_>,
    mut poll_next_event: impl FnMut(&mut Context<'_>) -> Poll<Result<Option<Option<Message>>, Error>>,
) -> Poll<Option<Result<Message, Error>>> {
    loop {
        match ready!(poll_next_event(cx)).transpose() {
            Some(Ok(None)) => {}
            Some(Ok(Some(message))) => return Poll::Ready(Some(Ok(message))),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        }
    }
}

/// Closing it sends Close, unless one was sent, and waits until the stream has taken it; reading goes on until the
/// connection has ended.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Self::poll_ready(self.get_mut(), cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Ok(queue(self.get_mut().connection(), message)?)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Self::poll_flush(self.get_mut(), cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if this.connection().is_open() {
            this.connection().close(CloseCode::NORMAL, "")?;
        }
        Self::poll_flush(this, cx)
    }
}

/// Queues a message without copying it, if it is large and has not to be masked.
pub(crate) fn queue(connection: &mut Connection, message: Message) -> Result<(), SendError> {
    match message {
        Message::Text(text) => Ok(connection.send_bytes(MessageKind::Text, text.into_bytes())?),
        Message::Binary(bytes) => Ok(connection.send_bytes(MessageKind::Binary, bytes)?),
        Message::Part { kind, payload, last } => connection.send_fragment(kind, &payload, last),
        Message::Ping(payload) => connection.send_ping(payload),
        Message::Pong(payload) => connection.send_pong(payload),
        Message::Close(None) => connection.close_empty(),
        Message::Close(Some(Close { code, reason })) => connection.close(code, &reason),
    }
}
