//! The way of a client from a URL to an open connection.

use core::fmt;

/// Where a client has got to on its way to an open connection: what adapters that connect by URL say of
/// an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectStep {
    /// The URL; nothing was connected.
    Url,
    /// To look up and reach the server.
    Address,
    /// To look up and reach the proxy, and to have it connect to the server.
    Proxy,
    /// The handshake of TLS.
    Tls,
    /// The handshake of WebSocket.
    Handshake,
    /// To follow a redirect.
    Redirect,
}

impl fmt::Display for ConnectStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "the URL",
            Self::Address => "connecting",
            Self::Proxy => "the proxy",
            Self::Tls => "TLS",
            Self::Handshake => "the handshake",
            Self::Redirect => "a redirect",
        })
    }
}
