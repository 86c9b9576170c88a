//! tokio-tungstenite, with its defaults: `feed`, and one `flush` for what has arrived together.

use tokio_tungstenite::tungstenite::Message;
use versus::serve::{Got, Hub, Options, converse, run};

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let hub = options.broadcast.then(Hub::<Message>::default);
    run(&options.address, |stream| {
        let hub = hub.clone();
        async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
            converse(&mut socket, hub, |item| match item {
                Ok(message) if message.is_text() || message.is_binary() => Got::Message(message),
                Ok(_) => Got::Other,
                Err(_) => Got::End,
            })
            .await;
        }
    })
}
