//! Packets and their arguments, beside a second and simpler reader.

use super::reader::{Tree, put_in, read};
use bytes::Bytes;
use sansio_socketio::{Args, EncodeError, EncodedArgs, InvalidPacket, Packet, PacketKind, Raw};
use serde_json::value::RawValue;

/// The input is a text message. As many attachments follow it as it says.
pub fn packet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let decoded = Packet::decode(text);
    let is_readable = is_readable(text);
    if is_readable {
        agrees(text, decoded);
    }
    let Ok(packet) = decoded else { return };
    if let Some(data) = packet.data {
        let raw: &RawValue = serde_json::from_str(data).expect("it has been checked");
        assert_eq!(raw.get(), data);
    }
    let mut again = String::new();
    packet.encode(&mut again);
    assert_eq!(Packet::decode(&again), Ok(packet));
    if matches!(packet.kind, PacketKind::Event | PacketKind::Ack) {
        arguments(&packet, is_readable);
    }
}

/// Whether the second reader can build what is there: it is recursive, and its strings are Rust's. Numbers
/// that are infinite it has not, either.
fn is_readable(text: &str) -> bool {
    let depth = text.chars().filter(|c| ['[', '{'].contains(c)).count();
    let has_half = text.to_ascii_lowercase().contains("\\ud");
    let mut pairs = text.as_bytes().windows(2);
    let has_huge = pairs.any(|pair| matches!(pair, [b'0'..=b'9', b'e' | b'E']));
    let longest = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
    depth < 100 && !has_half && !has_huge && longest.is_none_or(|longest| longest < 300)
}

fn agrees(text: &str, decoded: Result<Packet<'_>, InvalidPacket>) {
    let expected = read(text);
    assert_eq!(decoded.is_ok(), expected.is_some(), "{decoded:?} {expected:?}");
    let (Ok(packet), Some(expected)) = (decoded, expected) else { return };
    let kinds = [
        PacketKind::Connect,
        PacketKind::Disconnect,
        PacketKind::Event,
        PacketKind::Ack,
        PacketKind::ConnectError,
    ];
    assert_eq!(Some(&packet.kind), kinds.get(expected.kind));
    let found = (packet.namespace, packet.ack, packet.attachments);
    assert_eq!(found, (&*expected.namespace, expected.ack, expected.count));
    assert_eq!(packet.data.is_some(), expected.data.is_some());
}

fn arguments(packet: &Packet<'_>, is_readable: bool) {
    let Some(list) = packet.data else { return };
    let attachments: Vec<_> =
        (0..packet.attachments).map(|i| Bytes::from(format!("attachment {i}"))).collect();
    let result = Args::new(list, attachments.clone());
    if is_readable {
        let built: Tree = serde_json::from_str(list).expect("it has been checked");
        let built = if attachments.is_empty() { Some(built) } else { put_in(built, &attachments) };
        match (&result, built) {
            (Ok(args), Some(built)) => {
                assert_eq!(args.parse::<Tree>().expect("any JSON"), built);
                let Tree::List(elements) = built else { panic!("no list") };
                assert_eq!(args.len(), elements.len());
                for (position, element) in elements.iter().enumerate() {
                    assert_eq!(args.get::<Tree>(position).expect("any JSON"), *element);
                    let raw = args.raw(position).expect("it is there");
                    assert_eq!(raw.parse::<Tree>().expect("any JSON"), *element);
                }
            }
            (Err(InvalidPacket::Placeholder), None) => {}
            (result, built) => panic!("{result:?} {built:?}"),
        }
    }
    let Ok(args) = result else {
        assert_eq!(Args::event(list, attachments), Err(InvalidPacket::Placeholder));
        return;
    };
    sent_on(&args);
    if packet.kind == PacketKind::Event {
        let (name, rest) = Args::event(list, attachments).expect("as before");
        assert_eq!(rest.len() + 1, args.len());
        assert_eq!(name.as_deref(), args.get::<String>(0).ok().as_deref());
        assert_eq!(rest.raw(0), args.raw(1));
    }
}

/// What came goes out again, and means the same.
fn sent_on(args: &Args<'_>) {
    let raw: Vec<Raw<'_>> = args.parse().expect("anything is raw JSON");
    let (encoded, same) = match (EncodedArgs::new(args), EncodedArgs::new(&raw)) {
        (Ok(encoded), Ok(same)) => (encoded, same),
        // One attachment in many places.
        (Err(EncodeError::TooManyAttachments), Err(EncodeError::TooManyAttachments)) => return,
        others => panic!("{others:?}"),
    };
    assert_eq!(encoded, same);
    let again = Args::new(encoded.json(), encoded.attachments().to_vec()).expect("ours");
    let pieces = |args: &Args<'_>| -> Vec<(String, Vec<Bytes>)> {
        let raw = args.iter();
        raw.map(|raw| (renumbered(&raw), raw.attachments().cloned().collect())).collect()
    };
    assert_eq!(pieces(&again), pieces(args));
}

/// The text with placeholders that count from 0.
fn renumbered(raw: &Raw<'_>) -> String {
    match EncodedArgs::new(&[raw]) {
        Ok(encoded) => encoded.into_parts().0,
        Err(error) => panic!("{error}"),
    }
}
