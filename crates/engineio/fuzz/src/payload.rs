//! Payloads and queries, beside a second and simpler reader.

use sansio_engineio::{Packet, PayloadBuilder, Query, Unfit, payload};

/// A packet as the second reader sees it: the digit or `b`, and the data.
type Plain = (char, Vec<u8>);

/// The input is the body of a POST, and the query of a request.
pub fn payload(data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else { return };
    let decoded: Vec<_> = payload::decode(body).collect();
    let (expected, is_whole) = read(body);
    let plain: Vec<Plain> = decoded.iter().flatten().map(plain).collect();
    assert_eq!(plain, expected);
    assert_eq!(decoded.iter().all(Result::is_ok), is_whole);
    assert_eq!(decoded.len(), expected.len() + usize::from(!is_whole), "nothing behind a bad one");
    build(decoded.into_iter().flatten().collect(), body.len() % 50);

    let query = Query::parse(body);
    assert!(query.others.len() <= body.split('&').count());
    for (name, value) in &query.others {
        assert!(query.get(name).is_some() && name.len() + value.len() <= 3 * body.len());
    }
}

fn plain(packet: &Packet<'_>) -> Plain {
    match packet {
        Packet::Binary(data) => ('b', data.to_vec()),
        packet => {
            let mut encoded = String::new();
            packet.encode(&mut encoded);
            (encoded.remove(0), encoded.into_bytes())
        }
    }
}

/// The packets before the first bad one, and whether there is none.
fn read(body: &str) -> (Vec<Plain>, bool) {
    let mut packets = vec![];
    for part in body.split('\u{1e}') {
        let data = part.get(1..);
        match (part.as_bytes().first(), data) {
            (Some(digit @ b'0'..=b'6'), Some(data)) => {
                packets.push((char::from(*digit), data.into()));
            }
            (Some(b'b'), Some(data)) => match base64(data) {
                Some(data) => packets.push(('b', data)),
                None => return (packets, false),
            },
            _ => return (packets, false),
        }
    }
    (packets, true)
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let mut decoded = vec![];
    for (i, four) in bytes.chunks(4).enumerate() {
        let is_last = 4 * (i + 1) == bytes.len();
        let padding = four.iter().rev().take_while(|&&byte| byte == b'=').count();
        if padding > 2 || padding > 0 && !is_last {
            return None;
        }
        let mut bits = 0_u32;
        for byte in &four[..4 - padding] {
            let digit = DIGITS.iter().position(|digit| digit == byte)?;
            bits = bits << 6 | u32::try_from(digit).ok()?;
        }
        bits <<= 6 * padding;
        let three = bits.to_be_bytes();
        // What is cut off has to be zero.
        if three[4 - padding..].iter().any(|byte| *byte != 0) {
            return None;
        }
        decoded.extend(&three[1..4 - padding]);
    }
    Some(decoded)
}

/// Puts the packets into bodies of a few bytes: all of them, in their order, within the limits.
fn build(packets: Vec<Packet<'_>>, max_bytes: usize) {
    let mut again = vec![];
    let mut waiting = &packets[..];
    while let [first, ..] = waiting {
        let mut builder = PayloadBuilder::new(max_bytes).max_packets(3);
        assert_eq!(builder.push(first), Ok(()), "one packet fits always");
        let mut count = 1;
        let full = loop {
            match waiting.get(count) {
                None => break false,
                Some(packet) => match builder.push(packet) {
                    Ok(()) => count += 1,
                    Err(Unfit::Full) => break true,
                    Err(error) => panic!("{error}: it was decoded"),
                },
            }
        };
        let body = builder.finish();
        assert!(count == 1 || body.len() <= max_bytes && count <= 3);
        assert!(full || count == waiting.len());
        again.extend(payload::decode(&body).map(|packet| plain(&packet.expect("it was encoded"))));
        waiting = &waiting[count..];
    }
    assert_eq!(again, packets.iter().map(plain).collect::<Vec<_>>());
}
