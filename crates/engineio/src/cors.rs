//! What pages of other origins may read (E30), and the cookie of a session (E31).

use crate::SessionId;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use sansio_ws::handshake::{InvalidField, Request, Response, Status};

/// Which pages of other origins may read the responses of polling. Browsers ask for nothing of the kind
/// before a WebSocket: there the server's policy of origins decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    origins: Origins,
    credentials: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origins {
    Any,
    Listed(Vec<String>),
}

const METHODS: &str = "GET,HEAD,PUT,PATCH,POST,DELETE";

impl Cors {
    /// Every page may read, and browsers send no cookies along.
    #[must_use]
    pub const fn any() -> Self {
        Self { origins: Origins::Any, credentials: false }
    }

    /// Pages of these origins may read, for example `https://example.com`, compared byte for byte.
    #[must_use]
    pub fn listed(origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let origins = origins.into_iter().map(Into::into).collect();
        Self { origins: Origins::Listed(origins), credentials: false }
    }

    /// The same, and browsers may send cookies along. With [`any`](Self::any) the answer then names the
    /// origin that asks, since browsers take no star: each page of the web acts as its visitor.
    #[must_use]
    pub const fn credentials(mut self, on: bool) -> Self {
        self.credentials = on;
        self
    }

    /// Adds the headers to a response, whatever it is: browsers hide the code of an error without them.
    #[must_use]
    pub fn allow(&self, request: &Request<'_>, response: Response) -> Response {
        self.allow_origin(origin_of(request), response)
    }

    /// The same for a request whose head is gone: with its `Origin`.
    #[must_use]
    pub fn allow_origin(&self, origin: Option<&str>, response: Response) -> Response {
        let (allowed, varies) = match &self.origins {
            Origins::Any if !self.credentials => (Some(Cow::Borrowed("*")), false),
            Origins::Any => (origin.map(Cow::Borrowed), true),
            Origins::Listed(listed) => {
                let named = origin.filter(|origin| listed.iter().any(|listed| listed == origin));
                (named.map(Cow::Borrowed), true)
            }
        };
        let mut response = response;
        if varies {
            response = response.static_header("Vary", "Origin");
        }
        let Some(allowed) = allowed else { return response };
        // An origin with a control character was never allowed by anybody.
        if response.add_header("Access-Control-Allow-Origin", &allowed).is_ok() && self.credentials
        {
            response = response.static_header("Access-Control-Allow-Credentials", "true");
        }
        response
    }

    /// The answer to the question that a browser asks before a request (OPTIONS). Like every other
    /// response it needs the headers of [`allow`](Self::allow).
    #[must_use]
    pub fn preflight(request: &Request<'_>) -> Response {
        let mut response = Response::new(Status::NO_CONTENT)
            .static_header("Access-Control-Allow-Methods", METHODS)
            .keep_alive(true);
        if let Some(asked) = request.headers().get("access-control-request-headers")
            && response.add_header("Access-Control-Allow-Headers", asked).is_ok()
        {
            response = response.static_header("Vary", "Access-Control-Request-Headers");
        }
        response
    }
}

fn origin_of<'r>(request: &Request<'r>) -> Option<&'r str> {
    request.headers().get("origin")
}

/// The cookie of a session, for balancers that send a client to the same server again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    attributes: String,
}

impl Cookie {
    /// A cookie for all paths, which scripts cannot read: `Path=/; HttpOnly; SameSite=Lax`.
    ///
    /// # Errors
    ///
    /// Recoverable: the name is no token.
    pub fn new(name: &str) -> Result<Self, InvalidField> {
        Self { name: name.into(), attributes: String::new() }
            .attributes("Path=/; HttpOnly; SameSite=Lax")
    }

    /// The same cookie with other attributes, for example `Path=/; Secure; SameSite=None`.
    ///
    /// # Errors
    ///
    /// Recoverable: the attributes have a control character.
    pub fn attributes(mut self, attributes: &str) -> Result<Self, InvalidField> {
        // A name and a value of a header have the same grammar as these.
        let _ = Response::new(Status::OK).header(&self.name, attributes)?;
        self.attributes = attributes.into();
        Ok(self)
    }

    /// Adds the cookie to the response that begins a session by polling.
    #[must_use]
    pub fn set(&self, session: &SessionId, mut response: Response) -> Response {
        let Self { name, attributes } = self;
        let value = alloc::format!("{name}={}; {attributes}", session.as_str());
        // Cannot fail: its parts were checked when it was made.
        let _ = response.add_header("Set-Cookie", &value);
        response
    }
}
