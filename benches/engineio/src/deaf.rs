//! A client that stops reading while much is said to it.

use crate::client::{Frames, connect, masked, reset_when_dropped};
use crate::servers::{NO_PINGS, Purpose, Server};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Bytes of the text of an event.
const TEXT: usize = 65_536;

/// Events, and how many are said before the next look at the memory.
pub(crate) const EVENTS: usize = 2400;
const STEP: usize = 24;

/// Megabytes of all of them.
pub(crate) const MEGABYTES: usize = EVENTS * TEXT / 1_000_000;

const REST: Duration = Duration::from_millis(1200);

/// When the client reads again it must hear the next within this time, or there is nothing more.
const SILENCE: Duration = Duration::from_millis(300);

/// Bytes of a Close with a code.
const CLOSE: usize = 4;

/// Of one process.
#[derive(Clone, Copy)]
pub(crate) struct Deafness {
    /// Bytes that were resident at most, above those before anything was said,
    pub(crate) peak: f64,
    /// and when all was said and the server has come to rest.
    pub(crate) held: f64,
    /// How many events the client gets when it reads again.
    pub(crate) heard: f64,
    /// Whether the server has said goodbye behind them, or hung up.
    pub(crate) is_closed: bool,
}

/// Another client of the namespace says it all, and waits for the server after each step.
pub(crate) fn measure(server: &Server) -> io::Result<Deafness> {
    let (process, address) = server.start(Purpose::Echo, NO_PINGS)?;
    let open = |number| -> io::Result<TcpStream> {
        let mut stream = connect(address, number)?;
        reset_when_dropped(&stream)?;
        server.dialect.open_websocket(&mut stream)?;
        Ok(stream)
    };
    let mut deaf = open(0)?;
    let mut speaker = open(1)?;
    let rest = || {
        sleep(REST);
        process.collect_garbage()?;
        Ok::<_, io::Error>(process.memory()?.resident)
    };
    let base = rest()?;
    let order = format!("[\"to\",{{\"event\":\"news\",\"args\":[\"{}\"]}}]", "x".repeat(TEXT));
    let say = masked(&format!("42{order}"));
    let say_and_ask = masked(&format!("421{order}"));
    let mut peak = base;
    for _ in 0..EVENTS / STEP {
        for _ in 1..STEP {
            speaker.write_all(&say)?;
        }
        speaker.write_all(&say_and_ask)?;
        let mut frames = Frames::new(&mut speaker);
        let answer = frames.next()?;
        if !answer.starts_with("431[") {
            return Err(io::Error::other(format!("not an acknowledgement: {answer}")));
        }
        frames.finish()?;
        peak = peak.max(process.memory()?.resident);
    }
    let held = rest()?;
    let (bytes, is_closed) = drain(&mut deaf)?;
    // A frame of ten bytes more.
    let frame = format!("42[\"news\",\"{}\"]", "x".repeat(TEXT)).len() + 10;
    Ok(Deafness {
        peak: peak as f64 - base as f64,
        held: held as f64 - base as f64,
        heard: (bytes / frame) as f64,
        is_closed,
    })
}

/// Reads what there is: how many bytes, and whether a Close or nothing more is behind them.
fn drain(stream: &mut TcpStream) -> io::Result<(usize, bool)> {
    stream.set_read_timeout(Some(SILENCE))?;
    let start = Instant::now();
    let mut buffer = vec![0; 1 << 18];
    let (mut bytes, mut tail) = (0, Vec::new());
    while start.elapsed() < Duration::from_secs(20) {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok((bytes, true)),
            Ok(n) => {
                bytes += n;
                tail.extend_from_slice(&buffer[n.saturating_sub(CLOSE)..n]);
                tail.drain(..tail.len().saturating_sub(CLOSE));
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok((bytes, true)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                // The texts are of other letters.
                return Ok((bytes, tail.contains(&0x88)));
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("a client that reads again has no end of it"))
}
