//! soketto, as its example `autobahn_server`, with its buffers around the socket.

use futures_util::io::{BufReader, BufWriter};
use soketto::handshake::{Server, server::Response};
use soketto::{BoxedError, Data};
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncReadCompatExt;
use versus::serve::{Options, run};

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    run(&options.address, |stream| async {
        let _ = echo(stream).await;
    })
}

async fn echo(stream: TcpStream) -> Result<(), BoxedError> {
    let mut server = Server::new(BufReader::new(BufWriter::new(stream.compat())));
    let key = server.receive_request().await?.key();
    server.send_response(&Response::Accept { key, protocol: None }).await?;
    let (mut sender, mut receiver) = server.into_builder().finish();
    let mut message = Vec::new();
    loop {
        message.clear();
        match receiver.receive_data(&mut message).await? {
            Data::Binary(_) => sender.send_binary_mut(&mut message).await?,
            Data::Text(_) => sender.send_text(std::str::from_utf8(&message)?).await?,
        }
        sender.flush().await?;
    }
}
