//! sockudo-ws: its `WebSocketStream` with `feed` and one `flush` for what has arrived together, as its
//! README recommends. Text is checked, the default.

use bytes::BytesMut;
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::protocol::Message;
use sockudo_ws::{Config, Error, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use versus::serve::{Got, Hub, Options, converse, run};

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let hub = options.broadcast.then(Hub::<Message>::default);
    run(&options.address, |stream| {
        let hub = hub.clone();
        async move {
            let Ok(stream) = handshake(stream).await else { return };
            let mut socket = WebSocketStream::server(stream, Config::default());
            converse(&mut socket, hub, |item| match item {
                Ok(message @ (Message::Text(_) | Message::Binary(_))) => Got::Message(message),
                Ok(Message::Close(_)) | Err(_) => Got::End,
                Ok(_) => Got::Other,
            })
            .await;
        }
    })
}

/// As in its example `simple_echo`.
async fn handshake(mut stream: TcpStream) -> Result<TcpStream, Error> {
    let mut bytes = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(Error::ConnectionClosed);
        }
        if let Some((request, _)) = parse_request(&bytes)? {
            let accept = generate_accept_key(request.key);
            stream.write_all(&build_response(&accept, None, None)).await?;
            return Ok(stream);
        }
    }
}
