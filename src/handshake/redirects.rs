//! Following redirects (RFC 9110, section 15.4).

use super::client_request::ClientRequest;
use super::error::InvalidUrl;
use super::received_response::ReceivedResponse;
use alloc::string::String;
use core::fmt;

/// How many redirects a client still follows. Every request has a new key, since it is a new handshake.
///
/// ```
/// use sansio_ws::handshake::{Answer, ClientHandshake, ClientRequest, Redirects};
/// use sansio_ws::{Config, RecvBuffer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = ClientRequest::new("ws://example.com/chat")?;
/// let mut redirects = Redirects::default();
/// let mut handshake = ClientHandshake::new(&request, Config::default())?;
/// # handshake.outgoing().write_to(&mut Vec::new())?;
/// let mut rx = RecvBuffer::new();
/// rx.extend_from_slice(b"HTTP/1.1 301 Moved\r\nLocation: wss://example.com/\r\nContent-Length: 0\r\n\r\n");
/// let Some(Answer::Refused(response)) = handshake.receive(&mut rx)? else {
///     return Err("no refusal, or not complete".into());
/// };
/// match redirects.follow(&request, &response)? {
///     Some(next) => assert!(next.is_secure()), // connect, and ask for this
///     None => return Err("refused".into()),
/// }
/// # Ok(()) }
/// ```
#[doc(alias = "redirect")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirects {
    followed: u8,
    max: u8,
}

impl Redirects {
    /// Follows at most this number. With 0 a redirect is a refusal like any other.
    #[must_use]
    pub const fn new(max: u8) -> Self {
        Self { followed: 0, max }
    }

    /// The request that follows from this answer, as [`ClientRequest::redirected`] makes it; `None` if
    /// the answer is no redirect.
    ///
    /// # Errors
    ///
    /// [`RedirectError`]. Fatal for the attempt.
    pub fn follow(
        &mut self,
        request: &ClientRequest,
        response: &ReceivedResponse,
    ) -> Result<Option<ClientRequest>, RedirectError> {
        let Some(location) = response.redirect().filter(|_| self.max > 0) else {
            return Ok(None);
        };
        if self.followed == self.max {
            return Err(RedirectError::TooMany(self.max));
        }
        self.followed = self.followed.saturating_add(1);
        match request.redirected(location) {
            Ok(next) => Ok(Some(next)),
            Err(fault) => Err(RedirectError::Location { location: location.into(), fault }),
        }
    }
}

/// At most five.
impl Default for Redirects {
    fn default() -> Self {
        Self::new(5)
    }
}

/// Why a redirect was not followed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// So many were followed already, perhaps in a circle.
    TooMany(u8),
    /// It leads to no URL of a WebSocket, or from TLS to no TLS.
    Location {
        /// What the server said. It may have user information in it.
        location: String,
        /// What is wrong with it.
        fault: InvalidUrl,
    },
}

/// Does not print the location, which may have a password in it.
impl fmt::Debug for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(max) => f.debug_tuple("TooMany").field(max).finish(),
            Self::Location { fault, .. } => {
                f.debug_struct("Location").field("fault", fault).finish_non_exhaustive()
            }
        }
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(max) => write!(f, "more than {max} redirects"),
            Self::Location { fault, .. } => fault.fmt(f),
        }
    }
}

impl core::error::Error for RedirectError {}
