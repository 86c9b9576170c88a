//! One read, one write: between `std::io` and the buffers, and what their errors mean.
//!
//! A transport is not trusted more than a peer: counts beyond what was offered are errors, a
//! write of nothing is an error, and an operation that is interrupted for ever is given up.
//!
//! The methods are those of [`RecvBuffer`] and [`SendQueue`]. What is here is for loops of your own, so that
//! they judge an error as the adapters of this crate do:
//!
//! ```
//! use sansio_ws::io::{is_end, is_gone};
//! use sansio_ws::{Connection, RecvBuffer};
//! use std::io::Error;
//!
//! /// A read of an open connection has failed.
//! fn read_failed(connection: &mut Connection, rx: &RecvBuffer, error: Error) -> Result<(), Error> {
//!     if !is_end(&error) {
//!         connection.transport_failed();
//!         return Err(error);
//!     }
//!     if is_gone(error.kind()) {
//!         connection.write_failed(); // nothing can be sent any more, either
//!     }
//!     connection.receive_eof(rx);
//!     Ok(())
//! }
//! ```

use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use bytes::Buf;
use std::io::{self, ErrorKind, IoSlice, Read, Write};

/// How often an interrupted system call is repeated.
pub(crate) const RETRIES: usize = 100;

/// How many pieces one vectored write gathers.
const SLICES: usize = 64;

impl RecvBuffer {
    /// Reads once into [`spare`](Self::spare) and returns the number of bytes; 0 is the end of
    /// the stream.
    ///
    /// # Errors
    ///
    /// What `stream` returns, except interruptions, which are retried; `WouldBlock` means that
    /// nothing has happened. [`ErrorKind::InvalidData`] if it claims to have read more than it
    /// was offered.
    pub fn read_from(&mut self, stream: &mut (impl Read + ?Sized)) -> io::Result<usize> {
        self.read_at_most(usize::MAX, stream).map(|(n, _)| n)
    }

    /// As [`read_from`](Self::read_from), with a bound on the number of bytes. Returns also whether
    /// they fill all the room that there was, so that there may be more.
    pub(crate) fn read_at_most(
        &mut self,
        bound: usize,
        stream: &mut (impl Read + ?Sized),
    ) -> io::Result<(usize, bool)> {
        uninterrupted(|| self.read_once(bound, stream))
    }

    /// The same, and an interruption is an error.
    pub(crate) fn read_once(
        &mut self,
        bound: usize,
        stream: &mut (impl Read + ?Sized),
    ) -> io::Result<(usize, bool)> {
        let spare = self.spare();
        let room = spare.len().min(bound);
        let n = stream.read(&mut spare[..room])?;
        if n > room {
            return Err(io::Error::new(ErrorKind::InvalidData, "more bytes read than offered"));
        }
        self.commit(n);
        Ok((n, n == room))
    }
}

impl SendQueue {
    /// Writes once, as much as `stream` takes, and returns the number of bytes. What was not
    /// taken stays queued.
    ///
    /// # Errors
    ///
    /// What `stream` returns, except interruptions, which are retried; `WouldBlock` means that
    /// nothing has happened. [`ErrorKind::WriteZero`] if it takes nothing,
    /// [`ErrorKind::InvalidData`] if it claims to have taken more than it was offered.
    pub fn write_to(&mut self, stream: &mut (impl Write + ?Sized)) -> io::Result<usize> {
        self.write_partly(stream).map(|(n, _)| n)
    }

    /// The same. Returns also whether the stream took all that it was offered.
    pub(crate) fn write_partly(
        &mut self,
        stream: &mut (impl Write + ?Sized),
    ) -> io::Result<(usize, bool)> {
        uninterrupted(|| self.write_once(stream))
    }

    /// The same, and an interruption is an error.
    pub(crate) fn write_once(
        &mut self,
        stream: &mut (impl Write + ?Sized),
    ) -> io::Result<(usize, bool)> {
        if self.is_empty() {
            return Ok((0, true));
        }
        let chunk = self.chunk();
        let (n, offered) = if chunk.len() == self.len() {
            (stream.write(chunk)?, chunk.len())
        } else {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.chunks_vectored(&mut slices);
            let slices = &slices[..count];
            let offered = slices.iter().map(|slice| slice.len()).sum();
            (stream.write_vectored(slices)?, offered)
        };
        let n = taken(n, offered)?;
        self.advance(n);
        Ok((n, n == offered))
    }

    /// Writes once what is queued and `message` behind it, as much as `stream` takes, and returns the
    /// number of bytes. Leaves the queue as it is: it is for
    /// [`send_through`](crate::Connection::send_through) to take away what was sent.
    ///
    /// One call of `write_vectored`: a stream that takes only its first slice does not get to the
    /// message while something is queued.
    ///
    /// # Errors
    ///
    /// As for [`write_to`](Self::write_to). As far as is known, nothing has been written then.
    pub fn write_with(
        &self,
        message: [&[u8]; 2],
        stream: &mut (impl Write + ?Sized),
    ) -> io::Result<usize> {
        self.write_partly_with(message, stream).map(|(n, _)| n)
    }

