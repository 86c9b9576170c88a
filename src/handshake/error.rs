//! What can go wrong before a connection is open.

use super::response::Response;
use super::status::Status;
use core::fmt;

/// The peer's handshake is not acceptable. Fatal for the handshake: answer with
/// [`response`](Self::response) if this is the server, then close the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The head is longer than
    /// [`Limits::max_handshake_bytes`](crate::Limits::max_handshake_bytes).
    HeadTooLong,
    /// More header lines than [`Limits::max_headers`](crate::Limits::max_headers).
    TooManyHeaders,
    /// CR without LF, LF without CR, or NUL (RFC 9112, section 2.2).
    BareControlByte,
    /// A header line continued on the next one (RFC 9112, section 5.2).
    FoldedHeader,
    /// Not an HTTP/1.x head (RFC 9112, sections 3 to 5).
    MalformedHead,
    /// Not HTTP/1.1 (RFC 6455, section 4.2.1, item 1).
    HttpVersion,
    /// Not a GET (RFC 6455, section 4.2.1, item 1).
    Method,
    /// The target has none of the forms of RFC 9112, section 3.2: a path, a URL with a scheme of HTTP
    /// or of WebSocket, `*` for OPTIONS, or host and port for CONNECT.
    Target,
    /// A header that may occur once occurs again (RFC 6455, section 11.3).
    DuplicateHeader(&'static str),
    /// No `Host` in a request of HTTP/1.1 (RFC 9112, section 3.2).
    MissingHost,
    /// `Host` is not a host, perhaps with a port (RFC 9112, section 3.2).
    InvalidHost,
    /// The host is not one of those that the server goes by (RFC 9110, section 7.4).
    ForeignHost,
    /// `Content-Length` is not a number, or several that differ (RFC 9110, section 8.6).
    ContentLength,
    /// `Transfer-Encoding` of a request is not just `chunked` (RFC 9112, section 6.1).
    TransferEncoding,
    /// A request has both `Transfer-Encoding` and `Content-Length`, or the former in HTTP/1.0: two programs
    /// may see two bodies in it (RFC 9112, sections 6.1 and 6.3).
    AmbiguousBody,
    /// `Upgrade` does not name websocket (RFC 6455, sections 4.1 and 4.2.1).
    MissingUpgrade,
    /// `Connection` does not list Upgrade (RFC 6455, sections 4.1 and 4.2.1).
    MissingConnectionUpgrade,
    /// `Sec-WebSocket-Key` is missing or not the base64 of 16 bytes (RFC 6455, section 4.2.1,
    /// item 5).
    InvalidKey,
    /// `Sec-WebSocket-Version` is not 13 (RFC 6455, section 4.4).
    WebSocketVersion,
    /// `Sec-WebSocket-Protocol` is not a list of tokens (RFC 6455, section 11.3.4).
    MalformedSubprotocols,
    /// `Sec-WebSocket-Extensions` is not well-formed (RFC 6455, section 9.1).
    MalformedExtensions,
    /// A request to upgrade with a body: what follows the head could be taken for something else.
    Body,
    /// The origin is not allowed (RFC 6455, section 4.2.2, item 4).
    Origin,
    /// `Sec-WebSocket-Accept` is missing or wrong (RFC 6455, section 4.1).
    InvalidAccept,
    /// The server chose an extension that was not offered, or several (RFC 6455, section 4.1).
    UnofferedExtension,
    /// What the server chose does not fit the offer. The extension says why, and which settings would
    /// open (RFC 7692, section 7.1).
    ExtensionParameters(&'static str),
    /// The server chose a subprotocol that was not offered (RFC 6455, section 4.1).
    UnofferedSubprotocol,
    /// The server switched protocols before it had the whole request.
    PrematureAnswer,
    /// A proxy sent something behind the answer that opens the way. Nobody but the server may speak
    /// there, and not before the client does.
    BytesBehindAnswer,
    /// An extended CONNECT was answered with this status, which is not one of 200 to 299 (RFC 8441,
    /// section 5).
    Unaccepted(u16),
    /// The handshake was used after its end.
    Finished,
}

impl HandshakeError {
    /// The HTTP status to answer with.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::HeadTooLong | Self::TooManyHeaders => Status::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::HttpVersion => Status::HTTP_VERSION_NOT_SUPPORTED,
            Self::Method => Status::METHOD_NOT_ALLOWED,
            Self::MissingUpgrade | Self::WebSocketVersion => Status::UPGRADE_REQUIRED,
            Self::Origin => Status::FORBIDDEN,
            Self::ForeignHost => Status::MISDIRECTED_REQUEST,
            Self::TransferEncoding => Status::NOT_IMPLEMENTED,
            _ => Status::BAD_REQUEST,
        }
    }

    /// A ready-made answer: the status, the headers it demands, and the error as text.
    #[must_use]
    pub fn response(self) -> Response {
        let response = Response::text(self.status(), &alloc::format!("{self}\n"));
        match self {
            Self::Method => response.with("Allow", "GET"),
            Self::WebSocketVersion | Self::DuplicateHeader("Sec-WebSocket-Version") => {
                response.with("Sec-WebSocket-Version", "13")
            }
            _ => response,
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeadTooLong => "the HTTP head is too long",
            Self::TooManyHeaders => "too many HTTP headers",
            Self::BareControlByte => "bare CR, bare LF or NUL in the HTTP head",
            Self::FoldedHeader => "folded HTTP header",
            Self::MalformedHead => "malformed HTTP head",
            Self::HttpVersion => "the HTTP version must be 1.1",
            Self::Method => "the method must be GET",
            Self::Target => "the request target must be a path or an http or ws URL",
            Self::DuplicateHeader(name) => return write!(f, "more than one {name} header"),
            Self::MissingHost => "the Host header is missing",
            Self::InvalidHost => "the Host header must be a host, perhaps with a port",
            Self::ForeignHost => "this server does not go by that host",
            Self::ContentLength => "Content-Length must be one number",
            Self::TransferEncoding => "Transfer-Encoding must be chunked",
            Self::AmbiguousBody => {
                "Transfer-Encoding and Content-Length, or HTTP/1.0, contradict each other"
            }
            Self::MissingUpgrade => "the Upgrade header must name websocket",
            Self::MissingConnectionUpgrade => "the Connection header must list Upgrade",
            Self::InvalidKey => "Sec-WebSocket-Key must be the base64 of 16 bytes",
            Self::WebSocketVersion => "Sec-WebSocket-Version must be 13",
            Self::MalformedSubprotocols => "malformed Sec-WebSocket-Protocol",
            Self::MalformedExtensions => "malformed Sec-WebSocket-Extensions",
            Self::Body => "an upgrade must not have a body",
            Self::Origin => "the origin is not allowed",
            Self::InvalidAccept => "Sec-WebSocket-Accept is missing or wrong",
            Self::UnofferedExtension => "the server chose an extension that was not offered",
            Self::ExtensionParameters(why) => why,
            Self::UnofferedSubprotocol => "the server chose a subprotocol that was not offered",
            Self::PrematureAnswer => "the server answered before it had the whole request",
            Self::BytesBehindAnswer => "the proxy sent something behind its answer",
            Self::Unaccepted(status) => {
                return write!(f, "the extended CONNECT was answered with status {status}");
            }
            Self::Finished => "the handshake is over",
        })
    }
}

