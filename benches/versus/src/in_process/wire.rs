//! A stream in memory: it delivers the same bytes again and again, and takes everything.

use core::hint::black_box;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::ReadBuf;

/// The most that one read delivers, unless it is said otherwise.
pub(crate) const READ: usize = 64 << 10;

/// Copies are cut into pieces of this size. Longer ones are done by an instruction that is many times
/// slower on some processors when source and destination begin at nearly the same place of a page,
/// and that would make every figure a matter of luck.
const PIECE: usize = 2 << 10;

/// Both directions of a connection.
pub(crate) struct Wire {
    input: Arc<[u8]>,
    at: usize,
    /// Whether the input starts again at its end. If not, nothing comes then.
    endless: bool,
    /// The most that one read delivers.
    most: usize,
    output: Output,
}

impl Wire {
    pub(crate) fn endless(input: Arc<[u8]>) -> Self {
        Self { input, at: 0, endless: true, most: READ, output: Output::default() }
    }

    /// The same in reads of this number of bytes, and what takes the answers.
    pub(crate) fn answered(input: Arc<[u8]>, most: usize, output: Output) -> Self {
        Self { most, output, ..Self::endless(input) }
    }

    /// A request, and what takes the answer.
    pub(crate) fn once(input: Arc<[u8]>, output: Output) -> Self {
        Self { input, at: 0, endless: false, most: READ, output }
    }

    /// Nothing to read.
    pub(crate) fn sink(output: Output) -> Self {
        Self::once(Arc::default(), output)
    }

    /// The next bytes, or none if there are none for now.
    fn next(&mut self, room: usize) -> Option<&[u8]> {
        if self.at == self.input.len() {
            if !self.endless {
                return None;
            }
            self.at = 0;
        }
        let start = self.at;
        self.at = self.input.len().min(start + room.min(self.most));
        Some(&self.input[start..self.at])
    }
}

/// What is written, kept only when asked for.
#[derive(Clone, Default)]
pub(crate) struct Output(Arc<(AtomicBool, Mutex<Vec<u8>>)>);

impl Output {
    /// What is written while `write` runs.
    pub(crate) fn record(&self, write: impl FnOnce()) -> Vec<u8> {
        let (on, bytes) = &*self.0;
        on.store(true, Ordering::Relaxed);
        write();
        on.store(false, Ordering::Relaxed);
        core::mem::take(&mut bytes.lock().unwrap())
    }

    pub(crate) fn take(&self, written: &[u8]) {
        let (on, bytes) = &*self.0;
        if on.load(Ordering::Relaxed) {
            bytes.lock().unwrap().extend_from_slice(written);
        }
        black_box(written);
    }

    fn take_all(&self, slices: &[IoSlice<'_>]) -> usize {
        slices.iter().for_each(|slice| self.take(slice));
        slices.iter().map(|slice| slice.len()).sum()
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.next(buf.len()).ok_or(ErrorKind::WouldBlock)?;
        let n = bytes.len();
        for (to, from) in buf[..n].chunks_mut(PIECE).zip(bytes.chunks(PIECE)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.output.take(buf);
        Ok(buf.len())
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.output.take_all(bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Result<T> = Poll<io::Result<T>>;

impl tokio::io::AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Result<()> {
        let Some(bytes) = self.next(buf.remaining()) else { return Poll::Pending };
        bytes.chunks(PIECE).for_each(|piece| buf.put_slice(piece));
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Result<usize> {
        Poll::Ready(self.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Result<usize> {
        Poll::Ready(Ok(self.output.take_all(bufs)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Result<()> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Result<()> {
        Poll::Ready(Ok(()))
    }
}

impl futures_util::AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Result<usize> {
        match self.read(buf) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        }
    }
}

impl futures_util::AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Result<usize> {
        Poll::Ready(self.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Result<usize> {
        Poll::Ready(Ok(self.output.take_all(bufs)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Result<()> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Result<()> {
        Poll::Ready(Ok(()))
    }
}

impl wtx::stream::StreamReader for Wire {
    async fn read(&mut self, bytes: &mut [u8]) -> wtx::Result<usize> {
        Ok(Read::read(self, bytes)?)
    }
}

impl wtx::stream::StreamWriter for Wire {
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        self.output.take(bytes);
        Ok(())
    }

    async fn write_all_vectored(&mut self, bytes: &[&[u8]]) -> wtx::Result<()> {
        bytes.iter().for_each(|bytes| self.output.take(bytes));
        Ok(())
    }
}