    /// The same. Returns also whether the stream took all that it was offered.
    pub(crate) fn write_partly_with(
        &self,
        message: [&[u8]; 2],
        stream: &mut (impl Write + ?Sized),
    ) -> io::Result<(usize, bool)> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = self.chunks_vectored(&mut slices[..SLICES - message.len()]);
        let mut offered = slices.iter().map(|slice| slice.len()).sum();
        if offered == self.len() {
            for part in message {
                slices[count] = IoSlice::new(part);
                count += 1;
                offered += part.len();
            }
        }
        if offered == 0 {
            return Ok((0, true));
        }
        let n = taken(uninterrupted(|| stream.write_vectored(&slices[..count]))?, offered)?;
        Ok((n, n == offered))
    }
}

/// Tells `stream` to pass on what it may have kept.
#[cfg(feature = "mio")]
pub(crate) fn flush(stream: &mut (impl Write + ?Sized)) -> io::Result<()> {
    uninterrupted(|| stream.flush())
}

/// Writes once what is not empty, and returns how much was taken. An interruption is an error.
pub(crate) fn write_slice(stream: &mut (impl Write + ?Sized), bytes: &[u8]) -> io::Result<usize> {
    taken(stream.write(bytes)?, bytes.len())
}

fn taken(n: usize, offered: usize) -> io::Result<usize> {
    match n {
        0 => Err(ErrorKind::WriteZero.into()),
        n if n > offered => {
            Err(io::Error::new(ErrorKind::InvalidData, "more bytes written than offered"))
        }
        n => Ok(n),
    }
}

/// Whether a read that fails with this has found the end of an open connection: TLS without its
/// `close_notify`, or a peer that is gone. Before the handshake is done it is an error as any other.
#[must_use]
pub fn is_end(error: &io::Error) -> bool {
    error.kind() == ErrorKind::UnexpectedEof || is_gone(error.kind())
}

/// Whether the peer has ended the transport in both directions. After a write that failed so, something
/// that the peer sent before may still be there to be read.
#[must_use]
pub fn is_gone(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
    )
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut retries = 0;
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted && retries < RETRIES => {
                retries += 1;
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Takes at most `most` bytes of what it is offered, and claims to have taken `claims` more.
    struct ShortWriter {
        most: usize,
        claims: usize,
        taken: Vec<u8>,
    }

    impl Write for ShortWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.write_vectored(&[IoSlice::new(bytes)])
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let offered: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            let n = offered.len().min(self.most);
            self.taken.extend_from_slice(&offered[..n]);
            Ok(n + self.claims)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn write_with(queue: &[u8], most: usize, claims: usize) -> (io::Result<usize>, Vec<u8>) {
        let mut stream = ShortWriter { most, claims, taken: Vec::new() };
        let mut output = SendQueue::new();
        output.push(queue);
        let n = output.write_with([b"he", b"llo"], &mut stream);
        assert_eq!(output.len(), queue.len(), "it stays as it is");
        (n, stream.taken)
    }

    #[test]
    fn ends_are_told_from_failures() {
        use ErrorKind::*;
        for kind in [ConnectionReset, ConnectionAborted, BrokenPipe, NotConnected] {
            assert!(is_gone(kind) && is_end(&kind.into()), "{kind:?}");
        }
        // TLS was cut off. What is written may still arrive.
        assert!(!is_gone(UnexpectedEof) && is_end(&UnexpectedEof.into()));
        for kind in [InvalidData, WouldBlock, TimedOut, WriteZero, Other] {
            assert!(!is_gone(kind) && !is_end(&kind.into()), "{kind:?}");
        }
    }

    #[test]
    fn a_message_is_written_behind_the_queue() {
        for queue in [&b""[..], b"queued "] {
            let all = [queue, b"hello"].concat();
            for most in 1..=all.len() + 1 {
                let (n, taken) = write_with(queue, most, 0);
                let n = n.unwrap();
                assert_eq!((n, &taken[..]), (most.min(all.len()), &all[..n]));
            }
            assert_eq!(write_with(queue, 0, 0).0.unwrap_err().kind(), ErrorKind::WriteZero);
            assert_eq!(write_with(queue, 99, 1).0.unwrap_err().kind(), ErrorKind::InvalidData);
        }
        let mut stream = ShortWriter { most: 0, claims: 0, taken: Vec::new() };
        assert_eq!(SendQueue::new().write_with([b"", b""], &mut stream).unwrap(), 0);
    }
}
