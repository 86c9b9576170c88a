//! rustls as a stream of the blocking adapter, and its settings.

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{
    ClientConfig, ConnectionCommon, RootCertStore, ServerConfig, SideData, StreamOwned,
    SupportedProtocolVersion,
};
use sansio_ws::blocking;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
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
        Self::with_chain(version, 1)
    }

    /// The same, and the server sends its certificate so many times.
    pub fn with_chain(version: &'static SupportedProtocolVersion, length: usize) -> Self {
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
            .with_single_cert(vec![certificate; length], key)
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
