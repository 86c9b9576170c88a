//! The completions of io_uring.

use super::{Completion, Operations};
use io_uring::{IoUring, opcode, squeue, types};
use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::Duration;

enum UnderWay {
    Accept,
    Read(usize, Vec<u8>),
    Write(usize, Vec<u8>),
}

pub(super) struct Ring {
    uring: IoUring,
    listener: TcpListener,
    sockets: HashMap<usize, TcpStream>,
    /// What is under way, and its buffers, by the number that the kernel gives back.
    under_way: HashMap<u64, UnderWay>,
    started: u64,
}

impl Ring {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            uring: IoUring::new(64).unwrap(),
            listener,
            sockets: HashMap::new(),
            under_way: HashMap::new(),
            started: 0,
        }
    }

    fn push(&mut self, entry: squeue::Entry, operation: UnderWay) {
        self.started += 1;
        // Kept until the kernel is done with it. Moving a `Vec` does not move its bytes.
        self.under_way.insert(self.started, operation);
        let entry = entry.user_data(self.started);
        // SAFETY: the buffer and the socket stay until the completion: the one in `under_way`, the other
        // in `sockets`, which `close` leaves only when nothing is under way.
        while unsafe { self.uring.submission().push(&entry) }.is_err() {
            self.uring.submit().unwrap();
        }
    }

    fn descriptor(&self, number: usize) -> types::Fd {
        types::Fd(self.sockets[&number].as_raw_fd())
    }
}

impl Drop for Ring {
    /// The kernel ends what is under way some time later, so those buffers are left to it.
    fn drop(&mut self) {
        std::mem::forget(std::mem::take(&mut self.under_way));
    }
}

impl Operations for Ring {
    fn accept(&mut self) {
        let listener = types::Fd(self.listener.as_raw_fd());
        let null = std::ptr::null_mut();
        self.push(opcode::Accept::new(listener, null, null.cast()).build(), UnderWay::Accept);
    }

    fn read(&mut self, number: usize, mut buffer: Vec<u8>) {
        let len = buffer.len().try_into().unwrap();
        let entry = opcode::Recv::new(self.descriptor(number), buffer.as_mut_ptr(), len).build();
        self.push(entry, UnderWay::Read(number, buffer));
    }

    fn write(&mut self, number: usize, bytes: Vec<u8>) {
        let len = bytes.len().try_into().unwrap();
        let entry = opcode::Send::new(self.descriptor(number), bytes.as_ptr(), len).build();
        self.push(entry, UnderWay::Write(number, bytes));
    }

    fn shutdown(&mut self, number: usize, how: Shutdown) {
        // The peer may have been faster.
        let _ = self.sockets[&number].shutdown(how);
    }

    fn close(&mut self, number: usize) {
        self.sockets.remove(&number);
    }

    fn wait(&mut self, time: Option<Duration>) -> Option<Completion> {
        if self.uring.completion().is_empty() {
            let time = time.map(types::Timespec::from);
            let arguments = types::SubmitArgs::new();
            let waited = match &time {
                Some(time) => self.uring.submitter().submit_with_args(1, &arguments.timespec(time)),
                None => self.uring.submit_and_wait(1),
            };
            // Over when it is time, or interrupted: then there may be no completion.
            drop(waited);
        }
        let entry = self.uring.completion().next()?;
        let result = match entry.result() {
            error @ ..0 => Err(io::Error::from_raw_os_error(-error)),
            n => Ok(n.unsigned_abs() as usize),
        };
        Some(match self.under_way.remove(&entry.user_data()).unwrap() {
            UnderWay::Accept => {
                // SAFETY: the kernel has just made it, and nobody else has it.
                let socket = unsafe { TcpStream::from_raw_fd(entry.result()) };
                let number = (0..).find(|number| !self.sockets.contains_key(number)).unwrap();
                self.sockets.insert(number, socket);
                Completion::Accepted(number)
            }
            UnderWay::Read(number, buffer) => Completion::Read(number, result, buffer),
            UnderWay::Write(number, bytes) => Completion::Written(number, result, bytes),
        })
    }
}
