//! yawc, tuned as in its README's benchmarks: a read buffer of 128 KiB, writes from 64 KiB, and one
//! flush for what has arrived together; text is checked by simdutf8. The upgrade is hyper's. Compressors
//! are pooled as its documentation shows it, if there is no context takeover.

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use versus::scenario::Deflate;
use versus::serve::{self, Got, Hub, converse, run};
use yawc::{CompressionLevel, DeflatePool, Frame, OpCode, Options, WebSocket};

fn main() -> std::io::Result<()> {
    let options = serve::Options::parse();
    let hub = options.broadcast.then(Hub::<Frame>::default);
    let settings = settings(options.deflate);
    run(&options.address, |stream| {
        let (hub, settings) = (hub.clone(), settings.clone());
        async move {
            let service =
                service_fn(move |request| upgrade(request, settings.clone(), hub.clone()));
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
        }
    })
}

fn settings(deflate: Option<Deflate>) -> Options {
    let options = Options::default()
        .with_limits(16 << 20, 32 << 20)
        .with_read_buffer_capacity(128 * 1024)
        .with_backpressure_boundary(64 * 1024)
        .with_utf8();
    let Some(deflate) = deflate else { return options.without_compression() };
    let options = options
        .with_compression_level(CompressionLevel::new(deflate.level.into()))
        // It would ask for 9.
        .with_client_max_window_bits(15);
    if deflate.takeover {
        return options;
    }
    let pool = DeflatePool::new(64);
    options.server_no_context_takeover().client_no_context_takeover().with_deflate_pool(pool)
}

async fn upgrade(
    mut request: Request<Incoming>,
    options: Options,
    hub: Option<Hub<Frame>>,
) -> yawc::Result<Response<Empty<Bytes>>> {
    let (response, socket) = WebSocket::upgrade_with_options(&mut request, options)?;
    tokio::spawn(tokio::task::unconstrained(async move {
        let Ok(mut socket) = socket.await else { return };
        converse(&mut socket, hub, |frame: Frame| match frame.opcode() {
            OpCode::Text | OpCode::Binary => Got::Message(frame),
            OpCode::Close => Got::End,
            _ => Got::Other,
        })
        .await;
    }));
    Ok(response)
}
