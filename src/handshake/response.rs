//! Plain HTTP answers: refusals, and pages for people who come with a browser.

use super::headers::{check_field, fields};
use super::status::Status;
use super::{HandshakeError, InvalidField};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// An HTTP response that is not a WebSocket handshake. Write [`encode`](Self::encode), or what
/// [`Request::respond`](super::Request::respond) returns, and then close the transport, unless the
/// response is to [keep it](Self::keep_alive).
///
/// ```
/// use sansio_ws::handshake::{Response, Status};
///
/// let response = Response::new(Status::UNAUTHORIZED)
///     .static_header("WWW-Authenticate", "Basic realm=\"chat\"")
///     .body("who are you?\n");
/// assert!(response.encode().starts_with(b"HTTP/1.1 401 Unauthorized\r\n"));
/// ```
///
/// A 426 names `websocket` as what to upgrade to, and lists that in `Connection` (RFC 9110, sections
/// 7.8 and 15.5.22).
#[doc(alias = "401")]
#[doc(alias = "refuse")]
#[doc(alias = "reject")]
#[doc(alias = "redirect")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: Status,
    /// Header lines, each with its CR LF.
    lines: String,
    body: Vec<u8>,
    keep_alive: bool,
}

impl Response {
    /// An empty response.
    #[must_use]
    pub const fn new(status: Status) -> Self {
        Self { status, lines: String::new(), body: Vec::new(), keep_alive: false }
    }

    /// 200 with a page.
    #[must_use]
    pub fn html(page: &str) -> Self {
        Self::new(Status::OK).with("Content-Type", "text/html; charset=utf-8").body(page)
    }

    /// 404 with a line of text.
    #[must_use]
    pub fn not_found() -> Self {
        Self::text(Status::NOT_FOUND, "not found\n")
    }

    /// 500 with a line of text.
    #[must_use]
    pub fn internal_error() -> Self {
        Self::text(Status::INTERNAL_SERVER_ERROR, "internal server error\n")
    }

    /// Text, in UTF-8.
    #[must_use]
    pub fn text(status: Status, text: &str) -> Self {
        Self::new(status).with("Content-Type", "text/plain; charset=utf-8").body(text)
    }

    /// Adds a header line.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] when the name is no token, the value has a control character (CR, LF and
    /// NUL above all), or the header is one that is written anyway.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidField> {
        self.add_header(name, value)?;
        Ok(self)
    }

    /// Adds a header line to a response that is needed also if that fails.
    ///
    /// # Errors
    ///
    /// As for [`header`](Self::header). Recoverable: nothing was added.
    pub fn add_header(&mut self, name: &str, value: &str) -> Result<(), InvalidField> {
        check_field(name, value)?;
        self.lines.extend([name, ": ", value, "\r\n"]);
        Ok(())
    }

    /// Adds a header line made of constants.
    ///
    /// # Panics
    ///
    /// When [`header`](Self::header) would fail. That is a fault of the program, which shows the first
    /// time it comes here.
    #[must_use]
    #[track_caller]
    pub fn static_header(self, name: &'static str, value: &'static str) -> Self {
        if let Err(error) = check_field(name, value) {
            panic!("{name}: {error}");
        }
        self.with(name, value)
    }

    /// Whether the connection may serve further requests behind this one (default: no). It does if
    /// the request allows it too, see [`Request::keeps_alive`](super::Request::keeps_alive).
    #[doc(alias = "keep-alive")]
    #[must_use]
    pub const fn keep_alive(mut self, on: bool) -> Self {
        self.keep_alive = on;
        self
    }

    /// Sets the body. It is not sent with a status that has none: 204, 205 and 304 (RFC 9110, sections
    /// 15.3.5, 15.3.6 and 15.4.5).
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The body.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.body
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Whether the connection may serve further requests behind this one.
    #[must_use]
    pub const fn is_keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// The headers that were added: name and value. Those that [`encode`](Self::encode) writes by itself
    /// are not among them: `Content-Length`, `Connection`, and `Upgrade` if the status is 426.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        fields(&self.lines)
    }

    /// The body, for those who send the response in another way.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The bytes to write: head and body.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_as(true, self.keep_alive)
    }

    pub(super) fn encode_as(&self, with_body: bool, keep_alive: bool) -> Vec<u8> {
        let status = self.status.code();
        let mut bytes = String::with_capacity(USUAL_HEAD);
        bytes.extend(["HTTP/1.1 ", &status.to_string(), " ", self.status.reason(), "\r\n"]);
        bytes.push_str(&self.lines);
        // N147
        match status {
            204 | 304 => {}
            205 => bytes.push_str("Content-Length: 0\r\n"),
            _ => bytes.extend(["Content-Length: ", &self.body.len().to_string(), "\r\n"]),
        }
        // N146. A connection of HTTP/1.1 is kept unless something is said (RFC 9112, section 9.3).
        bytes.push_str(match (status, keep_alive) {
            (426, true) => "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            (426, false) => "Upgrade: websocket\r\nConnection: close, Upgrade\r\n\r\n",
            (_, true) => "\r\n",
            (_, false) => "Connection: close\r\n\r\n",
        });
        let mut bytes = bytes.into_bytes();
        if with_body && may_have_content(status) {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }

    /// Adds a header line that is known to be well-formed.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.lines.extend([name, ": ", value, "\r\n"]);
        self
    }
}

/// Bytes that are enough for most heads.
const USUAL_HEAD: usize = 256;

fn may_have_content(status: u16) -> bool {
    !matches!(status, 204 | 205 | 304)
}

/// An acceptance with something in it that may not be there is the server's own fault.
impl From<InvalidField> for Response {
    fn from(_: InvalidField) -> Self {
        Self::internal_error()
    }
}

/// A request that is no acceptable handshake gets the ready-made answer.
impl From<HandshakeError> for Response {
    fn from(error: HandshakeError) -> Self {
        error.response()
    }
}
