//! Over real sockets, beside tokio-tungstenite, in both roles; and a reset.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error fails")]

use futures_util::{SinkExt, StreamExt};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{ClientRequest, OriginPolicy};
use sansio_ws::{CloseCode, Config, Ended, Event};
use sansio_ws_tokio::{Error, WebSocket};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

const SIZES: [usize; 8] = [0, 1, 125, 126, 65_535, 65_536, 1_000_000, 3_000_000];

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, server) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (client.unwrap(), server.unwrap().0)
}

async fn accept(stream: TcpStream) -> Result<WebSocket<TcpStream>, Error> {
    WebSocket::accept(stream, OriginPolicy::SameHost, Config::default(), Timeouts::default()).await
}

async fn connect(stream: TcpStream) -> Result<WebSocket<TcpStream>, Error> {
    let request = ClientRequest::new("ws://localhost/").unwrap();
    WebSocket::connect(stream, &request, Config::default(), Timeouts::default()).await
}

#[tokio::test]
async fn our_server() {
    let (client, server) = pair().await;
    let serving = tokio::spawn(async move {
        let mut socket = accept(server).await?;
        while let Some((mut reply, event)) = socket.next().await? {
            match event {
                Event::Text(text) => reply.send_text(text)?,
                Event::Binary(bytes) => reply.send_binary(bytes)?,
                _ => {}
            }
        }
        Ok::<_, Error>(socket.ended().unwrap())
    });
    let (mut client, _) = tokio_tungstenite::client_async("ws://localhost/", client).await.unwrap();
    for size in SIZES {
        let messages = [Message::from(vec![7; size]), Message::from("ä".repeat(size / 2))];
        for message in messages {
            client.send(message.clone()).await.unwrap();
            assert_eq!(client.next().await.unwrap().unwrap(), message);
        }
    }
    client.send(Message::Ping("ping".into())).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong("ping".into()));
    client.close(None).await.unwrap();
    while let Some(Ok(_)) = client.next().await {}
    // It does not end the transport before that.
    drop(client);
    assert_eq!(serving.await.unwrap().unwrap(), Ended::Clean { code: None });
}

#[tokio::test]
async fn our_client() {
    let (client, server) = pair().await;
    let serving = tokio::spawn(async move {
        let mut socket = tokio_tungstenite::accept_async(server).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() || message.is_binary() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let mut client = connect(client).await.unwrap();
    for size in SIZES {
        let (binary, text) = (vec![7; size], "ä".repeat(size / 2));
        client.send_binary(&binary).await.unwrap();
        assert_eq!(client.read().await.unwrap(), Some(Event::Binary(&binary[..])));
        client.send_text(&text).await.unwrap();
        assert_eq!(client.read().await.unwrap(), Some(Event::Text(&text[..])));
    }
    assert!(client.close(CloseCode::NORMAL, "bye").await.unwrap().is_clean());
    serving.await.unwrap();
}

/// A reset, in front of which a message has been read, is the end of the stream.
#[tokio::test]
async fn a_reset_is_an_end() {
    let (client, server) = pair().await;
    let (client, server) = tokio::join!(connect(client), accept(server));
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    client.send_text("last words").await.unwrap();
    assert_eq!(server.read().await.unwrap(), Some(Event::Text("last words")));
    let stream = socket2::SockRef::from(client.stream());
    stream.set_linger(Some(core::time::Duration::ZERO)).unwrap();
    drop(client);
    assert!(server.read().await.unwrap().is_none());
    assert!(matches!(server.ended(), Some(Ended::Eof { .. })));

    let (client, server) = pair().await;
    socket2::SockRef::from(&client).set_linger(Some(core::time::Duration::ZERO)).unwrap();
    drop(client);
    assert!(
        matches!(accept(server).await, Err(Error::Io(_))),
        "before the handshake it is an error"
    );
}
