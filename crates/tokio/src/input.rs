//! The input of a connection: a buffer of the thread while it is polled, and in between only what is pending.

use crate::pool::{self, READ_BYTES};
use sansio_ws::RecvBuffer;
use tokio::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct Input {
    buffer: Option<Box<RecvBuffer>>,
}

impl Input {
    /// Input that was read elsewhere.
    pub(crate) fn holding(rx: RecvBuffer) -> Self {
        Self { buffer: (!rx.is_empty()).then(|| Box::new(rx)) }
    }

    /// The buffer, to read into and to find events in.
    pub(crate) fn buffer(&mut self) -> &mut RecvBuffer {
        self.buffer.get_or_insert_with(pool::take_buffer)
    }

    /// The buffer, as it is.
    pub(crate) fn held(&self) -> Option<&RecvBuffer> {
        self.buffer.as_deref()
    }

    /// Bytes that have been received and not been looked at.
    pub(crate) fn unread(&self) -> usize {
        self.buffer.as_ref().map_or(0, |buffer| buffer.unread().len())
    }

    /// Makes a buffer out of what was put aside, large enough for a read.
    pub(crate) fn resume(&mut self) {
        let small = self.buffer.take_if(|buffer| buffer.capacity() < READ_BYTES);
        if let Some(mut small) = small {
            let buffer = self.buffer.insert(pool::take_buffer());
            buffer.unpark(&mut small);
        }
    }

    /// Gives the buffer back. What is pending in it stays: where it is, if it fills a good part of it, else in an
    /// allocation of its own size.
    pub(crate) fn release(&mut self, now: Instant) {
        let Some(mut buffer) = self.buffer.take() else { return };
        if buffer.is_well_filled() && !buffer.is_empty() {
            self.buffer = Some(buffer);
            return;
        }
        if !buffer.is_empty() {
            let mut small = Box::<RecvBuffer>::default();
            buffer.park(&mut small);
            self.buffer = Some(small);
        }
        pool::keep_buffer(buffer, now);
    }

    pub(crate) fn into_buffer(mut self) -> RecvBuffer {
        self.buffer.take().map_or_else(RecvBuffer::new, |buffer| *buffer)
    }
}

/// A connection that ends in the middle of something leaves its buffer to the next one.
impl Drop for Input {
    fn drop(&mut self) {
        if let Some(mut buffer) = self.buffer.take() {
            buffer.clear();
            pool::keep_buffer(buffer, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 4 KiB in a buffer of 64 KiB nothing else is kept, and of 32 KiB all.
    #[test]
    fn what_is_pending_costs_its_own_size() {
        for (pending, held) in
            [(0, 0..=0), (1, 1..=4096), (4096, 4096..=8192), (40_000, 65_536..=65_536)]
        {
            let mut input = Input::default();
            input.buffer().extend_from_slice(&vec![7; pending]);
            input.release(Instant::now());
            let capacity = input.held().map_or(0, RecvBuffer::capacity);
            assert!(held.contains(&capacity), "{pending} bytes in {capacity}");
            input.resume();
            assert_eq!(input.buffer().unread(), vec![7; pending]);
            assert!(input.buffer().capacity() >= READ_BYTES || pending == 0);
        }
    }
}
