//! Signals that interrupt the thread in a system call, many more than any number of retries: none of
//! them ends a connection, and no byte is lost. Linux only.
//!
//! ```sh
//! cargo test --manifest-path tests/transports/Cargo.toml --target-dir target/transports --test signals
//! ```
//!
//! This is a program of its own: a signal for the process goes to its main thread, so the socket under
//! test is there, and other tests are not.

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("signals: not on this system");
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::process::{Signal, getpid, kill_process};
    use sansio_ws::blocking::{Stream, WebSocket};
    use sansio_ws::deadlines::Timeouts;
    use sansio_ws::handshake::OriginPolicy;
    use sansio_ws::{Config, Event};
    use std::io::{self, ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread::{self, JoinHandle};
    use std::time::Duration;
    use transports::frame::{Frame, wire};
    use transports::{REQUEST, read_frame, read_head};

    /// Signals come until this number of calls was interrupted: more than any fixed number of retries.
    const MANY: usize = 500;

    static READS: AtomicUsize = AtomicUsize::new(0);
    static WRITES: AtomicUsize = AtomicUsize::new(0);

    pub(super) fn main() {
        // The watchdog. The signals take a few seconds.
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(1200));
            eprintln!("it hangs");
            std::process::exit(1);
        });
        // Sets the flag, and has no other effect than that the call is interrupted.
        signal_hook::flag::register(Signal::ALARM.as_raw(), Arc::new(AtomicBool::new(false)))
            .unwrap();
        let tests: [(&str, fn()); 2] = [
            ("a_quiet_connection_is_read_on", a_quiet_connection_is_read_on),
            (
                "a_large_message_to_a_slow_reader_is_whole",
                a_large_message_to_a_slow_reader_is_whole,
            ),
        ];
        let mut failed = false;
        for (name, test) in tests {
            let passed = std::panic::catch_unwind(test).is_ok();
            println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
            failed |= !passed;
        }
        std::process::exit(failed.into());
    }

    fn a_quiet_connection_is_read_on() {
        let (mut socket, peer) = open(|mut peer| {
            signal(&READS);
            peer.write_all(&wire(true, [Frame::text("at last")])).unwrap();
            peer
        });
        let event = socket.read().expect("interruptions are no failure");
        assert_eq!(event, Some(Event::Text("at last")));
        peer.join().unwrap();
    }

    fn a_large_message_to_a_slow_reader_is_whole() {
        let payload: Vec<u8> = (0..8 << 20).map(|i: u32| (i % 251) as u8).collect();
        let expected = Frame::binary(&payload);
        let (mut socket, peer) = open(move |mut peer| {
            // The message does not fit into the buffers of the system, so the writer waits.
            signal(&WRITES);
            assert!(read_frame(&mut peer) == expected, "the message is another");
            peer
        });
        socket.send_binary(&payload).expect("interruptions are no failure");
        peer.join().unwrap();
    }

    /// Interrupts the calls that are counted, of the main thread.
    fn signal(interrupted: &AtomicUsize) {
        while interrupted.load(Ordering::Relaxed) < MANY {
            kill_process(getpid(), Signal::ALARM).unwrap();
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// An open connection, and the thread of its peer, who then does `more`. All deadlines are far
    /// away, but they set timeouts: the system does not repeat a call that can time out by itself
    /// after a signal.
    fn open(
        more: impl FnOnce(TcpStream) -> TcpStream + Send + 'static,
    ) -> (WebSocket<Counted>, JoinHandle<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let peer = thread::spawn(move || {
            peer.write_all(REQUEST).unwrap();
            read_head(&mut peer);
            more(peer)
        });
        let far = Some(Duration::from_secs(600));
        let timeouts = Timeouts::default().opening(far).keep_alive(far).pong(far).close(far);
        let stream = Counted(stream);
        let origin = OriginPolicy::SameHost;
        (WebSocket::accept(stream, origin, Config::default(), timeouts).unwrap(), peer)
    }

    /// A TCP stream that counts the calls which were interrupted.
    #[derive(Debug)]
    struct Counted(TcpStream);

    fn count<T>(counter: &AtomicUsize, result: io::Result<T>) -> io::Result<T> {
        if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    impl Read for Counted {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            count(&READS, self.0.read(buf))
        }
    }

    impl Write for Counted {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            count(&WRITES, self.0.write(buf))
        }

        fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
            count(&WRITES, self.0.write_vectored(bufs))
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    impl Stream for Counted {
        fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
            Stream::set_read_timeout(&mut self.0, timeout)
        }

        fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
            Stream::set_write_timeout(&mut self.0, timeout)
        }

        fn shutdown_write(&mut self) -> io::Result<bool> {
            Stream::shutdown_write(&mut self.0)
        }
    }
}
