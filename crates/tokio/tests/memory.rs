//! What an idle connection costs, beside the socket and the task of tokio.

#![allow(unsafe_code, reason = "an allocator that counts")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error fails")]

use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::OriginPolicy;
use sansio_ws::{Config, Event};
use sansio_ws_tokio::{Error, WebSocket};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream as Client;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes everything on, and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CONNECTIONS: usize = 200;

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Serves so many connections, has each client do something, and returns how many bytes each costs then.
///
/// `act` says how many bytes of the answer it waits for behind the head.
async fn measure<F>(
    serve: impl Fn(TcpStream) -> F,
    act: impl Fn(&mut Client) -> Option<usize>,
) -> usize
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut clients = Vec::with_capacity(CONNECTIONS);
    // Two more, for what is allocated once.
    let mut before = 0;
    for number in 0..CONNECTIONS + 2 {
        let mut client = Client::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(stream));
        client.set_nonblocking(true).unwrap();
        if let Some(bytes) = act(&mut client) {
            let mut answer = vec![];
            while !is_complete(&answer, bytes) {
                yield_now().await;
                let mut more = [0; 4096];
                match client.read(&mut more) {
                    Ok(n) => answer.extend_from_slice(&more[..n]),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            }
        }
        yield_now().await;
        clients.push(client);
        if number == 1 {
            before = LIVE.load(Ordering::Relaxed);
        }
    }
    (LIVE.load(Ordering::Relaxed) - before) / CONNECTIONS
}

fn is_complete(answer: &[u8], bytes: usize) -> bool {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n");
    head.is_some_and(|at| answer.len() == at + 4 + bytes)
}

async fn echo(
    stream: TcpStream,
    config: Arc<Config>,
    timeouts: Arc<Timeouts>,
) -> Result<(), Error> {
    let mut socket = WebSocket::accept(stream, OriginPolicy::AnyOrigin, config, timeouts).await?;
    while let Some((mut reply, event)) = socket.next().await? {
        if let Event::Binary(bytes) = event {
            reply.send_binary(bytes)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_idle_connection_has_no_buffer() {
    let bare = measure(
        |mut stream| async move {
            let mut byte = [0];
            while stream.read(&mut byte).await.is_ok_and(|n| n > 0) {}
        },
        |_| None,
    );
    let bare = bare.await;
    let (config, timeouts) = (Arc::new(Config::default()), Arc::new(Timeouts::default()));
    let serve = |stream| {
        let serving = echo(stream, config.clone(), timeouts.clone());
        async move { serving.await.unwrap() }
    };
    let idle = measure(serve, |client| {
        client.write_all(REQUEST).unwrap();
        Some(0)
    });
    let idle = idle.await;
    let used = measure(serve, |client| {
        client.write_all(REQUEST).unwrap();
        client.write_all(&[&[0x82, 0xfe, 0x04, 0, 0, 0, 0, 0][..], &[7; 1024]].concat()).unwrap();
        Some(4 + 1024)
    });
    let used = used.await;
    println!(
        "bytes: {bare} a socket and a task of tokio, {idle} a connection, {used} once it was used"
    );
    println!("of those, {} the socket itself", size_of::<WebSocket<TcpStream>>());
    assert!(idle <= bare + 1024, "{idle} and {bare}");
    assert!(used <= bare + 1024, "{used} and {bare}");
}
