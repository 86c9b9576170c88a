//! A stream whose peer is the test: what comes, what is taken, and how it ends, each step by a call.

#![allow(dead_code, reason = "each test program uses a part of it")]

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::{Config, Connection, Masks, RecvBuffer, Role};
use sansio_ws_tokio::{Parts, WebSocket};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The end that the adapter has.
#[derive(Debug)]
pub(crate) struct Stream(Arc<Mutex<State>>);

/// The end that the test has.
#[derive(Debug, Clone)]
pub(crate) struct Peer(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    incoming: VecDeque<u8>,
    /// What a read returns when nothing is left.
    input_end: Option<io::Result<()>>,
    /// The most bytes of one read, and of one write.
    portion: usize,
    taken: Vec<u8>,
    /// How many bytes are taken before writes wait.
    room: usize,
    write_failure: Option<ErrorKind>,
    /// A buffer of the stream's own in front of that: what it has not passed on.
    buffer: Vec<u8>,
    buffer_size: usize,
    shut_down: bool,
    dropped: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

pub(crate) fn stream() -> (Stream, Peer) {
    let state = Arc::new(Mutex::new(State {
        incoming: VecDeque::new(),
        input_end: None,
        portion: usize::MAX,
        taken: Vec::new(),
        room: usize::MAX,
        write_failure: None,
        buffer: Vec::new(),
        buffer_size: 0,
        shut_down: false,
        dropped: false,
        reader: None,
        writer: None,
    }));
    (Stream(Arc::clone(&state)), Peer(state))
}

/// A server's connection over such a stream. What the peer sends need not be masked with a real key.
pub(crate) fn server(timeouts: Timeouts) -> (WebSocket<Stream>, Peer) {
    server_with(Config::default(), timeouts)
}

pub(crate) fn server_with(config: Config, timeouts: Timeouts) -> (WebSocket<Stream>, Peer) {
    let (stream, peer) = stream();
    let connection = Connection::new(Role::Server, config);
    let parts = Parts { stream, rx: RecvBuffer::new(), connection };
    (WebSocket::from_parts(parts, timeouts), peer)
}

/// A client's connection, whose masking keys are zero.
pub(crate) fn client(timeouts: Timeouts) -> (WebSocket<Stream>, Peer) {
    let (stream, peer) = stream();
    let connection = Connection::new(Role::Client(Masks::new(|| [0; 4])), Config::default());
    let parts = Parts { stream, rx: RecvBuffer::new(), connection };
    (WebSocket::from_parts(parts, timeouts), peer)
}

/// A frame of a client, masked with zeros.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        len @ ..126 => bytes.push(0x80 | u8::try_from(len).unwrap()),
        len @ ..65536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

pub(crate) fn close_frame(code: u16) -> Vec<u8> {
    frame(8, &code.to_be_bytes())
}

/// The payloads of a server's frames, with their opcodes.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = vec![];
    while !bytes.is_empty() {
        let opcode = bytes[0] & 15;
        let (len, header) = match bytes[1] {
            126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
            127 => (u64::from_be_bytes(bytes[2..10].try_into().unwrap()) as usize, 10),
            len => (usize::from(len), 2),
        };
        found.push((opcode, bytes[header..header + len].to_vec()));
        bytes = &bytes[header + len..];
    }
    found
}

impl Peer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Changes something, and wakes who waits for it.
    fn change(&self, change: impl FnOnce(&mut State) -> Option<Waker>) {
        let waker = change(&mut self.state());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        self.change(|state| {
            state.incoming.extend(bytes);
            state.reader.take()
        });
    }

    /// Nothing more comes, and reads say so in this way.
    pub(crate) fn end(&self, how: io::Result<()>) {
        self.change(|state| {
            state.input_end = Some(how);
            state.reader.take()
        });
    }

    /// Reads and writes are of at most so many bytes.
    pub(crate) fn set_portion(&self, bytes: usize) {
        self.state().portion = bytes;
    }

    /// Only so many bytes more are taken.
    pub(crate) fn set_room(&self, bytes: usize) {
        self.change(|state| {
            state.room = bytes;
            state.pass_on();
            state.writer.take()
        });
    }

    pub(crate) fn set_buffer(&self, bytes: usize) {
        self.state().buffer_size = bytes;
    }

    pub(crate) fn fail_writes(&self, kind: ErrorKind) {
        self.change(|state| {
            state.write_failure = Some(kind);
            state.writer.take()
        });
    }

    /// All that was taken until now.
    pub(crate) fn taken(&self) -> Vec<u8> {
        self.state().taken.clone()
    }

    pub(crate) fn take(&self) -> Vec<u8> {
        core::mem::take(&mut self.state().taken)
    }

    /// Bytes that have not been read.
    pub(crate) fn unread(&self) -> usize {
        self.state().incoming.len()
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.state().shut_down
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.state().dropped
    }
}

impl State {
    fn pass_on(&mut self) {
        let n = self.buffer.len().min(self.room);
        self.room -= n;
        self.taken.extend(self.buffer.drain(..n));
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        let n = state.incoming.len().min(buf.remaining()).min(state.portion);
        if n > 0 {
            buf.put_slice(&state.incoming.drain(..n).collect::<Vec<_>>());
            return Poll::Ready(Ok(()));
        }
        match &state.input_end {
            Some(Ok(())) => Poll::Ready(Ok(())),
            // As sockets do: a failure is told once.
            Some(Err(error)) => {
                let kind = error.kind();
                state.input_end = Some(Ok(()));
                Poll::Ready(Err(kind.into()))
            }
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        if let Some(kind) = state.write_failure {
            return Poll::Ready(Err(kind.into()));
        }
        assert!(!state.shut_down, "written behind the end");
        state.pass_on();
        let buffered = state.buffer_size.saturating_sub(state.buffer.len());
        let room = if state.buffer.is_empty() { state.room } else { 0 };
        let n = bytes.len().min(state.portion).min(room.saturating_add(buffered));
        if n == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.buffer.extend_from_slice(&bytes[..n]);
        state.pass_on();
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.poll_write(cx, &bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        if let Some(kind) = state.write_failure {
            return Poll::Ready(Err(kind.into()));
        }
        state.pass_on();
        if !state.buffer.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().unwrap().shut_down = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.lock().unwrap().dropped = true;
    }
}

/// Polls once, with a waker that does nothing.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
