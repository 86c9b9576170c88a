//! TLS of clients, by rustls: whom they trust unless they are told, and what can go wrong.
//!
//! ```
//! use sansio_ws::tls;
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // An authority of one's own, in place of those that the system trusts.
//! let mut roots = rustls::RootCertStore::empty();
//! # let certificates: Vec<rustls::pki_types::CertificateDer<'static>> = vec![];
//! for certificate in certificates {
//!     roots.add(certificate)?;
//! }
//! let config = Arc::new(tls::client_config(roots)?);
//! assert_eq!(config.alpn_protocols, [b"http/1.1"]);
//! # Ok(()) }
//! ```

use alloc::sync::Arc;
use alloc::vec;
use core::fmt;
use rustls::client::ClientConfig;
use rustls::crypto::ring;
use rustls::{CertificateError, RootCertStore};
use std::io;
use std::sync::OnceLock;

/// The configuration of clients that bring none: it trusts the authorities that the system trusts,
/// which are read once for all connections of the process. So do sessions that can be resumed.
///
/// # Errors
///
/// [`TlsError::Roots`]: the system has none that can be read. Nothing is kept: the next call reads
/// again.
pub fn system_config() -> Result<Arc<ClientConfig>, TlsError> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems have some that are no authority for rustls. Those that are left out authenticate nobody.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(TlsError::Roots(
            found.errors.into_iter().next().map(|error| Arc::new(error) as _),
        ));
    }
    let config = Arc::new(client_config(roots)?);
    // Another thread may have been faster.
    Ok(Arc::clone(CONFIG.get_or_init(|| config)))
}

/// A configuration that trusts these authorities: TLS 1.2 and 1.3 with ring, whatever the default of
/// the process is, and HTTP/1.1 by ALPN, so that nobody takes the connection for one of another
/// protocol.
///
/// # Errors
///
/// What rustls says of it.
pub fn client_config(roots: RootCertStore) -> Result<ClientConfig, TlsError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// What went wrong in TLS. Fatal for the connection. Errors of certificates are of the server's, which
/// did not prove to be what the URL names.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate has expired.
    Expired(rustls::Error),
    /// The certificate is not valid yet. The clock of this machine may be wrong.
    NotYetValid(rustls::Error),
    /// The certificate is for other names.
    WrongName(rustls::Error),
    /// The certificate leads to no authority that is trusted.
    UnknownAuthority(rustls::Error),
    /// Something else is wrong with the certificate.
    Certificate(rustls::Error),
    /// The host of the URL is neither a name that a certificate can have nor an address.
    Host,
    /// The system has no authorities to trust. Bring a configuration with some.
    Roots(Option<Arc<dyn core::error::Error + Send + Sync>>),
    /// The server broke TLS, or both found no version and ciphers in common, or it refused.
    Protocol(rustls::Error),
}

impl TlsError {
    /// The error of TLS that a stream reported, if it is one.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<rustls::Error>().cloned().map(Self::from)
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        use CertificateError as Fault;
        let rustls::Error::InvalidCertificate(fault) = &error else {
            return Self::Protocol(error);
        };
        match fault {
            Fault::Expired | Fault::ExpiredContext { .. } => Self::Expired(error),
            Fault::NotValidYet | Fault::NotValidYetContext { .. } => Self::NotYetValid(error),
            Fault::NotValidForName | Fault::NotValidForNameContext { .. } => Self::WrongName(error),
            Fault::UnknownIssuer => Self::UnknownAuthority(error),
            _ => Self::Certificate(error),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(error) => write!(f, "the certificate has expired: {error}"),
            Self::NotYetValid(error) => write!(f, "the certificate is not valid yet: {error}"),
            Self::WrongName(error) => write!(f, "the certificate is for another name: {error}"),
            Self::UnknownAuthority(error) => {
                write!(f, "the certificate is of an unknown authority: {error}")
            }
            Self::Certificate(error) => write!(f, "the certificate is not acceptable: {error}"),
            Self::Host => f.write_str("no certificate can name this host"),
            Self::Roots(None) => f.write_str("the system has no authorities to trust"),
            Self::Roots(Some(error)) => {
                write!(f, "the system has no authorities to trust: {error}")
            }
            Self::Protocol(error) => error.fmt(f),
        }
    }
}

/// `Display` already says what the error inside says.
impl core::error::Error for TlsError {}
