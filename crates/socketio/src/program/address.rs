//! Where the server is, and what is sent there.

use super::cookies::Cookies;
use super::error::Error;
use crate::client::engine::{Connect, Request};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use rustls::ClientConfig;
use sansio_engineio::Query;
use sansio_ws::blocking::Connector;
use sansio_ws::deadlines::{Instant, Timeouts};
use sansio_ws::handshake::{ClientRequest, ReceivedResponse};
use sansio_ws::{Config, Limits};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// How long a server has for its part of the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the server is, and what is sent there.
pub(crate) struct Address {
    /// `HOST` or `HOST:PORT`.
    authority: String,
    pub(crate) route: Route,
    /// The one of the user name and password in the URL.
    authorization: Option<String>,
    /// What the server has set, if the program wants that.
    cookies: Option<Mutex<Cookies>>,
}

/// How to get to the server, for both transports.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// Says where it is, and whether it is called by TLS.
    pub(crate) request: ClientRequest,
    pub(crate) connector: Connector,
    /// How long that may take.
    pub(crate) timeouts: Timeouts,
}

/// What a URL says: the server, the namespace, and parameters of each request.
pub(super) struct Target {
    pub(super) address: Address,
    pub(super) namespace: String,
    pub(super) query: Vec<(String, String)>,
}

/// The name and the value of a header.
type Header<'r> = (&'r str, Cow<'r, str>);

/// All that it takes to open a WebSocket.
pub(crate) struct Opening {
    pub(crate) request: ClientRequest,
    pub(crate) config: Config,
    pub(crate) timeouts: Timeouts,
}

impl Target {
    /// Of a URL, to be reached as the program says. With cookies those for requests of this path are kept.
    pub(super) fn new(
        url: &str,
        connector: Connector,
        time: Duration,
        cookies: Option<&str>,
    ) -> Result<Self, Error> {
        let request = ClientRequest::new(url)?;
        let cookies = cookies.map(|path| Cookies::new(request.host(), path, request.is_secure()));
        let (namespace, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        let mut connector = connector.max_redirects(0);
        if request.is_secure() {
            // Once, so that sessions of TLS are resumed.
            let tls = connector.tls_config()?;
            connector = connector.tls(http1_only(tls));
        }
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
            address: Address {
                authority: request.authority(),
                route: Route { request, connector, timeouts: Timeouts::NONE.opening(Some(time)) },
                authorization,
                cookies: cookies.map(Mutex::new),
            },
        })
    }
}

impl Address {
    /// The URL of a request, and all its headers.
    pub(crate) fn request<'r>(
        &'r self,
        request: &'r Request,
        now: Instant,
    ) -> (String, impl Iterator<Item = Header<'r>>) {
        let scheme = if self.route.request.is_secure() { "https" } else { "http" };
        let url = format!("{scheme}://{}{}", self.authority, request.target);
        (url, self.headers(&request.headers, now))
    }

    /// How to open a WebSocket, which may take the time until it is not wanted any more.
    pub(crate) fn opening(
        &self,
        connect: &Connect,
        now: Instant,
    ) -> Result<Opening, Box<dyn core::error::Error + Send + Sync>> {
        let scheme = if self.route.request.is_secure() { "wss" } else { "ws" };
        let url = format!("{scheme}://{}{}", self.authority, connect.target);
        let mut request = ClientRequest::new(&url)?;
        for (name, value) in self.headers(&connect.headers, now) {
            request = request.header(name, &value)?;
        }
        let limits = Limits::default()
            .max_message_bytes(connect.max_message_bytes)
            .max_frame_bytes(connect.max_message_bytes);
        Ok(Opening {
            request,
            config: Config::default().limits(limits),
            // The heartbeat is that of Engine.IO.
            timeouts: Timeouts::NONE
                .opening(Some(connect.due.saturating_since(now)))
                .close(Some(CLOSE_TIMEOUT)),
        })
    }

    /// Those of the program, and what is known beside them. Cookies stand in one header.
    fn headers<'r>(
        &'r self,
        headers: &'r [(String, String)],
        now: Instant,
    ) -> impl Iterator<Item = Header<'r>> {
        let authorization = self.authorization.as_deref().map(|value| ("Authorization", value));
        let (mut own, others): (Vec<_>, Vec<_>) = headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .chain(authorization)
            .partition(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        let set = self.cookies.as_ref().and_then(|cookies| lock(cookies).header(now));
        own.extend(set.as_deref().map(|set| ("Cookie", set)));
        let values: Vec<_> = own.iter().map(|(_, value)| *value).collect();
        let cookies = (!own.is_empty()).then(|| ("Cookie", Cow::Owned(values.join("; "))));
        others.into_iter().map(|(name, value)| (name, Cow::Borrowed(value))).chain(cookies)
    }

    /// A response has come: these are the values of its `Set-Cookie` headers.
    pub(crate) fn set_cookies<'v>(&self, now: Instant, values: impl Iterator<Item = &'v [u8]>) {
        let Some(cookies) = &self.cookies else { return };
        let date = SystemTime::now();
        values.for_each(|value| lock(cookies).set(now, date, value));
    }

    /// As [`set_cookies`](Self::set_cookies), of the response to the handshake of a WebSocket.
    pub(crate) fn set_cookies_of(&self, now: Instant, response: &ReceivedResponse) {
        let is_it = |name: &str| name.eq_ignore_ascii_case("set-cookie");
        let values = response.headers.iter().filter(|(name, _)| is_it(name));
        self.set_cookies(now, values.map(|(_, value)| &**value));
    }
}

/// HTTP/1.1 is all that is spoken.
fn http1_only(mut tls: Arc<ClientConfig>) -> Arc<ClientConfig> {
    if !tls.alpn_protocols.is_empty() {
        Arc::make_mut(&mut tls).alpn_protocols.clear();
    }
    tls
}

fn lock(cookies: &Mutex<Cookies>) -> MutexGuard<'_, Cookies> {
    cookies.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sansio_ws::tls;

    /// A server that chose HTTP/2 would be spoken to in HTTP/1.1.
    #[test]
    fn no_other_protocol_is_offered() {
        let mut tls = tls::client_config(rustls::RootCertStore::empty()).unwrap();
        tls.alpn_protocols = [&b"h2"[..], b"http/1.1"].map(Vec::from).into();
        let connector = Connector::new().tls(Arc::new(tls));
        let time = Duration::from_secs(1);
        let target = Target::new("https://example.com", connector, time, None).unwrap();
        let tls = target.address.route.connector.tls_config().unwrap();
        assert!(tls.alpn_protocols.is_empty());
    }
}
