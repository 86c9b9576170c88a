//! As a `Stream` and a `Sink`, and that all futures can be sent to other threads.

use crate::support::{Stream, frame, frames, server, server_with};
use bytes::Bytes;
use core::time::Duration;
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{ClientRequest, OriginPolicy, Response};
use sansio_ws::{
    CloseCode, Config, ControlPayload, Delivery, Limits, MessageKind, PreparedMessage,
};
use sansio_ws_tokio::{Close, Error, Message, Reader, WebSocket, Writer};
use tokio::net::TcpStream;

#[tokio::test(start_paused = true)]
async fn a_stream_tells_all() {
    let (socket, peer) = server(Timeouts::default());
    peer.send(
        &[frame(1, "text ä".as_bytes()), frame(2, &[1, 2]), frame(9, b"p"), frame(10, b"q")]
            .concat(),
    );
    peer.send(&frame(8, b"\x03\xe8bye"));
    peer.end(Ok(()));
    let messages: Vec<Message> = socket.try_collect().await.unwrap();
    let control = |bytes| ControlPayload::new(bytes).unwrap();
    let close = Close { code: CloseCode::NORMAL, reason: "bye".into() };
    let expected = [
        Message::from("text ä"),
        Message::from(vec![1, 2]),
        Message::Ping(control(b"p")),
        Message::Pong(control(b"q")),
        Message::Close(Some(close)),
    ];
    assert_eq!(messages, expected);
}

#[tokio::test(start_paused = true)]
async fn an_error_comes_once_and_then_the_end() {
    let (mut socket, peer) = server(Timeouts::default());
    peer.send(b"\x83\x80\0\0\0\0");
    peer.end(Ok(()));
    assert!(matches!(StreamExt::next(&mut socket).await, Some(Err(Error::Protocol(_)))));
    assert!(StreamExt::next(&mut socket).await.is_none());
    assert!(StreamExt::next(&mut socket).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn parts_are_handed_out_as_they_come() {
    let config = Config::default().delivery(Delivery::Parts);
    let (mut socket, peer) = server_with(config, Timeouts::default());
    peer.send(&frame(2, b"abcdef")[..9]);
    let part = StreamExt::next(&mut socket).await.unwrap().unwrap();
    let payload = Bytes::from_static(b"abc");
    assert_eq!(part, Message::Part { kind: MessageKind::Binary, payload, last: false });
}

#[tokio::test(start_paused = true)]
async fn a_sink_feeds_flushes_and_closes() {
    let (mut socket, peer) = server(Timeouts::default());
    socket.feed("a".into()).await.unwrap();
    let large = Bytes::from(vec![7; 100_000]);
    socket.feed(large.clone().into()).await.unwrap();
    assert!(peer.taken().is_empty());
    socket.flush().await.unwrap();
    assert_eq!(frames(&peer.take()), [(1, b"a".to_vec()), (2, large.to_vec())]);
    let part = |payload: &'static [u8], last| Message::Part {
        kind: MessageKind::Text,
        payload: payload.into(),
        last,
    };
    socket.send(part(b"a", false)).await.unwrap();
    socket.send(Message::Ping(ControlPayload::EMPTY)).await.unwrap();
    socket.send(part(b"b", true)).await.unwrap();
    SinkExt::close(&mut socket).await.unwrap();
    let opcodes: Vec<u8> = frames(&peer.take()).iter().map(|(opcode, _)| *opcode).collect();
    assert_eq!(opcodes, [1, 9, 0, 8]);
    SinkExt::close(&mut socket).await.unwrap();
    assert!(peer.taken().is_empty(), "once");
    assert!(socket.send("late".into()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn it_can_be_split_by_futures_and_forwarded() {
    let (socket, peer) = server(Timeouts::default());
    for number in 0..100 {
        peer.send(&frame(1, format!("{number}").as_bytes()));
    }
    let (sink, stream) = socket.split_by_futures();
    let texts =
        stream.try_filter(|message| core::future::ready(matches!(message, Message::Text(_))));
    let forwarding = tokio::time::timeout(Duration::from_secs(1), texts.forward(sink)).await;
    assert!(forwarding.is_err(), "more could come");
    let texts = frames(&peer.taken()).iter().filter(|(opcode, _)| *opcode == 1).count();
    assert_eq!(texts, 100);
}

trait SplitByFutures: Sized {
    fn split_by_futures(
        self,
    ) -> (futures_util::stream::SplitSink<Self, Message>, futures_util::stream::SplitStream<Self>);
}

impl SplitByFutures for WebSocket<Stream> {
    fn split_by_futures(
        self,
    ) -> (futures_util::stream::SplitSink<Self, Message>, futures_util::stream::SplitStream<Self>)
    {
        StreamExt::split(self)
    }
}

fn assert_send<T: Send>(_: T) {}

/// Never called: that it compiles is the test.
#[allow(dead_code)]
fn every_future_is_send(
    mut socket: WebSocket<TcpStream>,
    mut reader: Reader<TcpStream>,
    writer: &Writer<TcpStream>,
    stream: [TcpStream; 4],
) {
    let (config, timeouts) = (Config::default, Timeouts::default());
    let request = ClientRequest::new("ws://a/").unwrap();
    let [a, b, c, d] = stream;
    assert_send(WebSocket::accept(a, OriginPolicy::SameHost, config(), timeouts));
    assert_send(WebSocket::accept_with(b, &Limits::default(), timeouts, |_| {
        Err(Response::not_found())
    }));
    assert_send(WebSocket::connect(c, &request, config(), timeouts));
    assert_send(WebSocket::handshake(d, &request, config(), timeouts));
    let (kind, bytes, message) = (MessageKind::Text, Bytes::new(), PreparedMessage::text(""));
    assert_send(socket.next());
    assert_send(socket.read());
    assert_send(socket.ready());
    assert_send(socket.flush());
    assert_send(socket.send_text(""));
    assert_send(socket.send_binary(b""));
    assert_send(socket.send_bytes(kind, &bytes));
    assert_send(socket.send_fragment(kind, b"", true));
    assert_send(socket.send_prepared(&message));
    assert_send(socket.send_ping(ControlPayload::EMPTY));
    assert_send(socket.send_pong(ControlPayload::EMPTY));
    assert_send(socket.close(CloseCode::NORMAL, ""));
    assert_send(socket.close_empty());
    assert_send(socket.start_close(CloseCode::NORMAL, ""));
    assert_send(reader.read());
    assert_send(writer.send_text(""));
    assert_send(writer.send_binary(b""));
    assert_send(writer.send_bytes(kind, &bytes));
    assert_send(writer.send_prepared(&message));
    assert_send(writer.send_fragment(kind, b"", true));
    assert_send(writer.send_ping(ControlPayload::EMPTY));
    assert_send(writer.send_pong(ControlPayload::EMPTY));
    assert_send(writer.feed_text(""));
    assert_send(writer.feed_binary(b""));
    assert_send(writer.feed_bytes(kind, &bytes));
    assert_send(writer.feed_prepared(&message));
    assert_send(writer.ready());
    assert_send(writer.flush());
    assert_send(writer.close(CloseCode::NORMAL, ""));
    assert_send((socket, reader, writer));
}
