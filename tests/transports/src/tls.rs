//! The settings of rustls.

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;

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
