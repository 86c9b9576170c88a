//! sockudo-ws: its `WebSocketStream` with `feed` and one `flush` for what has arrived together, as its
//! README recommends. Text is checked, the default.

use bytes::BytesMut;
use sockudo_ws::deflate::{DeflateConfig, negotiate_server_deflate};
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::protocol::Message;
use sockudo_ws::{CompressedWebSocketStream, Config, Error, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use versus::serve::{Got, Hub, Options, converse, run};

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let hub = options.broadcast.then(Hub::<Message>::default);
    let deflate = options.deflate.map(|deflate| DeflateConfig {
        server_no_context_takeover: !deflate.takeover,
        client_no_context_takeover: !deflate.takeover,
        compression_level: deflate.level.into(),
        ..DeflateConfig::default()
    });
    run(&options.address, |stream| {
        let (hub, deflate) = (hub.clone(), deflate.clone());
        async move {
            let Ok((stream, agreed)) = handshake(stream, deflate).await else { return };
            let config = Config::default();
            if let Some(agreed) = agreed {
                let mut socket = CompressedWebSocketStream::server(stream, config, agreed);
                converse(&mut socket, hub, got).await;
            } else {
                let mut socket = WebSocketStream::server(stream, config);
                converse(&mut socket, hub, got).await;
            }
        }
    })
}

fn got(item: Result<Message, Error>) -> Got<Message> {
    match item {
        Ok(message @ (Message::Text(_) | Message::Binary(_))) => Got::Message(message),
        Ok(Message::Close(_)) | Err(_) => Got::End,
        Ok(_) => Got::Other,
    }
}

/// As in its example `simple_echo`, and what was agreed on about compression.
async fn handshake(
    mut stream: TcpStream,
    deflate: Option<DeflateConfig>,
) -> Result<(TcpStream, Option<DeflateConfig>), Error> {
    let mut bytes = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(Error::ConnectionClosed);
        }
        if let Some((request, _)) = parse_request(&bytes)? {
            let accept = generate_accept_key(request.key);
            let agreed = request
                .extensions
                .zip(deflate)
                .and_then(|(offers, policy)| negotiate_server_deflate(offers, &policy));
            let header = agreed.as_ref().map(|agreed| agreed.to_response_header());
            stream.write_all(&build_response(&accept, None, header.as_deref())).await?;
            return Ok((stream, agreed.map(|agreed| agreed.config)));
        }
    }
}
