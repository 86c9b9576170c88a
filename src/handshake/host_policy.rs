//! By which names a server is called.

use super::{HandshakeError, Request};
use alloc::string::String;
use alloc::vec::Vec;

/// By which names a server is called, against DNS rebinding: see [`Request::check_host`].
///
/// ```
/// use sansio_ws::handshake::{HandshakeError, HostPolicy, Request};
///
/// # fn main() -> Result<(), HandshakeError> {
/// let policy = HostPolicy::Listed(vec!["localhost".into(), "127.0.0.1".into()]);
/// let rebound = Request::from_parts("GET", "/", [("Host", b"evil.example" as &[u8])])?;
/// assert_eq!(policy.check(&rebound), Err(HandshakeError::ForeignHost));
/// assert_eq!(HostPolicy::AnyHost.check(&rebound), Ok(()));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostPolicy {
    /// These names, each with a port or without. Requests for others get 421.
    Listed(Vec<String>),
    /// Any name: for servers that everybody can reach.
    AnyHost,
}

impl HostPolicy {
    /// Checks what a client calls the server.
    ///
    /// # Errors
    ///
    /// Fatal: [`HandshakeError::ForeignHost`].
    pub fn check(&self, request: &Request<'_>) -> Result<(), HandshakeError> {
        match self {
            Self::Listed(hosts) => request.check_host(hosts),
            Self::AnyHost => Ok(()),
        }
    }
}
