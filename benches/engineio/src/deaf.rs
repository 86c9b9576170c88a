//! A client that stops reading while much is said to it.

use crate::client::{Frames, connect, masked, reset_when_dropped};
use crate::process::Process;
use crate::servers::{NO_PINGS, Purpose, Server};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread::{sleep, spawn};
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

/// Of two processes.
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
    /// The peak of the other process, where the client reads all of it: what is due to the saying.
    pub(crate) attended: f64,
}

pub(crate) fn measure(server: &Server) -> io::Result<Deafness> {
    let attended = attended(server)?;
    let mut scene = Scene::begin(server)?;
    let peak = scene.say_all(|| Ok(()))?;
    let held = rest(&scene.process)? as f64 - scene.base as f64;
    let (bytes, is_closed) = drain(&mut scene.client)?;
    Ok(Deafness { peak, held, heard: (bytes / frame()) as f64, is_closed, attended })
}

/// The peak when the client reads all events, each step of them before the next one is said.
fn attended(server: &Server) -> io::Result<f64> {
    let mut scene = Scene::begin(server)?;
    let mut client = scene.client.try_clone()?;
    let (heard, steps) = mpsc::channel();
    let reader = spawn(move || {
        let mut events = vec![0; STEP * frame()];
        while client.read_exact(&mut events).is_ok() && heard.send(()).is_ok() {}
    });
    let peak = scene.say_all(|| {
        let heard = steps.recv_timeout(Duration::from_secs(20));
        heard.map_err(|_| io::Error::other("a client that reads does not get all events"))
    });
    // It ends the connection, and with it the thread.
    drop(scene);
    drop(steps);
    reader.join().map_err(|_| io::Error::other("the thread that reads has panicked"))?;
    peak
}

/// A server, a client, and another one in its namespace that says everything.
struct Scene {
    process: Process,
    client: TcpStream,
    speaker: TcpStream,
    /// Bytes resident before anything is said.
    base: u64,
}

impl Scene {
    fn begin(server: &Server) -> io::Result<Self> {
        let (process, address) = server.start(Purpose::Echo, NO_PINGS)?;
        let open = |number| -> io::Result<TcpStream> {
            let mut stream = connect(address, number)?;
            reset_when_dropped(&stream)?;
            server.dialect.open_websocket(&mut stream)?;
            Ok(stream)
        };
        let (client, speaker) = (open(0)?, open(1)?);
        let base = rest(&process)?;
        Ok(Self { process, client, speaker, base })
    }

    /// Says all events, waits for the server after each step, and calls `behind_step`. Returns the peak.
    fn say_all(&mut self, mut behind_step: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
        let order = format!("[\"to\",{{\"event\":\"news\",\"args\":[\"{}\"]}}]", "x".repeat(TEXT));
        let say = masked(&format!("42{order}"));
        let say_and_ask = masked(&format!("421{order}"));
        let mut peak = self.base;
        for _ in 0..EVENTS / STEP {
            for _ in 1..STEP {
                self.speaker.write_all(&say)?;
            }
            self.speaker.write_all(&say_and_ask)?;
            let mut frames = Frames::new(&mut self.speaker);
            let answer = frames.next()?;
            if !answer.starts_with("431[") {
                return Err(io::Error::other(format!("not an acknowledgement: {answer}")));
            }
            frames.finish()?;
            peak = peak.max(self.process.memory()?.resident);
            behind_step()?;
        }
        Ok((peak - self.base) as f64)
    }
}

fn rest(process: &Process) -> io::Result<u64> {
    sleep(REST);
    process.collect_garbage()?;
    Ok(process.memory()?.resident)
}

/// Bytes of an event in its frame, with a header of ten.
fn frame() -> usize {
    format!("42[\"news\",\"{}\"]", "x".repeat(TEXT)).len() + 10
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
