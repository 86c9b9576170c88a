//! Plain HTTP answers: refusals, and pages for people who come with a browser.

use super::headers::{check_field, fields};
use super::{HandshakeError, InvalidField};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// An HTTP response that is not a WebSocket handshake. It always ends the transport: write
/// [`encode`](Self::encode) or what [`Request::respond`](super::Request::respond) returns, then
/// close.
///
/// A 426 names `websocket` as what to upgrade to, and lists that in `Connection` (RFC 9110, sections
/// 7.8 and 15.5.22).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    /// Header lines, each with its CR LF.
    lines: String,
    body: Vec<u8>,
}

impl Response {
    /// An empty response.
    ///
    /// # Errors
    ///
    /// [`InvalidField::Status`] when `status` is not one of 200 to 599.
    pub const fn new(status: u16) -> Result<Self, InvalidField> {
        match status {
            200..=599 => Ok(Self { status, lines: String::new(), body: Vec::new() }),
            _ => Err(InvalidField::Status),
        }
    }

    /// 200 with a page.
    #[must_use]
    pub fn html(page: &str) -> Self {
        Self { status: 200, lines: String::new(), body: page.into() }
            .with("Content-Type", "text/html; charset=utf-8")
    }

    /// 404 with a line of text.
    #[must_use]
    pub fn not_found() -> Self {
        Self::text(404, "not found\n")
    }

    /// 500 with a line of text.
    #[must_use]
    pub fn internal_error() -> Self {
        Self::text(500, "internal server error\n")
    }

    /// Adds a header line.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] when the name is no token, the value has a control character (CR, LF and
    /// NUL above all), or the header is one that is written anyway.
    pub fn header(self, name: &str, value: &str) -> Result<Self, InvalidField> {
        check_field(name, value)?;
        Ok(self.with(name, value))
    }

    /// Sets the body. It is not sent with a status that has none: 204, 205 and 304 (RFC 9110, sections
    /// 15.3.5, 15.3.6 and 15.4.5).
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
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
        let mut bytes = self.encode_head();
        if may_have_content(self.status) {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }

    pub(super) fn encode_head(&self) -> Vec<u8> {
        let mut head =
            alloc::format!("HTTP/1.1 {} {}\r\n", self.status, reason_phrase(self.status));
        head.push_str(&self.lines);
        // N147
        match self.status {
            204 | 304 => {}
            205 => head.push_str("Content-Length: 0\r\n"),
            _ => head.extend(["Content-Length: ", &self.body.len().to_string(), "\r\n"]),
        }
        // N146
        head.push_str(match self.status {
            426 => "Upgrade: websocket\r\nConnection: close, Upgrade\r\n\r\n",
            _ => "Connection: close\r\n\r\n",
        });
        head.into_bytes()
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        Self { status, lines: String::new(), body: body.into() }
            .with("Content-Type", "text/plain; charset=utf-8")
    }

    /// Adds a header line that is known to be well-formed.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.lines.extend([name, ": ", value, "\r\n"]);
        self
    }
}

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

/// The usual reason phrase; empty for a status that has none here (RFC 9112, section 4).
fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        205 => "Reset Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
