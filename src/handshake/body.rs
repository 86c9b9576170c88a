//! Bodies: where one ends, and what is in it (RFC 9112, sections 6 and 7).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::error::HandshakeError;
use super::head::HeadScanner;
use super::response::Response;
use super::status::Status;
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use alloc::vec::Vec;
use core::fmt;

/// What ends the body of a message (RFC 9112, section 6.3). The head says it:
/// [`Request::body_framing`](super::Request::body_framing),
/// [`ResponseHead::body_framing`](super::ResponseHead::body_framing).
///
/// ```
/// use sansio_ws::handshake::{BodyDecoder, BodyFraming, ServerHandshake};
/// use sansio_ws::{Limits, RecvBuffer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut rx = RecvBuffer::new();
/// rx.extend_from_slice(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
/// let mut handshake = ServerHandshake::new(&Limits::default());
/// let request = handshake.receive(&mut rx)?.ok_or("more bytes are needed")?;
/// let framing = request.body_framing();
/// assert_eq!(framing, BodyFraming::Length(5));
/// let mut decoder = BodyDecoder::new(framing, 64 * 1024);
/// assert_eq!(decoder.next_part(&mut rx)?, Some(&b"hello"[..]));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    /// There is no body.
    None,
    /// It has this number of bytes: `Content-Length`.
    Length(u64),
    /// It comes in chunks, and the last one is empty: `Transfer-Encoding`.
    Chunked,
    /// It ends with the stream. Only a response can have such a body.
    UntilEnd,
}

/// Takes a body out of the bytes that follow a head, in whatever pieces it comes.
///
/// ```
/// use sansio_ws::RecvBuffer;
/// use sansio_ws::handshake::{BodyDecoder, BodyFraming};
///
/// let mut rx = RecvBuffer::new();
/// rx.extend_from_slice(b"6;x=y\r\nhello \r\n5\r\nworld\r\n0\r\n\r\nGET /next");
/// let mut decoder = BodyDecoder::new(BodyFraming::Chunked, 100);
/// let mut body = Vec::new();
/// while let Some(part) = decoder.next_part(&mut rx)? {
///     body.extend_from_slice(part);
/// }
/// assert_eq!(body, b"hello world");
/// assert!(decoder.is_finished());
/// assert_eq!(rx.unread(), b"GET /next");
/// # Ok::<(), sansio_ws::handshake::BodyError>(())
/// ```
///
/// Extensions of chunks and trailers are read and thrown away. A line that begins a chunk may have
/// 256 bytes; trailers are bounded as heads are by [`Limits::default`].
#[doc(alias("chunked", "Transfer-Encoding"))]
#[derive(Debug)]
pub struct BodyDecoder {
    state: State,
    /// How many bytes the body may still have.
    room: u64,
}

#[derive(Debug)]
enum State {
    /// This number of bytes, and then the end.
    Length(u64),
    UntilEnd,
    /// The line that begins a chunk is next.
    ChunkLine,
    /// This number of bytes of a chunk, and then its line end.
    Chunk(u64),
    Trailers(HeadScanner),
    Finished,
    Failed(BodyError),
}

/// Bytes of a line that begins a chunk, its CR LF included.
const MAX_CHUNK_LINE: usize = 256;

impl BodyDecoder {
    /// A decoder for a body of at most `max_bytes` bytes, behind a head that was consumed.
    #[must_use]
    pub const fn new(framing: BodyFraming, max_bytes: u64) -> Self {
        let state = match framing {
            BodyFraming::None | BodyFraming::Length(0) => State::Finished,
            BodyFraming::Length(length) if length > max_bytes => State::Failed(BodyError::TooLong),
            BodyFraming::Length(length) => State::Length(length),
            BodyFraming::Chunked => State::ChunkLine,
            BodyFraming::UntilEnd => State::UntilEnd,
        };
        Self { state, room: max_bytes }
    }

