//! How a client gets to servers, and why it did not: for the adapters that connect by URL.

use super::error::Error;
use crate::handshake::{ClientRequest, ConnectStep, InvalidUrl, Proxy, Redirects};
use crate::tls::{self, TlsError};
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use rustls::ClientConfig;

/// How a client gets to servers. No proxy comes from the environment.
///
/// ```no_run
/// use sansio_ws::blocking::{Connector, connect_with};
/// use sansio_ws::handshake::{ClientRequest, Proxy};
/// use sansio_ws::{Config, deadlines::Timeouts};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let proxy = Proxy::new("http://user:password@proxy.example:3128")?;
/// let connector = Connector::new().proxy(proxy).max_redirects(0);
/// let request = ClientRequest::new("wss://example.com/chat")?.subprotocol("chat")?;
/// let socket = connect_with(&request, Config::default(), Timeouts::default(), &connector)?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Connector {
    tls: Option<Arc<ClientConfig>>,
    proxy: Option<Proxy>,
    redirects: Redirects,
}

impl Connector {
    /// Straight to the server, which must show a certificate of an authority that the system trusts; at
    /// most five redirects.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this configuration of TLS, in place of [`tls::system_config`]: other authorities, a
    /// certificate of the client, another provider. See [`tls::client_config`].
    #[doc(alias("rustls", "certificate", "danger_accept_invalid_certs"))]
    #[must_use]
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Through this proxy, by CONNECT, for `ws` and `wss` alike.
    #[doc(alias("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"))]
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Follows at most this number of redirects; never from TLS to no TLS, and without the credentials
    /// to another server: see [`ClientRequest::redirected`].
    #[doc(alias = "follow_redirects")]
    #[must_use]
    pub fn max_redirects(mut self, max: u8) -> Self {
        self.redirects = Redirects::new(max);
        self
    }

    /// The configuration of TLS.
    ///
    /// # Errors
    ///
    /// As for [`tls::system_config`].
    pub fn tls_config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        self.tls.clone().map_or_else(tls::system_config, Ok)
    }

    /// The proxy to go through.
    #[must_use]
    pub fn proxy_to_use(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// The redirects to follow for one connection.
    #[must_use]
    pub fn redirects(&self) -> Redirects {
        self.redirects.clone()
    }

    /// The error of a connection that got as far as this.
    #[must_use]
    pub fn failed(&self, step: ConnectStep, request: &ClientRequest, error: Error) -> ConnectError {
        let proxy = self.proxy.as_ref().filter(|_| step == ConnectStep::Proxy);
        let authority = proxy.map_or_else(|| request.authority(), Proxy::authority);
        ConnectError { step, authority, error }
    }
}

/// Why there is no connection, and what was under way.
#[derive(Debug)]
pub struct ConnectError {
    /// What was under way.
    pub step: ConnectStep,
    /// With whom: host, and port unless it is the scheme's default. After redirects that is the last
    /// server, of which the caller may not have heard.
    pub authority: String,
    /// What went wrong. [`Error::Refused`] is an answer: of the proxy in [`ConnectStep::Proxy`], of the
    /// server in [`ConnectStep::Handshake`].
    pub error: Error,
}

/// Nothing was connected.
impl From<InvalidUrl> for ConnectError {
    fn from(error: InvalidUrl) -> Self {
        Self { step: ConnectStep::Url, authority: String::new(), error: error.into() }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, authority, error } = self;
        match (step, error) {
            (ConnectStep::Url, _) => error.fmt(f),
            // Not "the server", as `error` has it.
            (ConnectStep::Proxy, Error::Refused(said)) => {
                write!(f, "{step} ({authority}) refused: {said}")
            }
            _ => write!(f, "{step} ({authority}): {error}"),
        }
    }
}

/// `Display` already says what the error inside says.
impl core::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}
