//! Ours on tokio: `next`, which gathers answers by itself, as its README shows it; or as a stream and a sink with `send`
//! for each message.

use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::OriginPolicy;
use sansio_ws::{Config, Event, PreparedMessage};
use sansio_ws_tokio::{Error, Message, WebSocket};
use std::sync::Arc;
use tokio::net::TcpStream;
use versus::serve::{Got, Hub, Options, echo_each, run};

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let hub = options.broadcast.then(Hub::<PreparedMessage>::default);
    let (config, timeouts) = (Arc::new(Config::default()), Arc::new(Timeouts::default()));
    run(&options.address, |stream| {
        let (hub, config, timeouts) = (hub.clone(), Arc::clone(&config), Arc::clone(&timeouts));
        async move {
            let accepted =
                WebSocket::accept(stream, OriginPolicy::AnyOrigin, config, timeouts).await;
            let Ok(mut socket) = accepted else { return };
            // What is left to do when it fails: nothing.
            let _ = match hub {
                Some(hub) => broadcast(&mut socket, &hub).await,
                None if options.send => {
                    echo_each(&mut socket, got).await;
                    Ok(())
                }
                None => echo(&mut socket).await,
            };
        }
    })
}

async fn echo(socket: &mut WebSocket<TcpStream>) -> Result<(), Error> {
    while let Some((mut reply, event)) = socket.next().await? {
        match event {
            Event::Text(text) => reply.send_text(text)?,
            Event::Binary(bytes) => reply.send_binary(bytes)?,
            _ => {}
        }
    }
    Ok(())
}

async fn broadcast(
    socket: &mut WebSocket<TcpStream>,
    hub: &Hub<PreparedMessage>,
) -> Result<(), Error> {
    let mut told = hub.join();
    loop {
        tokio::select! {
            // All that is there is queued before `next` writes it.
            biased;
            Some(message) = told.recv() => socket.connection().send_prepared(&message)?,
            event = socket.next() => match event? {
                Some((_, Event::Text(text))) => hub.tell(&PreparedMessage::text(text)),
                Some((_, Event::Binary(bytes))) => hub.tell(&PreparedMessage::binary(bytes)),
                Some(_) => {}
                None => return Ok(()),
            },
        }
    }
}

fn got(item: Result<Message, Error>) -> Got<Message> {
    match item {
        Ok(message @ (Message::Text(_) | Message::Binary(_))) => Got::Message(message),
        Ok(_) => Got::Other,
        Err(_) => Got::End,
    }
}
