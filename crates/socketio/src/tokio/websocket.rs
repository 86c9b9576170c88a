//! The WebSocket: it is opened, and then read and written side by side.

use super::driver::notifying;
use crate::client::engine::{Connect, Frame, Link};
use crate::program::{Shared, Write};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::error::Error as Cause;
use core::future::pending;
use sansio_ws_tokio::{Answer, Error, Reader, TcpOrTls, Writer, handshake_with};
use tokio::sync::Notify;

type Opened = (Reader<TcpOrTls>, Writer<TcpOrTls>);
type Outcome<T = ()> = Result<T, Box<dyn Cause + Send + Sync>>;

/// Opens WebSockets, one after the other, and carries each until it has ended.
pub(super) async fn run(shared: &Shared) {
    loop {
        let connect = shared.until(|state, _| state.take_connect()).await;
        let link = connect.link;
        let opened = tokio::select! {
            opened = open(shared, &connect) => opened,
            // An attempt that is dropped leaves nothing behind.
            () = shared.until(|state, _| (!state.wants(link)).then_some(())) => continue,
        };
        let result = match opened {
            Ok(opened) => carry(shared, link, opened).await,
            Err(error) => Err(error),
        };
        shared.act(|state, now| state.ended(now, link, result));
    }
}

async fn open(shared: &Shared, connect: &Connect) -> Outcome<Opened> {
    let connector = &shared.address.route.connector;
    let how = shared.address.opening(connect, shared.clock.now())?;
    let answer = handshake_with(&how.request, how.config, how.timeouts, connector).await?;
    let (Answer::Open(_, response) | Answer::Refused { response, .. }) = &answer;
    shared.address.set_cookies_of(shared.clock.now(), response);
    let socket = answer.into_socket()?;
    Ok(socket.split())
}

/// Reads and writes until the WebSocket has ended. One that has come too late ends here.
async fn carry(shared: &Shared, link: Link, (mut reader, writer): Opened) -> Outcome {
    let aborted = Arc::new(Notify::new());
    if !shared.act(|state, now| state.opened(now, link, notifying(&aborted))) {
        return Ok(());
    }
    tokio::select! {
        read = read(shared, link, &mut reader) => Ok(read?),
        () = write(shared, link, &writer) => Ok(()),
        () = aborted.notified() => Err("it was given up".into()),
    }
}

async fn read(shared: &Shared, link: Link, reader: &mut Reader<TcpOrTls>) -> Result<(), Error> {
    while let Some(event) = reader.read().await? {
        let received = shared.until(|state, now| {
            let has_room = state.has_room();
            has_room.then(|| state.received(now, link, &event))
        });
        received.await;
    }
    Ok(())
}

/// Does not end before the WebSocket: whoever reads sees that.
async fn write(shared: &Shared, link: Link, writer: &Writer<TcpOrTls>) {
    loop {
        let frame = match shared.until(|state, now| state.next_write(now, link)).await {
            Write::Frame(frame) => frame,
            Write::Close(code) => {
                // If that fails it has ended.
                let _ = writer.close(code, "").await;
                break;
            }
            Write::Over => break,
        };
        let written = match &frame {
            Frame::Text(text) => writer.send_text(text).await,
            Frame::Message(packet) => writer.send_prepared(packet.message()).await,
            Frame::Close(code) => writer.close(*code, "").await,
        };
        shared.act(|state, now| state.written(now, link, written));
    }
    pending().await
}
