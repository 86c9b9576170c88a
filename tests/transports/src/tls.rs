//! rustls as a stream of each adapter, and its settings.

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{
    ClientConfig, ConnectionCommon, RootCertStore, ServerConfig, SideData, StreamOwned,
    SupportedProtocolVersion,
};
use sansio_ws::{blocking, mio as events};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What servers and clients of one certificate need.
#[derive(Debug, Clone)]
pub struct Settings {
    pub server: Arc<ServerConfig>,
    pub client: Arc<ClientConfig>,
}

impl Settings {
    /// A new certificate for `localhost`, and this version of TLS only.
    pub fn new(version: &'static SupportedProtocolVersion) -> Self {
        let own = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
        let certificate = own.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = Arc::new(default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { server: Arc::new(server), client: Arc::new(client) }
    }

    /// The server's end of TLS.
    pub fn accept(&self) -> rustls::ServerConnection {
        rustls::ServerConnection::new(Arc::clone(&self.server)).unwrap()
    }

    /// The client's end of TLS.
    pub fn connect(&self) -> rustls::ClientConnection {
        let name = "localhost".try_into().unwrap();
        rustls::ClientConnection::new(Arc::clone(&self.client), name).unwrap()
    }
}

/// TLS over a blocking socket, in either role.
#[derive(Debug)]
pub struct Tls<C, T: Read + Write>(pub StreamOwned<C, T>);

impl<C, T, S> Read for Tls<C, T>
where
    C: DerefMut + Deref<Target = ConnectionCommon<S>>,
    T: Read + Write,
    S: SideData,
{
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl<C, T, S> Write for Tls<C, T>
where
    C: DerefMut + Deref<Target = ConnectionCommon<S>>,
    T: Read + Write,
    S: SideData,
{
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<C, S> blocking::Stream for Tls<C, TcpStream>
where
    C: DerefMut + Deref<Target = ConnectionCommon<S>>,
    S: SideData,
{
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        self.0.sock.set_read_timeout(timeout).map(|()| true)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        self.0.sock.set_write_timeout(timeout).map(|()| true)
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        self.0.conn.send_close_notify();
        self.0.flush()?;
        self.0.sock.shutdown(Shutdown::Write).map(|()| true)
    }
}

/// TLS over a socket that need not block. `StreamOwned` does not fit there: writing to it may read
/// from the socket, and a loop that relies on edges would wait for those bytes for ever. Here reading
/// reads, and writing only writes.
#[derive(Debug)]
pub struct Records<T> {
    pub tls: rustls::Connection,
    pub socket: T,
    /// Set as soon as records had to wait.
    pub stalled: Arc<AtomicBool>,
}

impl<T> Records<T> {
    pub fn new(tls: impl Into<rustls::Connection>, socket: T) -> Self {
        Self { tls: tls.into(), socket, stalled: Arc::default() }
    }
}

impl<T: Read> Records<T> {
    /// Reads once from the socket and looks at what has come; `false` at its end.
    pub fn receive(&mut self) -> io::Result<bool> {
        let n = self.tls.read_tls(&mut self.socket)?;
        self.tls
            .process_new_packets()
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        Ok(n > 0)
    }
}

impl<T: Write> Records<T> {
    /// Writes all records that wait.
    pub fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) => {
                    if error.kind() == ErrorKind::WouldBlock {
                        self.stalled.store(true, Ordering::SeqCst);
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

impl<T: Read + Write> Read for Records<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            let received = self.receive();
            // The next flight of the handshake, or an alert. What fails here, writing will find.
            let _ = self.send();
            received?;
        }
    }
}

impl<T: Write> Write for Records<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.send()?;
        let n = self.tls.writer().write(buf)?;
        // These bytes are taken, whatever becomes of them: the next call tells.
        let _ = self.send();
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()?;
        if self.tls.is_handshaking() {
            // What was written is kept until the peer's part of the handshake comes.
            return Err(ErrorKind::WouldBlock.into());
        }
        self.socket.flush()
    }
}

impl<T: mio::event::Source> mio::event::Source for Records<T> {
    fn register(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interests: mio::Interest,
    ) -> io::Result<()> {
        self.socket.register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interests: mio::Interest,
    ) -> io::Result<()> {
        self.socket.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &mio::Registry) -> io::Result<()> {
        self.socket.deregister(registry)
    }
}

impl events::Stream for Records<mio::net::TcpStream> {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.send()?;
        self.socket.shutdown(Shutdown::Write)
    }
}
