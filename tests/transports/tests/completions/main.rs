//! A server over completions, as io_uring and IOCP have them: a buffer belongs to the operation while it
//! is under way. Once over threads that block, which is everywhere, and once over io_uring.
//!
//! ```sh
//! cargo test --manifest-path tests/transports/Cargo.toml --target-dir target/transports --test completions
//! ```

#[cfg(target_os = "linux")]
mod ring;
mod workers;

use sansio_ws::blocking::WebSocket;
use sansio_ws::deadlines::{Clock, Instant, Timeouts};
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{CloseCode, Config, Ended, Event, Transport};
use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;
use transports::bounded;
use transports::session::Session;

/// What a loop asks of the system. Each is under way until it is completed.
trait Operations {
    /// `IORING_OP_ACCEPT`, `AcceptEx`
    fn accept(&mut self);
    /// `IORING_OP_RECV`, `WSARecv`
    fn read(&mut self, socket: usize, buffer: Vec<u8>);
    /// `IORING_OP_SEND`, `WSASend`
    fn write(&mut self, socket: usize, bytes: Vec<u8>);
    /// `shutdown` of the system: it does not wait, so it need not be an operation. Operations in that
    /// direction are completed by it.
    fn shutdown(&mut self, socket: usize, how: Shutdown);
    /// `close`; nothing is under way.
    fn close(&mut self, socket: usize);
    /// `io_uring_enter`, `GetQueuedCompletionStatus`
    fn wait(&mut self, time: Option<Duration>) -> Option<Completion>;
}

/// What has been done. Buffers come back.
enum Completion {
    /// Its number, the lowest that is free.
    Accepted(usize),
    Read(usize, io::Result<usize>, Vec<u8>),
    Written(usize, io::Result<usize>, Vec<u8>),
}

/// A session, and the buffers that are here and not with an operation.
struct Client {
    session: Session,
    input: Option<Vec<u8>>,
    output: Option<Vec<u8>>,
    is_shut_down: bool,
}

const PORTION: usize = 64 * 1024;

impl Client {
    fn new(timeouts: Timeouts, now: Instant) -> Self {
        Self {
            session: Session::new(timeouts, now),
            input: Some(vec![0; PORTION]),
            output: Some(Vec::with_capacity(PORTION)),
            is_shut_down: false,
        }
    }

    fn read(&mut self, result: io::Result<usize>, buffer: Vec<u8>, now: Instant) {
        match result {
            Ok(0) | Err(_) => self.session.end_input(now),
            Ok(n) => self.session.receive(&buffer[..n], now),
        }
        self.input = Some(buffer);
    }

    fn written(&mut self, result: io::Result<usize>, bytes: Vec<u8>, now: Instant) {
        match result {
            Ok(n) => self.session.written(n, n < bytes.len(), now),
            Err(_) => self.session.fail_output(),
        }
        self.output = Some(bytes);
    }

    /// Starts what can be started. `false` when it has ended, and nothing is under way.
    fn start(&mut self, socket: usize, operations: &mut impl Operations) -> bool {
        if self.session.wants_input()
            && let Some(buffer) = self.input.take()
        {
            operations.read(socket, buffer);
        }
        let output = self.session.output();
        if !output.is_empty()
            && let Some(mut bytes) = self.output.take()
        {
            // A copy: the bytes stay in the queue until the system has taken them, so that all that the
            // machine is asked meanwhile is answered as if they were.
            bytes.clear();
            bytes.extend_from_slice(&output[..output.len().min(PORTION)]);
            operations.write(socket, bytes);
        }
        let all_here = self.input.is_some() && self.output.is_some();
        let how = match self.session.transport() {
            Transport::KeepOpen => return true,
            Transport::Drop if all_here => return false,
            Transport::ShutdownWrite => Shutdown::Write,
            // It was given up. What is under way comes back by this.
            Transport::Drop => Shutdown::Both,
        };
        if !self.is_shut_down || how == Shutdown::Both {
            self.is_shut_down = true;
            operations.shutdown(socket, how);
        }
        true
    }
}

/// How many completions are dealt with before deadlines are looked at.
const COMPLETIONS: usize = 64;

