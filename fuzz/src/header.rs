//! Headers against the table of the [oracle](super::oracle).

use super::oracle;
use sansio_ws::frame::{FrameError, Header, MAX_HEADER_LEN};

/// The parser and the oracle agree on each prefix of the input, a verdict never changes when more
/// bytes come, and a header is written as the bytes it was read from.
pub fn header(data: &[u8]) {
    let mut verdict = None;
    for len in 0..=data.len().min(MAX_HEADER_LEN + 1) {
        let bytes = &data[..len];
        let parsed = parse(bytes);
        assert_eq!(parsed, oracle::header(bytes), "{bytes:02x?}");
        if let Some(verdict) = verdict {
            assert_eq!(parsed, verdict, "more bytes changed the verdict on {bytes:02x?}");
        } else if parsed != Ok(None) {
            verdict = Some(parsed);
        }
    }
    assert!(verdict.is_some() || data.len() < MAX_HEADER_LEN, "undecided: {data:02x?}");
}

fn parse(bytes: &[u8]) -> Result<Option<oracle::Header>, FrameError> {
    let Some((header, header_len)) = Header::parse(bytes)? else { return Ok(None) };
    rebuild(&header, &bytes[..header_len]);
    Ok(Some(oracle::Header {
        opcode: header.opcode() as u8,
        fin: header.is_fin(),
        reserved_bits: header.reserved_bits(),
        mask: header.mask(),
        payload_len: header.payload_len(),
        header_len,
    }))
}

/// The header as it is, and one made of its parts, give the bytes it was read from.
fn rebuild(header: &Header, bytes: &[u8]) {
    let mut made = Header::new(header.opcode(), header.is_fin(), header.payload_len())
        .expect("what was parsed may be made")
        .with_reserved_bits(header.reserved_bits());
    if let Some(key) = header.mask() {
        made = made.masked(key);
    }
    assert_eq!(made, *header);
    let mut out = [0; MAX_HEADER_LEN];
    let len = header.encode(&mut out);
    assert_eq!(out[..len], *bytes);
    assert_eq!(header.encoded_len(), len);
}
