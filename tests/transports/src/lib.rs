//! What the tests of real transports share: frames by hand, TLS streams, and peers at the other end.

pub mod mio_tls;
pub mod peer;
pub mod session;
pub mod tls;
pub mod watched;

#[path = "../../support/frame.rs"]
pub mod frame;

use frame::Frame;
use std::io::Read;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The masking key of every frame to a server: zeros, so that payloads stay readable.
pub fn key(_: u32) -> [u8; 4] {
    [0; 4]
}

/// A request that any server accepts.
pub const REQUEST: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Reads the head of a request or of a response, and not a byte more.
pub fn read_head(stream: &mut impl Read) -> Vec<u8> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(read_array::<1>(stream)[0]);
    }
    head
}

/// Reads one frame, and not a byte more.
pub fn read_frame(stream: &mut impl Read) -> Frame {
    let [first, second] = read_array(stream);
    let mut bytes = vec![first, second];
    let mut len = usize::from(second & 0x7F);
    let wide = match len {
        126 => read_array::<2>(stream).to_vec(),
        127 => read_array::<8>(stream).to_vec(),
        _ => vec![],
    };
    if !wide.is_empty() {
        len = wide.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    }
    bytes.extend(wide);
    let start = bytes.len();
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    bytes.resize(start + mask + len, 0);
    stream.read_exact(&mut bytes[start..]).expect("a whole frame");
    frame::parse(&bytes).remove(0)
}

fn read_array<const N: usize>(stream: &mut impl Read) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).expect("more bytes");
    bytes
}

/// Runs a test that must not hang. The time is a watchdog's, nothing that a test would measure.
pub fn bounded(test: impl FnOnce() + Send + 'static) {
    let (done, result) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match result.recv_timeout(Duration::from_secs(600)) {
        Ok(()) => {}
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().unwrap_err())
        }
    }
}
