//! tokio-websockets, configured as its own benchmark server (one frame for each message), with a
//! flush threshold of 64 KiB instead of 8, and `feed` and one `flush` for what has arrived
//! together.

use tokio_websockets::{Config, Limits, Message, ServerBuilder};
use versus::serve::{Got, Hub, Options, converse, run};

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let hub = options.broadcast.then(Hub::<Message>::default);
    run(&options.address, |stream| {
        let hub = hub.clone();
        async move {
            let config = Config::default().frame_size(usize::MAX).flush_threshold(64 * 1024);
            let accepted = ServerBuilder::new()
                .config(config)
                .limits(Limits::unlimited())
                .accept(stream)
                .await;
            let Ok((_request, mut socket)) = accepted else { return };
            converse(&mut socket, hub, |item| match item {
                Ok(message) if message.is_text() || message.is_binary() => Got::Message(message),
                Ok(_) => Got::Other,
                Err(_) => Got::End,
            })
            .await;
        }
    })
}
