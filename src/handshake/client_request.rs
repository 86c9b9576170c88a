//! What a client asks for (RFC 6455, section 4.1).

#![warn(clippy::indexing_slicing)]

use super::accept::Base64;
use super::error::{HandshakeError, InvalidField, InvalidUrl};
use super::headers::{Headers, check_field, check_value, fields, is_token};
use super::offer::ClientOffer;
use super::url::Url;
use crate::connection::{Config, Connection, Role};
use crate::entropy::Masks;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What to ask a server for.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sansio_ws::handshake::ClientRequest;
///
/// let request = ClientRequest::new("wss://example.com/chat?room=1")?
///     .subprotocol("chat")?
///     .header("Authorization", "Bearer 1234")?;
/// assert_eq!((request.host(), request.port(), request.is_secure()), ("example.com", 443, true));
/// # Ok(()) }
/// ```
#[doc(alias = "IntoClientRequest")]
#[derive(Clone)]
pub struct ClientRequest {
    url: Url,
    /// The value of `Authorization`, if the URL has a user name.
    authorization: Option<String>,
    origin: Option<String>,
    pub(super) subprotocols: Vec<String>,
    /// Further header lines, each with its CR LF.
    lines: String,
}

impl ClientRequest {
    /// A request for a `ws` or `wss` URL. `http` and `https` mean the same.
    ///
    /// What is not ASCII in path and query is percent-encoded as UTF-8. A user name and password are
    /// sent as `Authorization: Basic` (RFC 7617) and shown nowhere else.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`]; nothing has been connected yet.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        let (url, authorization) = Url::parse(url)?;
        let (origin, subprotocols, lines) = (None, Vec::new(), String::new());
        Ok(Self { url, authorization, origin, subprotocols, lines })
    }

    /// Offers a subprotocol, after those offered before.
    ///
    /// # Errors
    ///
    /// [`InvalidField::Subprotocol`], [`InvalidField::DuplicateSubprotocol`].
    #[doc(alias = "Sec-WebSocket-Protocol")]
    pub fn subprotocol(mut self, name: &str) -> Result<Self, InvalidField> {
        if !is_token(name.as_bytes()) {
            return Err(InvalidField::Subprotocol);
        }
        if self.subprotocols.iter().any(|offered| offered == name) {
            return Err(InvalidField::DuplicateSubprotocol);
        }
        self.subprotocols.push(name.into());
        Ok(self)
    }

    /// Adds a header. There is no `User-Agent` unless it is given here. The value of `Authorization` for a
    /// user name and password is made by [`basic_authorization`](super::basic_authorization).
    ///
    /// # Errors
    ///
    /// [`InvalidField`] when the name is no token, the value has a control character (CR, LF and
    /// NUL above all), or the header is one that the handshake writes itself:
    /// [`InvalidField::Authorization`] if the URL has a user name.
    #[doc(alias("user agent", "User-Agent", "basic auth"))]
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidField> {
        check_field(name, value)?;
        if self.authorization.is_some() && name.eq_ignore_ascii_case("authorization") {
            return Err(InvalidField::Authorization);
        }
        self.lines.extend([name, ": ", value, "\r\n"]);
        Ok(self)
    }

    /// Sends an `Origin`, as browsers do, in place of any set before.
    ///
    /// # Errors
    ///
    /// [`InvalidField::Value`].
    pub fn origin(mut self, origin: &str) -> Result<Self, InvalidField> {
        check_value(origin)?;
        self.origin = Some(origin.into());
        Ok(self)
    }

    /// The host to connect to: a name, an IPv4 address, or an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.url.host
    }

    /// The host to look up or to connect to: as [`host`](Self::host), but an IPv6 address stands without its
    /// brackets.
    #[must_use]
    pub fn dial_host(&self) -> &str {
        self.url.dial_host()
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port
    }

    /// Whether the URL is `wss` or `https`: the transport must be TLS, with the certificate checked.
    #[doc(alias = "tls")]
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.url.secure
    }

    /// What is asked for: path and query.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.url.resource
    }

    /// The host and port that the server is called: `Host`, or `:authority` in HTTP/2. The port is left
    /// out if it is the scheme's default.
    #[must_use]
    pub fn authority(&self) -> String {
        self.url.host_header()
    }

    /// The request that a redirect leads to: `location` is absolute, or relative to this one (RFC
    /// 3986, section 5; RFC 9110, section 10.2.2). A fragment is dropped.
    ///
    /// Everything else stays, unless another server is asked (another host, port or scheme): then the
    /// user name of the URL and the headers `Authorization`, `Cookie` and `Proxy-Authorization` are
    /// left out. Bound the number of redirects that you follow.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`]; [`InvalidUrl::Downgrade`] if it leads from TLS to no TLS.
    #[doc(alias = "redirect")]
    pub fn redirected(&self, location: &str) -> Result<Self, InvalidUrl> {
        let location = location.split_once('#').map_or(location, |(location, _)| location);
        let (url, authorization) = Url::parse(&self.url.resolve(location))?;
        if self.url.secure && !url.secure {
            return Err(InvalidUrl::Downgrade);
        }
        let mut request = Self { url, ..self.clone() };
        if !self.url.has_origin_of(&request.url) {
            request.authorization = None;
            request.remove_headers(&["authorization", "cookie", "proxy-authorization"]);
        }
        if authorization.is_some() {
            request.authorization = authorization;
            request.remove_headers(&["authorization"]);
        }
        Ok(request)
    }

    fn remove_headers(&mut self, names: &[&str]) {
        let is_kept = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default();
            !names.iter().any(|removed| removed.eq_ignore_ascii_case(name))
        };
        self.lines = self.lines.split_inclusive("\r\n").filter(is_kept).collect();
    }

    pub(super) fn encode(&self, key: &Base64<24>, offer: &ClientOffer) -> Vec<u8> {
        let mut head = alloc::format!(
            "GET {} HTTP/1.1\r\n\
             Host: {}\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {}\r\n",
            self.url.resource,
            self.url.host_header(),
            key.as_str(),
        );
        self.push_lines(offer, &mut head);
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// The header lines that are the same in every version of HTTP.
    fn push_lines(&self, offer: &ClientOffer, head: &mut String) {
        if !self.subprotocols.is_empty() {
            head.extend(["Sec-WebSocket-Protocol: ", &self.subprotocols.join(", "), "\r\n"]);
        }
        if let Some(extensions) = offer.extensions() {
            head.extend(["Sec-WebSocket-Extensions: ", extensions, "\r\n"]);
        }
        for (name, value) in [("Origin", &self.origin), ("Authorization", &self.authorization)] {
            if let Some(value) = value {
                head.extend([name, ": ", value, "\r\n"]);
            }
        }
        head.push_str(&self.lines);
    }
}

