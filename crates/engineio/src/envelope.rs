//! What a response needs beside what it says.

use crate::config::Config;
use alloc::boxed::Box;
use sansio_ws::handshake::{Request, Response};

/// What the response to a request needs beside what it says, from the request's head: keep it while the request
/// waits, and seal the response with it, whatever that is (E16, E30).
///
/// ```
/// use sansio_engineio::{Config, Cors, Envelope, Refusal};
/// use sansio_ws::handshake::{HostPolicy, OriginPolicy, Request};
///
/// # fn main() -> Result<(), sansio_ws::handshake::HandshakeError> {
/// let config = Config::new(OriginPolicy::AnyOrigin, HostPolicy::AnyHost).cors(Cors::listed(["https://a"]));
/// let headers = [("Host", b"b" as &[u8]), ("Origin", b"https://a")];
/// let request = Request::from_parts("GET", "/engine.io/", headers)?;
/// let response = Envelope::new(&config, &request).seal(&config, Refusal::UnknownTransport.response(), true);
/// let allowed = ("Access-Control-Allow-Origin", "https://a");
/// assert!(response.headers().any(|header| header == allowed), "or the browser hides the error");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    origin: Option<Box<str>>,
    #[cfg(feature = "gzip")]
    takes_gzip: bool,
}

impl Envelope {
    /// What this request needs.
    #[must_use]
    pub fn new(config: &Config, request: &Request<'_>) -> Self {
        let origin = config.cors.as_ref().and_then(|_| request.headers().get("origin"));
        Self {
            origin: origin.map(Into::into),
            #[cfg(feature = "gzip")]
            takes_gzip: crate::gzip::is_accepted(request),
        }
    }

    /// The response as it is sent: with the headers of CORS, and compressed if it is long, the
    /// client takes that, the feature `gzip` is on, and it `may` be.
    #[must_use]
    pub fn seal(&self, config: &Config, response: Response, may_compress: bool) -> Response {
        let response = match &config.cors {
            Some(cors) => cors.allow_origin(self.origin.as_deref(), response),
            None => response,
        };
        #[cfg(feature = "gzip")]
        if may_compress && self.takes_gzip {
            return crate::gzip::compress(response);
        }
        #[cfg(not(feature = "gzip"))]
        let _ = may_compress;
        response
    }
}
