//! What the adapter asks of a stream.

use mio::event::Source;
use std::io::{self, Read, Write};
use std::net::Shutdown;

/// A non-blocking stream that can end its writing direction.
///
/// A TLS stream becomes one by a type of your own that wraps it:
///
/// ```
/// use mio::{Interest, Registry, Token, event::Source, net::TcpStream};
/// use std::io::{self, Read, Write};
///
/// // With the state of a TLS library, through which `Read` and `Write` go. `Source` is the TCP stream's.
/// struct Secure(TcpStream);
/// # impl Secure { fn send_close_notify(&mut self) {} }
/// # impl Read for Secure { fn read(&mut self, b: &mut [u8]) -> io::Result<usize> { self.0.read(b) } }
/// # impl Write for Secure {
/// #     fn write(&mut self, b: &[u8]) -> io::Result<usize> { self.0.write(b) }
/// #     fn flush(&mut self) -> io::Result<()> { self.0.flush() }
/// # }
/// # impl Source for Secure {
/// #     fn register(&mut self, r: &Registry, t: Token, i: Interest) -> io::Result<()> { self.0.register(r, t, i) }
/// #     fn reregister(&mut self, r: &Registry, t: Token, i: Interest) -> io::Result<()> { self.0.reregister(r, t, i) }
/// #     fn deregister(&mut self, r: &Registry) -> io::Result<()> { self.0.deregister(r) }
/// # }
///
/// impl sansio_ws::mio::Stream for Secure {
///     fn shutdown_write(&mut self) -> io::Result<()> {
///         self.send_close_notify();
///         self.flush() // `WouldBlock` if that can't be written now
///     }
/// }
/// assert!(!<Secure as sansio_ws::mio::Stream>::SHORT_READ_DRAINS, "records of TLS");
/// ```
///
/// **Streams that keep bytes back**, such as TLS, which writes records: `write` may take bytes that have not
/// left yet. Then
///
/// - `flush` writes what is kept, and returns `WouldBlock` while some of it is. The adapter calls it behind
///   each write, and again when the stream is writable, until it returns `Ok`. Only then does it take
///   what was written for written.
/// - `shutdown_write` queues what ends the direction (in TLS the alert `close_notify`), writes it, and
///   then ends that of the TCP stream. It returns `WouldBlock` until all of that is done, and is called
///   again when the stream is writable.
/// - `read` returns `WouldBlock` when a record is not whole, and 0 or `UnexpectedEof` at the end:
///   with `close_notify` or without. Behind the handshake both are ends and no failures.
/// - A handshake of TLS that is under way goes on in `read`, `write` and `flush`, which return `WouldBlock`
///   meanwhile.
#[doc(alias("tls", "rustls", "wss"))]
pub trait Stream: Read + Write + Source {
    /// Whether a read that returns fewer bytes than it was offered has drained the stream, so
    /// that mio will report the next ones, and the read that would return `WouldBlock` can be
    /// saved. True of TCP where mio uses epoll or kqueue, unless urgent data come, which the
    /// adapter sees to. Not true of Unix sockets, whose reads stop at descriptors that were sent
    /// along, nor of streams that hand out records, such as TLS.
    const SHORT_READ_DRAINS: bool = false;

    /// Whether `write_vectored` takes more than its first slice. Then large answers to events are
    /// written without being copied, see [`Reply`](super::Reply). True of sockets.
    const WRITES_VECTORED: bool = false;

    /// Ends the writing direction: the peer will read the end of the stream.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when the stream has to write something for that and can't now: it is called
    /// again when the stream is writable. Otherwise what the operating system says.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// Ends both directions at once, for a connection that is given up. What has been written may be
    /// lost. Unless the stream says otherwise, only the writing direction ends.
    ///
    /// # Errors
    ///
    /// What the operating system says. Nobody is told: the peer may be gone.
    fn abort(&mut self) -> io::Result<()> {
        self.shutdown_write()
    }
}

/// The systems on which mio uses epoll or kqueue.
const EDGES: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "illumos",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_vendor = "apple",
));

impl Stream for mio::net::TcpStream {
    const SHORT_READ_DRAINS: bool = EDGES;
    const WRITES_VECTORED: bool = true;

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn abort(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}

#[cfg(unix)]
impl Stream for mio::net::UnixStream {
    const WRITES_VECTORED: bool = true;

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn abort(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}