/// Serves until so many clients have ended, and returns how.
fn serve(operations: &mut impl Operations, timeouts: Timeouts, count: usize) -> Vec<Option<Ended>> {
    let clock = Clock::new();
    let mut clients: HashMap<usize, Client> = HashMap::new();
    let mut ends = vec![];
    operations.accept();
    while ends.len() < count {
        let next = clients.values().filter_map(|client| client.session.poll_timeout()).min();
        let mut completion = operations.wait(next.map(|at| clock.until(at)));
        let now = clock.now();
        // Whose state has changed.
        let mut touched = vec![];
        while let Some(completed) = completion {
            touched.push(match completed {
                Completion::Accepted(socket) => {
                    operations.accept();
                    clients.insert(socket, Client::new(timeouts, now));
                    socket
                }
                Completion::Read(socket, result, buffer) => {
                    clients.get_mut(&socket).unwrap().read(result, buffer, now);
                    socket
                }
                Completion::Written(socket, result, bytes) => {
                    clients.get_mut(&socket).unwrap().written(result, bytes, now);
                    socket
                }
            });
            let more = touched.len() < COMPLETIONS;
            completion = more.then(|| operations.wait(Some(Duration::ZERO))).flatten();
        }
        // What has arrived by now is a sign of life.
        for (socket, client) in &mut clients {
            if client.session.handle_timeout(now).is_some() {
                touched.push(*socket);
            }
        }
        for socket in touched {
            let Some(client) = clients.get_mut(&socket) else { continue };
            if !client.start(socket, operations) {
                operations.close(socket);
                ends.push(client.session.ended());
                clients.remove(&socket);
            }
        }
    }
    ends
}

/// Deadlines that are there, and far away.
fn far() -> Timeouts {
    let far = Some(Duration::from_secs(3600));
    Timeouts::default().opening(far).keep_alive(far).pong(far).close(far)
}

fn client(address: SocketAddr) -> WebSocket<TcpStream> {
    let request = ClientRequest::new(&format!("ws://{address}/")).unwrap();
    WebSocket::open(&request, Config::default(), far()).unwrap()
}

fn echo(client: &mut WebSocket<TcpStream>, text: &str) {
    client.send_text(text).unwrap();
    assert_eq!(client.read().unwrap(), Some(Event::Text(text)));
}

const CLEAN: Option<Ended> = Some(Ended::Clean { code: Some(CloseCode::NORMAL) });

/// Several clients talk at once, one is slow, one goes away without a word, and one is no WebSocket.
fn conversations<O: Operations>(start: impl FnOnce(TcpListener) -> O + Send + 'static) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || serve(&mut start(listener), far(), 6));

    let mut slow = client(address);
    let large = vec![7; 15 << 20];
    slow.send_binary(&large).unwrap();
    let talking: Vec<_> = (0..3)
        .map(|i| {
            thread::spawn(move || {
                let mut client = client(address);
                for j in 0..10 {
                    echo(&mut client, &format!("{j} of {i}"));
                }
                let bytes = vec![i; 1 << 20];
                client.send_binary(&bytes).unwrap();
                assert!(client.read().unwrap() == Some(Event::Binary(&bytes)));
                assert_eq!(client.close(CloseCode::NORMAL, "").ok(), CLEAN);
            })
        })
        .collect();
    let mut gone = client(address);
    echo(&mut gone, "hello");
    drop(gone);
    drop(TcpStream::connect(address).unwrap());
    talking.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(slow.read().unwrap() == Some(Event::Binary(&large)));
    assert_eq!(slow.close(CloseCode::NORMAL, "").ok(), CLEAN);

    let ends = server.join().unwrap();
    let clean = ends.iter().filter(|end| **end == CLEAN).count();
    let cut = ends.iter().filter(|end| matches!(end, Some(Ended::Eof { .. }))).count();
    assert_eq!((clean, cut, ends.len()), (4, 1, 6), "{ends:?}");
}

/// A client that is given up while a read is under way: the buffer comes back.
fn a_deadline<O: Operations>(start: impl FnOnce(TcpListener) -> O + Send + 'static) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let timeouts = far().opening(Some(Duration::from_millis(50)));
    let server = thread::spawn(move || serve(&mut start(listener), timeouts, 1));
    let mut silent = TcpStream::connect(address).unwrap();
    assert_eq!(io::copy(&mut silent, &mut io::sink()).unwrap(), 0);
    assert_eq!(server.join().unwrap(), [None]);
}

#[test]
fn over_threads() {
    bounded(|| conversations(workers::Workers::new));
    bounded(|| a_deadline(workers::Workers::new));
}

/// Some systems and containers refuse it; then there is nothing to test.
#[cfg(target_os = "linux")]
#[test]
fn over_io_uring() {
    if let Err(error) = io_uring::IoUring::new(8) {
        println!("no io_uring here: {error}");
        return;
    }
    bounded(|| conversations(ring::Ring::new));
    bounded(|| a_deadline(ring::Ring::new));
}
