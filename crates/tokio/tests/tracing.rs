//! What a subscriber hears of connections. The subscriber is the test's own.

#![cfg(feature = "tracing")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use core::fmt::Debug;
use core::time::Duration;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::frame::ControlPayload;
use sansio_ws::handshake::{Acceptance, ClientRequest, OriginPolicy, Request};
use sansio_ws::{CloseCode, Config, Event, Limits};
use sansio_ws_tokio::{Error, WebSocket};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::sleep;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber, info_span, subscriber};

type Fields = BTreeMap<String, String>;

/// Spans in the order in which they began, and events with the span that they belong to.
#[derive(Debug, Default)]
struct Heard {
    spans: Vec<(String, Option<u64>, Fields)>,
    events: Vec<(u64, Fields)>,
}

#[derive(Clone, Default)]
struct Listener {
    heard: Arc<Mutex<Heard>>,
    deaf: bool,
}

struct Reading<'f>(&'f mut Fields);

impl Visit for Reading<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}"));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !self.deaf && metadata.target().starts_with("sansio_ws_tokio") || metadata.name() == "outer"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut heard = self.heard.lock().unwrap();
        let mut fields = Fields::new();
        span.record(&mut Reading(&mut fields));
        let parent = span.parent().map(Id::into_u64);
        heard.spans.push((span.metadata().name().into(), parent, fields));
        assert_eq!(*span.metadata().level(), Level::INFO);
        Id::from_u64(heard.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut heard = self.heard.lock().unwrap();
        let at = span.into_u64() as usize - 1;
        values.record(&mut Reading(&mut heard.spans[at].2));
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Reading(&mut fields));
        let span = event.parent().unwrap().into_u64();
        self.heard.lock().unwrap().events.push((span, fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Listener {
    /// The fields of the only span of this role.
    fn span(&self, role: &str) -> Fields {
        let heard = self.heard.lock().unwrap();
        let mut spans = heard.spans.iter().filter(|(_, _, fields)| fields["role"] == role);
        let (name, _, fields) = spans.next().unwrap();
        assert_eq!((name.as_str(), spans.next()), ("websocket", None));
        fields.clone()
    }

    fn events(&self, message: &str) -> usize {
        let heard = self.heard.lock().unwrap();
        heard.events.iter().filter(|(_, fields)| fields["message"] == message).count()
    }
}

type Socket = WebSocket<DuplexStream>;

/// Both ends of a connection with the subprotocol `chat`.
async fn pair(config: Config) -> (Socket, Socket) {
    let (near, far) = duplex(1 << 20);
    let request = ClientRequest::new("ws://example.com:81/").unwrap().subprotocol("chat").unwrap();
    let limits = Limits::default();
    let shared = config.clone();
    let decide = |request: &Request<'_>| {
        let upgrade = request.upgrade(OriginPolicy::AnyOrigin)?;
        Ok(upgrade.accept(&Acceptance::default().subprotocol(Some("chat")), shared)?)
    };
    let timeouts = Timeouts::default();
    let server = WebSocket::accept_with(far, &limits, timeouts, decide);
    let client = WebSocket::connect(near, &request, config, timeouts);
    let (server, client) = tokio::join!(server, client);
    (server.unwrap(), client.unwrap())
}

async fn read_to_end(mut socket: Socket) -> Result<Socket, Error> {
    while socket.read().await?.is_some() {}
    Ok(socket)
}

#[tokio::test(start_paused = true)]
async fn who_how_much_and_how_it_ended() {
    let listener = Listener::default();
    let _guard = subscriber::set_default(listener.clone());
    let (server, mut client) = pair(Config::default()).await;
    server.span().record("peer", "10.0.0.1:4000");
    client.send_text("hello").await.unwrap();
    client.send_binary(&[7; 1000]).await.unwrap();
    client.send_fragment(sansio_ws::MessageKind::Text, b"in ", false).await.unwrap();
    client.send_fragment(sansio_ws::MessageKind::Text, b"two", true).await.unwrap();
    let server = tokio::spawn(read_to_end(server));
    client.close(CloseCode::NORMAL, "bye").await.unwrap();
    server.await.unwrap().unwrap();

    // Headers, masks and payloads, and the Close of each side, with its reason.
    let from_client = (6 + 5) + (8 + 1000) + 2 * (6 + 3) + (6 + 5);
    let from_server = 2 + 5;
    for (role, peer, received, sent) in [
        ("server", "10.0.0.1:4000", (from_client, 3), (from_server, 0)),
        ("client", "example.com:81", (from_server, 0), (from_client, 3)),
    ] {
        let span = listener.span(role);
        assert_eq!(span["peer"], peer);
        assert_eq!(span["subprotocol"], "chat");
        assert_eq!(span["ended"], "closed with 1000 (normal closure)", "{role}");
        assert_eq!(span["received_bytes"], received.0.to_string(), "{role}");
        assert_eq!(span["received_messages"], received.1.to_string(), "{role}");
        assert_eq!(span["sent_bytes"], sent.0.to_string(), "{role}");
        assert_eq!(span["sent_messages"], sent.1.to_string(), "{role}");
        assert!(!span.contains_key("round_trip_us"));
    }
    assert_eq!(listener.events("closed with 1000 (normal closure)"), 2);
}

/// Pings of the program and those of the deadlines. A pong that nobody asked for is no round trip.
#[tokio::test(start_paused = true)]
async fn round_trips() {
    let listener = Listener::default();
    let _guard = subscriber::set_default(listener.clone());
    let (mut server, mut client) = pair(Config::default()).await;
    server.send_ping(ControlPayload::new(b"there?").unwrap()).await.unwrap();
    client.send_pong(ControlPayload::new(b"anybody?").unwrap()).await.unwrap();
    sleep(Duration::from_millis(30)).await;
    let client = tokio::spawn(read_to_end(client));
    assert!(matches!(server.read().await.unwrap(), Some(Event::Pong(_))));
    assert!(!listener.span("server").contains_key("round_trip_us"), "nobody has asked for it");
    assert!(matches!(server.read().await.unwrap(), Some(Event::Pong(_))));
    let time: u64 = listener.span("server")["round_trip_us"].parse().unwrap();
    assert!((30_000..40_000).contains(&time), "{time} on a clock that stood still besides");
    assert_eq!(listener.events("pong"), 1);
    // Nothing is said, so a ping is due.
    assert!(matches!(server.read().await.unwrap(), Some(Event::Pong(_))));
    assert!(listener.events("pong") >= 2, "the client may have asked, too");
    server.close(CloseCode::GOING_AWAY, "").await.unwrap();
    client.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn ends_that_are_none() {
    for (act, ended) in
        [("cut", "cut off inside a message"), ("break", "protocol error: "), ("drop", "dropped")]
    {
        let listener = Listener::default();
        let _guard = subscriber::set_default(listener.clone());
        let (mut server, client) = pair(Config::default()).await;
        let mut stream = client.into_parts().stream;
        match act {
            "cut" => {
                stream.write_all(b"\x01\x81\0\0\0\0h").await.unwrap();
                drop(stream);
                assert!(server.read().await.unwrap().is_none());
            }
            "break" => {
                stream.write_all(b"\x81\x01h").await.unwrap();
                server.read().await.unwrap_err();
            }
            _ => {}
        }
        drop(server);
        let span = listener.span("server");
        assert!(span["ended"].starts_with(ended), "{act}: {}", span["ended"]);
        assert_eq!(listener.span("client")["ended"], "dropped");
        assert_eq!(listener.events(&span["ended"]), if act == "drop" { 2 } else { 1 }, "told once");
    }
}

#[tokio::test]
async fn halves_of_a_connection_are_one() {
    let listener = Listener::default();
    let _guard = subscriber::set_default(listener.clone());
    let (server, client) = pair(Config::default()).await;
    let server = tokio::spawn(read_to_end(server));
    let (mut reader, writer) = client.split();
    writer.send_text("hello").await.unwrap();
    writer.close(CloseCode::NORMAL, "").await.unwrap();
    while reader.read().await.unwrap().is_some() {}
    server.await.unwrap().unwrap();
    for (role, count) in [("client", "sent_messages"), ("server", "received_messages")] {
        let span = listener.span(role);
        assert_eq!(span[count], "1");
        assert_eq!(span["ended"], "closed with 1000 (normal closure)");
    }
}

#[tokio::test]
async fn a_subscriber_that_does_not_care() {
    let listener = Listener { deaf: true, ..Listener::default() };
    let _guard = subscriber::set_default(listener.clone());
    let outer = info_span!("outer", role = "none");
    let (server, client) = pair(Config::default()).await;
    assert!(server.span().is_disabled() && client.span().is_disabled());
    drop((server, client, outer));
    let heard = listener.heard.lock().unwrap();
    assert_eq!((heard.spans.len(), heard.events.len()), (1, 0));
}
