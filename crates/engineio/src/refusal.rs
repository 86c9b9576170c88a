//! Why a request gets no session (E9).

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use sansio_ws::handshake::{Response, Status};
use serde_json::json;

/// Why a request is refused. Clients read the number.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// 0: `transport` is none that the server has.
    UnknownTransport,
    /// 1: `sid` is no session, or one that has ended.
    UnknownSession,
    /// 2: a session begins with a GET.
    BadMethod,
    /// 3: the request does not fit the session.
    BadRequest,
    /// 4: the application, or its list of origins and hosts, says no, and why.
    Forbidden(Cow<'static, str>),
    /// 5: `EIO` is not 4.
    UnsupportedVersion,
}

impl Refusal {
    /// The number.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::UnknownTransport => 0,
            Self::UnknownSession => 1,
            Self::BadMethod => 2,
            Self::BadRequest => 3,
            Self::Forbidden(_) => 4,
            Self::UnsupportedVersion => 5,
        }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSession => "Session ID unknown",
            Self::BadMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden(why) => why,
            Self::UnsupportedVersion => "Unsupported protocol version",
        }
    }

    /// The response to a request of polling: JSON, with status 403 if the application says no, and 400
    /// otherwise. It may keep the connection.
    #[must_use]
    pub fn response(&self) -> Response {
        let status = match self {
            Self::Forbidden(_) => Status::FORBIDDEN,
            _ => Status::BAD_REQUEST,
        };
        let body = json!({ "code": self.code(), "message": self.message() });
        Response::new(status)
            .static_header("Content-Type", "application/json")
            .body(body.to_string())
            .keep_alive(true)
    }

    /// The response to a request for a WebSocket: the message as it is, before any 101, and the
    /// connection ends.
    #[must_use]
    pub fn upgrade_response(&self) -> Response {
        Response::new(Status::BAD_REQUEST)
            .static_header("Content-Type", "text/html")
            .body(String::from(self.message()))
    }
}