impl core::error::Error for HandshakeError {}

/// Something that the caller wants to put into a handshake may not be there. Recoverable: nothing
/// was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidField {
    /// A header name that is not a token (RFC 9110, section 5.1).
    Name,
    /// A header value with CR, LF, NUL or another control character (RFC 9110, section 5.5).
    Value,
    /// A header that the handshake writes itself.
    Reserved,
    /// `Authorization`, which the user information of the URL says already; or a user name or password
    /// that it cannot say (RFC 7617, section 2).
    Authorization,
    /// A subprotocol that is not a token (RFC 6455, section 4.1, item 10).
    Subprotocol,
    /// The client offers a subprotocol twice (RFC 6455, section 4.1, item 10).
    DuplicateSubprotocol,
    /// The server chooses a subprotocol that the client did not offer (RFC 6455, section 4.2.2).
    UnofferedSubprotocol,
    /// An extended CONNECT has no response of HTTP/1.1. Its head is made by
    /// [`Upgrade::accept_head`](super::Upgrade::accept_head).
    ExtendedConnect,
    /// A status that a plain response cannot have: one outside 200 to 599.
    Status,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the header name is not a token",
            Self::Value => "the header value has a control character",
            Self::Reserved => "the header is written by the handshake itself",
            Self::Authorization => {
                "the URL has a user name already, or there is no Authorization for this one"
            }
            Self::Subprotocol => "the subprotocol is not a token",
            Self::DuplicateSubprotocol => "the subprotocol is offered twice",
            Self::UnofferedSubprotocol => "the subprotocol was not offered",
            Self::ExtendedConnect => "an extended CONNECT has no response of HTTP/1.1",
            Self::Status => "the status must be 200 to 599",
        })
    }
}

impl core::error::Error for InvalidField {}

/// The URL is not one of a WebSocket (RFC 6455, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// The scheme is neither `ws` nor `wss`, nor `http` nor `https`, which mean the same.
    Scheme,
    /// A fragment (`#…`) has no meaning here. A `#` in a path must be written `%23`.
    Fragment,
    /// A user name or password that is malformed, or that HTTP cannot send (RFC 7617, section 2):
    /// an empty one, a colon in the user name, control characters, what is not UTF-8.
    UserInfo,
    /// The host is missing or malformed.
    Host,
    /// The host has characters outside ASCII. Write it as it is in the DNS, with `xn--`.
    NotAscii,
    /// An IPv6 address with a zone, which no `Host` can name. Connect to the address and its zone by
    /// hand, and give the URL without the zone.
    Zone,
    /// The port is not a number from 1 to 65535.
    Port,
    /// A character that must be percent-encoded: a space or a control.
    Character,
    /// A redirect from `wss` or `https` to something without TLS.
    Downgrade,
    /// The URL of a proxy is not `http://[user:password@]host[:port]`.
    Proxy,
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the URL must begin with ws://, wss://, http:// or https://",
            Self::Fragment => "the URL must not have a fragment (#)",
            Self::UserInfo => "the user name or password in the URL is malformed or not percent-encoded",
            Self::Host => "the host of the URL is missing or malformed",
            Self::NotAscii => "the host of the URL must be written in ASCII, as xn--...",
            Self::Zone => {
                "connect to the IPv6 address and its zone by hand, and give the URL without the zone"
            }
            Self::Port => "the port of the URL must be a number from 1 to 65535",
            Self::Character => "the URL has a character that must be percent-encoded",
            Self::Downgrade => "the redirect leads from TLS to a URL without TLS",
            Self::Proxy => "the URL of a proxy must be http://[user:password@]host[:port]",
        })
    }
}

impl core::error::Error for InvalidUrl {}
