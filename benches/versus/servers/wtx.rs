//! wtx, as its documentation's echo: frames are lent, and each is written at once. Text is checked by
//! simdutf8.

use tokio::net::TcpStream;
use versus::serve::{Options, run};
use wtx::collection::Vector;
use wtx::web_socket::compression::{Compression, Flate2, WindowBits};
use wtx::web_socket::{DeflateConfig, OpCode, WebSocketAcceptor, WebSocketPayloadOrigin};

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let deflate = options.deflate.map(|deflate| DeflateConfig {
        client_max_window_bits: WindowBits::Fifteen,
        compression_level: deflate.level.try_into().expect("a level"),
        server_max_window_bits: WindowBits::Fifteen,
    });
    run(&options.address, move |stream| async move {
        let _ = match deflate {
            Some(deflate) => echo(stream, Flate2::from(deflate)).await,
            None => echo(stream, ()).await,
        };
    })
}

async fn echo<C>(stream: TcpStream, compression: C) -> wtx::Result<()>
where
    C: Compression<false> + Send,
    C::NegotiatedCompression: Send,
{
    let acceptor = WebSocketAcceptor::default().compression(compression).no_masking(false);
    let mut socket = acceptor.accept(stream).await?;
    let (mut common, mut reader, mut writer) = socket.split_mut();
    let mut buffer = Vector::new();
    loop {
        buffer.clear();
        let mut frame =
            reader.read_frame(&mut buffer, &mut common, WebSocketPayloadOrigin::Adaptive).await?;
        match frame.op_code() {
            OpCode::Binary | OpCode::Text => writer.write_frame(&mut common, &mut frame).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}
