//! One connection of HTTP: the same, however its bytes are cut, within its limits.

use bytes::Buf;
use sansio_engineio::http::{Http, HttpError, HttpEvent};
use sansio_ws::handshake::{Response, Status};
use sansio_ws::{Limits, RecvBuffer};

const MAX_BODY: u64 = 40;

/// What has happened on a connection.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// Method, path and body of each request.
    requests: Vec<(String, String, Option<Vec<u8>>)>,
    error: Option<HttpError>,
    written: Vec<u8>,
    is_asked: bool,
    is_closing: bool,
}

/// The first byte says how the bytes behind it are cut; these are what a client sends.
pub fn http(data: &[u8]) {
    let Some((&way, bytes)) = data.split_first() else { return };
    let whole = outcome([bytes]);
    assert_eq!(outcome(bytes.chunks(1)), whole, "byte by byte");
    assert_eq!(outcome(bytes.chunks(usize::from(way).max(2))), whole, "in pieces");
    let responses = whole.written.windows(9).filter(|nine| nine == b"HTTP/1.1 ").count();
    // A request whose head is wrong is not among them, and the last one may wait for its body.
    let is_refused = matches!(whole.error, Some(HttpError::Head(_)));
    let expected = whole.requests.len() + usize::from(is_refused) - usize::from(whole.is_asked);
    // Bodies are echoed, and may look like one more.
    assert!(responses >= expected, "each is answered: {whole:?}");
}

fn outcome<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
    let limits = Limits::default().max_handshake_bytes(256).max_headers(6);
    let (mut http, mut rx) = (Http::new(&limits), RecvBuffer::new());
    let mut outcome = Outcome {
        requests: vec![],
        error: None,
        written: vec![],
        is_asked: false,
        is_closing: false,
    };
    let mut received = 0;
    for piece in pieces {
        rx.extend_from_slice(piece);
        received += piece.len();
        loop {
            match http.next_event(&mut rx) {
                Ok(None) => break,
                Ok(Some(HttpEvent::Head(request))) => {
                    let (method, path) = (request.method(), request.path());
                    outcome.requests.push((method.into(), path.into(), None));
                    if path.len() % 3 == 0 {
                        http.respond(&Response::not_found().keep_alive(true));
                    } else {
                        http.read_body(MAX_BODY);
                    }
                }
                Ok(Some(HttpEvent::Body)) => {
                    let body = http.body().to_vec();
                    assert!(body.len() as u64 <= MAX_BODY);
                    http.respond(&Response::new(Status::OK).body(body.clone()).keep_alive(true));
                    outcome.requests.last_mut().expect("it has a head").2 = Some(body);
                }
                Err(error) => {
                    http.respond(&error.response());
                    assert_eq!(outcome.error.replace(error), None, "told once");
                    assert!(http.is_closing());
                }
            }
        }
        let queue = http.outgoing();
        outcome.written.extend(queue.copy_to_bytes(queue.remaining()));
        assert!(rx.capacity() <= 2 * received + 4096, "memory: {rx:?}");
        if !http.is_closing() && !http.is_asked() {
            assert!(rx.unread().len() <= 256, "no end in sight");
        }
    }
    outcome.is_asked = http.is_asked();
    outcome.is_closing = http.is_closing();
    outcome
}