/// Over HTTP/2 or HTTP/3 a client asks with an extended CONNECT, which a library for these sends: its
/// `:method` is CONNECT, `:protocol` websocket, `:scheme` https or http, `:authority`
/// [`authority`](ClientRequest::authority), `:path` [`target`](ClientRequest::target) (RFC 8441,
/// section 4; RFC 9220, section 3).
impl ClientRequest {
    /// The headers of an extended CONNECT behind the pseudo-headers: names in lower case, and values.
    /// `config` says which extension is offered.
    #[must_use]
    pub fn connect_headers(&self, config: &Config) -> Vec<(String, String)> {
        let mut lines = String::from("Sec-WebSocket-Version: 13\r\n");
        self.push_lines(&ClientOffer::new(&self.subprotocols, config), &mut lines);
        fields(&lines).map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect()
    }

    /// The connection that the answer to an extended CONNECT opens. Its bytes are those of the stream.
    /// `config` is the one of [`connect_headers`](Self::connect_headers).
    ///
    /// # Errors
    ///
    /// Fatal: the status is not one of 200 to 299, or the server chose what was not offered.
    pub fn opened<'b>(
        &self,
        status: u16,
        headers: impl IntoIterator<Item = (&'b str, &'b [u8])>,
        config: impl Into<Arc<Config>>,
        masks: Masks,
    ) -> Result<Connection, HandshakeError> {
        let config = config.into();
        if !matches!(status, 200..=299) {
            return Err(HandshakeError::Unaccepted(status));
        }
        let headers = Headers::from_parts(headers)?;
        ClientOffer::new(&self.subprotocols, &config).open(&headers, Role::Client(masks), config)
    }
}

/// Prints no headers: they may be secrets.
impl core::fmt::Debug for ClientRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ClientRequest")
            .field("url", &self.url)
            .field("subprotocols", &self.subprotocols)
            .finish_non_exhaustive()
    }
}
