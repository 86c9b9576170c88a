//! Completions without help of the system: for each operation a thread that blocks.

use super::{Completion, Operations};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

enum Done {
    Accepted(TcpStream),
    Other(Completion),
}

pub(super) struct Workers {
    listener: Arc<TcpListener>,
    sockets: HashMap<usize, Arc<TcpStream>>,
    report: mpsc::Sender<Done>,
    reports: mpsc::Receiver<Done>,
}

impl Workers {
    pub(super) fn new(listener: TcpListener) -> Self {
        let (report, reports) = mpsc::channel();
        Self { listener: Arc::new(listener), sockets: HashMap::new(), report, reports }
    }

    /// Nobody may be there any more to be told.
    fn spawn(&self, operation: impl FnOnce() -> Done + Send + 'static) {
        let report = self.report.clone();
        thread::spawn(move || report.send(operation()));
    }
}

impl Operations for Workers {
    fn accept(&mut self) {
        let listener = Arc::clone(&self.listener);
        self.spawn(move || Done::Accepted(listener.accept().unwrap().0));
    }

    fn read(&mut self, number: usize, mut buffer: Vec<u8>) {
        let socket = Arc::clone(&self.sockets[&number]);
        self.spawn(move || {
            let result = (&*socket).read(&mut buffer);
            Done::Other(Completion::Read(number, result, buffer))
        });
    }

    fn write(&mut self, number: usize, bytes: Vec<u8>) {
        let socket = Arc::clone(&self.sockets[&number]);
        self.spawn(move || {
            let result = (&*socket).write(&bytes);
            Done::Other(Completion::Written(number, result, bytes))
        });
    }

    fn shutdown(&mut self, number: usize, how: Shutdown) {
        // The peer may have been faster.
        let _ = self.sockets[&number].shutdown(how);
    }

    fn close(&mut self, number: usize) {
        self.sockets.remove(&number);
    }

    fn wait(&mut self, time: Option<Duration>) -> Option<Completion> {
        let done = match time {
            Some(time) => self.reports.recv_timeout(time).ok()?,
            None => self.reports.recv().ok()?,
        };
        Some(match done {
            Done::Accepted(socket) => {
                let number = (0..).find(|number| !self.sockets.contains_key(number)).unwrap();
                self.sockets.insert(number, Arc::new(socket));
                Completion::Accepted(number)
            }
            Done::Other(completion) => completion,
        })
    }
}
