//! Where the server is, and what is sent there.

use super::error::Error;
use crate::client::engine::{Connect, Request};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use rustls::ClientConfig;
use sansio_engineio::Query;
use sansio_ws::blocking::Connector;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{Config, Limits, tls};

/// How long a server has for its part of the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the server is, and how to get there.
pub(crate) struct Address {
    /// `HOST` or `HOST:PORT`.
    authority: String,
    /// If it is called by TLS.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// The one of the user name and password in the URL.
    authorization: Option<String>,
}

/// What a URL says: the server, the namespace, and parameters of each request.
pub(super) struct Target {
    pub(super) address: Address,
    pub(super) namespace: String,
    pub(super) query: Vec<(String, String)>,
}

/// All that it takes to open a WebSocket.
pub(crate) struct Opening {
    pub(crate) request: ClientRequest,
    pub(crate) config: Config,
    pub(crate) timeouts: Timeouts,
    pub(crate) connector: Connector,
}

impl Target {
    /// Of a URL, with the configuration of TLS that the program has given, if it has.
    pub(super) fn new(url: &str, tls: Option<Arc<ClientConfig>>) -> Result<Self, Error> {
        let request = ClientRequest::new(url)?;
        let (namespace, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        let tls = match (request.is_secure(), tls) {
            (false, _) => None,
            (true, Some(tls)) => Some(tls),
            (true, None) => Some(tls::system_config()?),
        };
        let headers = request.connect_headers(&Config::default());
        let is_it = |(name, _): &(String, String)| name == "authorization";
        let authorization = headers.into_iter().find(is_it).map(|(_, value)| value);
        Ok(Self {
            namespace: String::from(namespace),
            query: Query::parse(query)
                .others
                .into_iter()
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
            address: Address { authority: request.authority(), tls, authorization },
        })
    }
}

impl Address {
    /// The URL of a request, and all its headers.
    pub(crate) fn request<'r>(
        &'r self,
        request: &'r Request,
    ) -> (String, impl Iterator<Item = (&'r str, &'r str)>) {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        (format!("{scheme}://{}{}", self.authority, request.target), self.headers(&request.headers))
    }

    /// How to open a WebSocket, which may take this time.
    pub(crate) fn opening(
        &self,
        connect: &Connect,
        time: Duration,
    ) -> Result<Opening, Box<dyn core::error::Error + Send + Sync>> {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://{}{}", self.authority, connect.target);
        let mut request = ClientRequest::new(&url)?;
        for (name, value) in self.headers(&connect.headers) {
            request = request.header(name, value)?;
        }
        let limits = Limits::default()
            .max_message_bytes(connect.max_message_bytes)
            .max_frame_bytes(connect.max_message_bytes);
        let mut connector = Connector::new().max_redirects(0);
        if let Some(tls) = &self.tls {
            connector = connector.tls(Arc::clone(tls));
        }
        Ok(Opening {
            request,
            config: Config::default().limits(limits),
            // The heartbeat is that of Engine.IO.
            timeouts: Timeouts::NONE.opening(Some(time)).close(Some(CLOSE_TIMEOUT)),
            connector,
        })
    }

    fn headers<'r>(
        &'r self,
        headers: &'r [(String, String)],
    ) -> impl Iterator<Item = (&'r str, &'r str)> {
        let authorization = self.authorization.as_deref().map(|value| ("Authorization", value));
        headers.iter().map(|(name, value)| (&**name, &**value)).chain(authorization)
    }
}
