//! Compression of long responses (E16).

use alloc::vec::Vec;
use flate2::Compression;
use flate2::write::GzEncoder;
use sansio_ws::handshake::{Request, Response};
use std::io::Write;

/// Shorter ones gain nothing.
const MIN_BYTES: usize = 1024;

/// Whether the client takes gzip: it is among those that it names, and not with a weight of zero
/// (RFC 9110, section 12.5.3).
pub(crate) fn is_accepted(request: &Request<'_>) -> bool {
    let codings = request.headers().get("accept-encoding").unwrap_or_default();
    codings.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        is_gzip && !parts.any(is_zero_weight)
    })
}

fn is_zero_weight(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or_default();
    let has_digits = value.contains('0') && value.chars().all(|c| c == '0' || c == '.');
    name.trim().eq_ignore_ascii_case("q") && has_digits
}

/// The response compressed with little effort, since all sessions wait for it. As it was if it is short.
pub(crate) fn compress(response: Response) -> Response {
    let content = response.content();
    if content.len() < MIN_BYTES {
        return response;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail; if it did, the response would go out as it is.
    let written = encoder.write_all(content).and_then(|()| encoder.finish());
    match written {
        Ok(compressed) => response.static_header("Content-Encoding", "gzip").body(compressed),
        Err(_) => response,
    }
}