    /// The next part of the body, which is consumed, never empty. `None` means that more bytes are
    /// needed, or that the body has ended: [`is_finished`](Self::is_finished). What follows the body
    /// stays in `rx`.
    ///
    /// # Errors
    ///
    /// Fatal, and the same at each call: [`BodyError::TooLong`] as soon as it is known, for a declared
    /// length at once; a malformed chunk or trailer.
    pub fn next_part<'b>(&mut self, rx: &'b mut RecvBuffer) -> Result<Option<&'b [u8]>, BodyError> {
        self.next_part_within(rx, usize::MAX)
    }

    /// The same, with a bound on the length of the part.
    pub(super) fn next_part_within<'b>(
        &mut self,
        rx: &'b mut RecvBuffer,
        bound: usize,
    ) -> Result<Option<&'b [u8]>, BodyError> {
        let bound = bound.min(rx.unread().len());
        let len =
            self.find_part(rx, bound).inspect_err(|&error| self.state = State::Failed(error))?;
        Ok(if len == 0 { None } else { Some(rx.take_head(len).0) })
    }

    /// Consumes what stands before the next part, and returns the length of that, 0 if there is none.
    fn find_part(&mut self, rx: &mut RecvBuffer, bound: usize) -> Result<usize, BodyError> {
        loop {
            let unread = rx.unread();
            let bound = bound.min(unread.len());
            match &mut self.state {
                State::Finished => return Ok(0),
                State::Failed(error) => return Err(*error),
                State::UntilEnd => {
                    self.room = self.room.checked_sub(bound as u64).ok_or(BodyError::TooLong)?;
                    return Ok(bound);
                }
                State::Length(left) => {
                    let len = take(left, bound);
                    if *left == 0 {
                        self.state = State::Finished;
                    }
                    return Ok(len);
                }
                State::ChunkLine => {
                    let Some((line, size)) = parse_chunk_line(unread)? else { return Ok(0) };
                    self.room = self.room.checked_sub(size).ok_or(BodyError::TooLong)?;
                    self.state = match size {
                        0 => State::Trailers(HeadScanner::for_trailers(&Limits::default())),
                        size => State::Chunk(size),
                    };
                    rx.consume(line);
                }
                State::Chunk(0) => match unread {
                    [b'\r', b'\n', ..] => {
                        rx.consume(2);
                        self.state = State::ChunkLine;
                    }
                    [] | [b'\r'] => return Ok(0),
                    _ => return Err(BodyError::Chunk),
                },
                State::Chunk(left) => return Ok(take(left, bound)),
                State::Trailers(scanner) => {
                    let Some(size) = scanner.scan(unread).map_err(BodyError::Trailers)? else {
                        return Ok(0);
                    };
                    let trailers = unread.get(..size.bytes).unwrap_or_default();
                    let mut lines = Vec::new();
                    lines.resize(size.headers, httparse::EMPTY_HEADER);
                    if httparse::parse_headers(trailers, &mut lines).is_err() {
                        return Err(BodyError::Trailers(HandshakeError::MalformedHead));
                    }
                    rx.consume(size.bytes);
                    self.state = State::Finished;
                }
            }
        }
    }

    /// Whether the body is known to have more bytes.
    pub(super) fn has_more(&self, rx: &RecvBuffer) -> bool {
        match self.state {
            State::Length(_) => true,
            State::Chunk(left) => left > 0,
            State::UntilEnd => !rx.unread().is_empty(),
            State::ChunkLine | State::Trailers(_) | State::Finished | State::Failed(_) => false,
        }
    }

    /// Whether the body has ended: what is unread now belongs to the next message.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.state, State::Finished)
    }

    /// The stream has ended, and all parts have been taken.
    ///
    /// # Errors
    ///
    /// [`BodyError::Truncated`] if the body has not ended, and does not end in this way.
    pub fn receive_eof(&mut self) -> Result<(), BodyError> {
        match self.state {
            State::Finished | State::UntilEnd => {
                self.state = State::Finished;
                Ok(())
            }
            State::Failed(error) => Err(error),
            _ => {
                self.state = State::Failed(BodyError::Truncated);
                Err(BodyError::Truncated)
            }
        }
    }
}

/// Takes up to `bound` bytes from `left`.
fn take(left: &mut u64, bound: usize) -> usize {
    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(bound);
    *left = left.saturating_sub(len as u64);
    len
}

/// The length of the line that begins a chunk, and the size it says; `None` if it has not arrived.
fn parse_chunk_line(unread: &[u8]) -> Result<Option<(usize, u64)>, BodyError> {
    let start = unread.get(..MAX_CHUNK_LINE).unwrap_or(unread);
    // The parser takes a line without a number for a zero, and any byte for an extension.
    if !start.first().is_none_or(u8::is_ascii_hexdigit) {
        return Err(BodyError::Chunk);
    }
    match httparse::parse_chunk_size(start) {
        Ok(httparse::Status::Complete((len, size))) => {
            let line = start.get(..len.saturating_sub(2)).unwrap_or_default();
            let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            let behind = line.get(digits..).unwrap_or_default();
            let is_extension = behind.trim_ascii_start().starts_with(b";")
                && !behind.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t');
            if behind.is_empty() || is_extension {
                Ok(Some((len, size)))
            } else {
                Err(BodyError::Chunk)
            }
        }
        Ok(httparse::Status::Partial) if start.len() < MAX_CHUNK_LINE => Ok(None),
        Ok(httparse::Status::Partial) | Err(_) => Err(BodyError::Chunk),
    }
}

