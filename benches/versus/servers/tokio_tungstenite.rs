//! tokio-tungstenite, with its defaults: `feed`, and one `flush` for what has arrived together; or `send` for each.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::Message;
use versus::serve::{Got, Hub, Options, converse, echo_each, run};

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let hub = options.broadcast.then(Hub::<Message>::default);
    run(&options.address, |stream| {
        let hub = hub.clone();
        async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
            match options.send {
                true => echo_each(&mut socket, got).await,
                false => converse(&mut socket, hub, got).await,
            }
        }
    })
}

fn got(item: Result<Message, Error>) -> Got<Message> {
    match item {
        Ok(message) if message.is_text() || message.is_binary() => Got::Message(message),
        Ok(_) => Got::Other,
        Err(_) => Got::End,
    }
}
