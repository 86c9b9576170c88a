//! Frames, made before anything is measured.

use versus::scenario::Scenario;

/// What one connection sends, again and again, and what comes back for it.
pub(crate) struct Wire {
    pub(crate) message: Vec<u8>,
    pub(crate) reply: Vec<u8>,
}

impl Wire {
    /// Different for each connection.
    pub(crate) fn new(scenario: &Scenario, connection: usize, raw: bool) -> Self {
        let payload = payload(scenario, connection);
        let opcode = if scenario.text { 1 } else { 2 };
        let mut message = Vec::new();
        let pieces = payload.chunks(payload.len().div_ceil(scenario.fragments));
        let last = pieces.len() - 1;
        for (i, piece) in pieces.enumerate() {
            let opcode = if i == 0 { opcode } else { 0 };
            let mask = (0x9E37_79B9_u32.wrapping_mul(connection as u32 + 7) | 1).to_be_bytes();
            frame(&mut message, opcode, i == last, Some(mask), piece);
        }
        let mut reply = Vec::new();
        if raw {
            reply.clone_from(&message);
        } else {
            frame(&mut reply, opcode, true, None, &payload);
        }
        Self { message, reply }
    }
}

fn payload(scenario: &Scenario, connection: usize) -> Vec<u8> {
    if !scenario.text {
        return (0..scenario.payload).map(|i| (i * 7 + connection * 13) as u8).collect();
    }
    // Words with characters of one to four bytes, then what fills it up.
    let mut text = format!("{connection} ");
    let words = [
        "Ein schöner Gruß ",
        "и привет ",
        "ascii text, like most of it ",
        "日本語の文 ",
        "🦀 ",
        "naïve café ",
    ];
    for word in words.iter().cycle() {
        if text.len() + word.len() > scenario.payload {
            break;
        }
        text.push_str(word);
    }
    let mut bytes = text.into_bytes();
    bytes.resize(scenario.payload, b'.');
    bytes
}

fn frame(out: &mut Vec<u8>, opcode: u8, fin: bool, mask: Option<[u8; 4]>, payload: &[u8]) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(opcode | if fin { 0x80 } else { 0 });
    match payload.len() {
        n @ ..126 => out.push(masked | n as u8),
        n @ 126..0x1_0000 => {
            out.push(masked | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(masked | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    match mask {
        None => out.extend_from_slice(payload),
        Some(mask) => {
            out.extend_from_slice(&mask);
            out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
    }
}