/// The body of a message is not acceptable. Fatal for the connection that it came on, since nobody
/// knows where the next message begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// Longer than allowed.
    TooLong,
    /// A chunk does not begin with its size, goes on behind its end, or has a line of more than 256
    /// bytes (RFC 9112, section 7.1).
    Chunk,
    /// The trailers are malformed or too long (RFC 9112, section 7.1.2).
    Trailers(HandshakeError),
    /// The stream has ended before the body has (RFC 9112, section 8).
    Truncated,
}

impl BodyError {
    /// The HTTP status to answer with.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::TooLong => Status::CONTENT_TOO_LARGE,
            Self::Chunk | Self::Trailers(_) | Self::Truncated => Status::BAD_REQUEST,
        }
    }

    /// A ready-made answer: the status, and the error as text.
    #[must_use]
    pub fn response(self) -> Response {
        Response::text(self.status(), &alloc::format!("{self}\n"))
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the body is too long"),
            Self::Chunk => f.write_str("malformed chunk in the body"),
            Self::Trailers(error) => write!(f, "the trailers of the body: {error}"),
            Self::Truncated => f.write_str("the stream ended before the body did"),
        }
    }
}

impl core::error::Error for BodyError {}

/// A body that is not acceptable gets the ready-made answer.
impl From<BodyError> for Response {
    fn from(error: BodyError) -> Self {
        error.response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// The body, and what stays unread behind it, from a stream that comes in `pieces`.
    fn decode<'p>(
        framing: BodyFraming,
        max_bytes: u64,
        pieces: impl IntoIterator<Item = &'p [u8]>,
    ) -> (Result<bool, BodyError>, Vec<u8>, Vec<u8>) {
        let (mut rx, mut decoder) = (RecvBuffer::new(), BodyDecoder::new(framing, max_bytes));
        let mut body = Vec::new();
        for piece in pieces {
            rx.extend_from_slice(piece);
            loop {
                match decoder.next_part(&mut rx) {
                    Ok(Some([])) => panic!("an empty part"),
                    Ok(Some(part)) => body.extend_from_slice(part),
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(decoder.next_part(&mut rx), Err(error));
                        assert_eq!(decoder.receive_eof(), Err(error));
                        return (Err(error), body, rx.unread().to_vec());
                    }
                }
            }
        }
        (Ok(decoder.is_finished()), body, rx.unread().to_vec())
    }

    fn in_all_pieces(
        framing: BodyFraming,
        max_bytes: u64,
        bytes: &[u8],
    ) -> (Result<bool, BodyError>, Vec<u8>) {
        let whole = decode(framing, max_bytes, [bytes]);
        for at in 0..bytes.len() {
            let (front, back) = bytes.split_at(at);
            let cut = decode(framing, max_bytes, [front, back]);
            assert_eq!(cut.0, whole.0, "cut at {at}");
            // What came before a fault may have been handed out or not.
            assert!(whole.0.is_err() || cut == whole, "cut at {at}");
        }
        let bytewise = decode(framing, max_bytes, bytes.chunks(1));
        assert_eq!(bytewise.0, whole.0);
        if whole.0 == Ok(true) {
            assert_eq!(whole.2, b"behind", "what is behind a body stays");
        }
        (whole.0, whole.1)
    }

    #[test]
    fn framings() {
        use BodyFraming::*;
        let decoded = |framing, bytes| in_all_pieces(framing, 10, bytes);
        assert_eq!(decoded(None, b"behind"), (Ok(true), vec![]));
        assert_eq!(decoded(Length(0), b"behind"), (Ok(true), vec![]));
        assert_eq!(decoded(Length(3), b"abcbehind"), (Ok(true), b"abc".to_vec()));
        assert_eq!(decoded(Length(3), b"ab"), (Ok(false), b"ab".to_vec()));
        assert_eq!(decoded(Length(10), b"0123456789behind"), (Ok(true), b"0123456789".to_vec()));
        assert_eq!(decoded(Length(11), b"0123456789x"), (Err(BodyError::TooLong), vec![]));
        let far = in_all_pieces(Length(u64::MAX), u64::MAX, b"abc");
        assert_eq!(far, (Ok(false), b"abc".to_vec()));
        assert_eq!(decoded(UntilEnd, b"0123456789"), (Ok(false), b"0123456789".to_vec()));
        assert_eq!(decoded(UntilEnd, b"0123456789x").0, Err(BodyError::TooLong));
    }

    #[test]
    fn chunks() {
        let decoded = |bytes| in_all_pieces(BodyFraming::Chunked, 10, bytes);
        for (bytes, body) in [
            (&b"0\r\n\r\nbehind"[..], &b""[..]),
            (b"000\r\n\r\nbehind", b""),
            (b"3\r\nabc\r\n0\r\n\r\nbehind", b"abc"),
            (b"003 \t; x=\"y z\"; w\r\nabc\r\n0;q\r\n\r\nbehind", b"abc"),
            (b"a\r\n\r\n0\r\n\r\n\r\n0\r\n0\r\n\r\nbehind", b"\r\n0\r\n\r\n\r\n0"),
            (b"1\r\na\r\n0\r\nTrailer: x\r\nAnother: y\r\n\r\nbehind", b"a"),
        ] {
            assert_eq!(decoded(bytes), (Ok(true), body.to_vec()));
        }
        assert_eq!(decoded(b"3\r\nabc\r\n8\r\n0123").0, Err(BodyError::TooLong));
    }

    #[test]
    fn malformed_chunks() {
        let decoded = |bytes: &[u8]| in_all_pieces(BodyFraming::Chunked, 1000, bytes).0;
        for bytes in [
            &b"\r\n"[..],
            b";x\r\n",
            b" 3\r\nabc",
            b"+3\r\n",
            b"0x3\r\n",
            b"-1\r\n",
            b"3 \r\nabc\r\n",
            b"3 4\r\n",
            b"3\nabc\n",
            b"3;x\ny\r\nabc",
            b"3;x\0\r\nabc",
            b"3;x\ry\r\nabc",
            b"3\r\nabcd",
            b"3\r\nabc\n0",
            b"3\r\nabc\rx",
            b"fffffffffffffffff\r\n",
        ] {
            assert_eq!(decoded(bytes), Err(BodyError::Chunk), "{bytes:?}");
        }
        let too_long =
            |bytes: &[u8]| assert_eq!(decoded(bytes), Err(BodyError::TooLong), "{bytes:?}");
        too_long(b"ffffffffffffffff\r\n");
        too_long(b"3e9\r\n");
        let line =
            |len: usize| [b"1;", &vec![b'x'; len - 4][..], b"\r\na\r\n0\r\n\r\nbehind"].concat();
        assert_eq!(decoded(&line(256)), Ok(true));
        assert_eq!(decoded(&line(257)), Err(BodyError::Chunk));
        assert_eq!(decoded(&[b'0'; 17]), Err(BodyError::Chunk));
    }

    #[test]
    fn malformed_trailers() {
        let trailers = |bytes: &[u8]| match in_all_pieces(
            BodyFraming::Chunked,
            10,
            &[b"0\r\n", bytes].concat(),
        )
        .0
        {
            Err(BodyError::Trailers(error)) => Some(error),
            _ => None,
        };
        assert_eq!(trailers(b"no colon\r\n\r\n"), Some(HandshakeError::MalformedHead));
        assert_eq!(trailers(b" folded: x\r\n\r\n"), Some(HandshakeError::FoldedHeader));
        assert_eq!(trailers(b"a: b\n\r\n"), Some(HandshakeError::BareControlByte));
        let many = b"a: b\r\n".repeat(101);
        assert_eq!(trailers(&many), Some(HandshakeError::TooManyHeaders));
    }

    #[test]
    fn the_end_of_the_stream() {
        use BodyFraming::*;
        let end = |framing, bytes: &[u8]| {
            let (mut rx, mut decoder) = (RecvBuffer::new(), BodyDecoder::new(framing, 10));
            rx.extend_from_slice(bytes);
            while decoder.next_part(&mut rx).unwrap().is_some() {}
            decoder.receive_eof().map(|()| decoder.is_finished())
        };
        assert_eq!(end(UntilEnd, b"abc"), Ok(true));
        assert_eq!(end(Length(3), b"abc"), Ok(true));
        assert_eq!(end(None, b""), Ok(true));
        assert_eq!(end(Length(4), b"abc"), Err(BodyError::Truncated));
        assert_eq!(end(Chunked, b"3\r\nabc\r\n"), Err(BodyError::Truncated));
        assert_eq!(end(Chunked, b"3\r\nabc\r\n0\r\n"), Err(BodyError::Truncated));
    }
}
