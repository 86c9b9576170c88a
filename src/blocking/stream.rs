//! Streams that can time out.

use alloc::boxed::Box;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;

/// A blocking stream with abilities that `Read + Write` does not have. For a stream that lacks
/// them there is [`Plain`].
///
/// With the feature `rustls` its streams are some, and there is a
#[cfg_attr(feature = "rustls", doc = "[`TlsStream`](super::TlsStream)")]
#[cfg_attr(not(feature = "rustls"), doc = "`TlsStream`")]
/// for two threads. A TLS stream of another library becomes one by a type of your own that wraps it. What the `TcpStream` in it
/// can do serves the TLS stream too:
///
/// ```
/// use sansio_ws::blocking::Stream;
/// use std::io::{self, Read, Write};
/// use std::net::{Shutdown, TcpStream};
/// use std::time::Duration;
/// # struct TlsStream<T>(T);
/// # impl<T> TlsStream<T> { fn get_ref(&self) -> &T { &self.0 } fn send_close_notify(&mut self) {} }
/// # impl<T: Read> Read for TlsStream<T> {
/// #     fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> { self.0.read(buf) }
/// # }
/// # impl<T: Write> Write for TlsStream<T> {
/// #     fn write(&mut self, buf: &[u8]) -> io::Result<usize> { self.0.write(buf) }
/// #     fn flush(&mut self) -> io::Result<()> { self.0.flush() }
/// # }
///
/// struct Secure(TlsStream<TcpStream>); // its `Read` and `Write` pass on to the TLS stream
///
/// impl Stream for Secure {
///     fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
///         self.0.get_ref().set_read_timeout(timeout).map(|()| true)
///     }
///     fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
///         self.0.get_ref().set_write_timeout(timeout).map(|()| true)
///     }
///     fn shutdown_write(&mut self) -> io::Result<bool> {
///         self.0.send_close_notify();
///         self.0.flush()?;
///         self.0.get_ref().shutdown(Shutdown::Write).map(|()| true)
///     }
/// }
/// # impl Read for Secure {
/// #     fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> { self.0.read(buf) }
/// # }
/// # impl Write for Secure {
/// #     fn write(&mut self, buf: &[u8]) -> io::Result<usize> { self.0.write(buf) }
/// #     fn flush(&mut self) -> io::Result<()> { self.0.flush() }
/// # }
/// # fn main() -> io::Result<()> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let tls = TlsStream(TcpStream::connect(listener.local_addr()?)?);
/// assert!(Secure(tls).set_read_timeout(Some(Duration::from_secs(1)))?);
/// # Ok(()) }
/// ```
#[doc(alias("tls", "rustls", "native-tls", "wss"))]
pub trait Stream: Read + Write {
    /// Bounds the following reads; they then fail with `WouldBlock` or `TimedOut`. `false` when
    /// the stream can't do that.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool>;

    /// Bounds the following writes, as [`set_read_timeout`](Self::set_read_timeout) does reads.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool>;

    /// Whether the stream has something to write by itself, for example records that TLS answers to what
    /// was read. Then it is flushed before the next read. A read that finds it behind itself, and has
    /// nothing to return, fails with `Interrupted`.
    fn wants_flush(&self) -> bool {
        false
    }

    /// Ends the writing direction: the peer will read the end of the stream. `false` when the
    /// stream can't do that; then it is taken to end when it is dropped.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn shutdown_write(&mut self) -> io::Result<bool>;

    /// Ends both directions at once, for a connection that is given up: a read of another handle
    /// that waits in another thread returns. What has been written may be lost. Unless the stream
    /// says otherwise, only the writing direction ends. `false` when the stream can't do that.
    ///
    /// # Errors
    ///
    /// What the operating system says. Nobody is told: the peer may be gone.
    fn abort(&mut self) -> io::Result<bool> {
        self.shutdown_write()
    }
}

impl Stream for TcpStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        Self::set_read_timeout(self, timeout).map(|()| true)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        Self::set_write_timeout(self, timeout).map(|()| true)
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        self.shutdown(Shutdown::Write).map(|()| true)
    }

    fn abort(&mut self) -> io::Result<bool> {
        self.shutdown(Shutdown::Both).map(|()| true)
    }
}

#[cfg(unix)]
impl Stream for UnixStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        Self::set_read_timeout(self, timeout).map(|()| true)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        Self::set_write_timeout(self, timeout).map(|()| true)
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        self.shutdown(Shutdown::Write).map(|()| true)
    }

    fn abort(&mut self) -> io::Result<bool> {
        self.shutdown(Shutdown::Both).map(|()| true)
    }
}

/// Passes everything on.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: Stream + ?Sized> Stream for $pointer {
            fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
                (**self).set_read_timeout(timeout)
            }

            fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
                (**self).set_write_timeout(timeout)
            }

            fn wants_flush(&self) -> bool {
                (**self).wants_flush()
            }

            fn shutdown_write(&mut self) -> io::Result<bool> {
                (**self).shutdown_write()
            }

            fn abort(&mut self) -> io::Result<bool> {
                (**self).abort()
            }
        }
    )*};
}

// A stream that is TCP or TLS by URL is a `Box<dyn Stream>`.
forward!(Box<S>, &mut S);

/// Any `Read + Write` as a [`Stream`] without timeouts: deadlines are checked only between reads
/// and writes, nobody is given up for silence, which can't be noticed, and the transport ends when
/// it is dropped. So a server's connection has ended as
/// soon as both have sent Close: the client waits for the server to end the transport.
///
/// ```
/// use sansio_ws::blocking::{Parts, Plain, WebSocket};
/// use sansio_ws::{Config, Connection, Event, Masks, RecvBuffer, Role, deadlines::Timeouts};
/// use std::io::{self, Read, Write};
///
/// struct Pipes<R, W>(R, W); // those of a process, for example
/// # impl<R: Read, W> Read for Pipes<R, W> {
/// #     fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> { self.0.read(buf) }
/// # }
/// # impl<R, W: Write> Write for Pipes<R, W> {
/// #     fn write(&mut self, buf: &[u8]) -> io::Result<usize> { self.1.write(buf) }
/// #     fn flush(&mut self) -> io::Result<()> { self.1.flush() }
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let stream = Plain(Pipes(&b"\x81\x05hello"[..], io::sink()));
/// let connection = Connection::new(Role::Client(Masks::from_os()?), Config::default());
/// let parts = Parts { stream, rx: RecvBuffer::new(), connection };
/// let mut socket = WebSocket::from_parts(parts, Timeouts::NONE);
/// assert_eq!(socket.read()?, Some(Event::Text("hello")));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Plain<S>(pub S);

impl<S: Read> Read for Plain<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl<S: Write> Write for Plain<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write> Stream for Plain<S> {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<bool> {
        Ok(false)
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<bool> {
        Ok(false)
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}
