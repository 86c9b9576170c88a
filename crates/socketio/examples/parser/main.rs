//! Packets behind a pipe, for tests that compare them with another parser. Texts and attachments are in hexadecimal
//! digits; in JSON an attachment is `{"$bytes":HEX}`.
//!
//! ```text
//! in   decode TEXT bBYTES …           out   {"kind":2,"namespace":"/","ack":7,"data":["name",…]}
//!                                           !  if there is no such packet
//! in   encode KIND NAMESPACE ACK JSON   out   TEXT bBYTES …
//! ```
//!
//! The kind is 0 to 4: the attachments decide the rest. `-` is no ack, and no JSON.

mod tree;

use bytes::Bytes;
use sansio_socketio::{Args, EncodedArgs, Packet, PacketKind, Raw};
use serde_json::json;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, Write, stdin, stdout};
use tree::Tree;

const KINDS: [PacketKind; 5] = [
    PacketKind::Connect,
    PacketKind::Disconnect,
    PacketKind::Event,
    PacketKind::Ack,
    PacketKind::ConnectError,
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut output = stdout().lock();
    for line in stdin().lock().lines() {
        let line = line?;
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match verb {
            "decode" => decode(rest)?,
            "encode" => encode(rest)?,
            _ => return Err(format!("decode or encode, not {verb}").into()),
        };
        writeln!(output, "{answer}")?;
    }
    Ok(())
}

fn decode(question: &str) -> Result<String, Box<dyn Error>> {
    let mut words = question.split(' ');
    let text = String::from_utf8(bytes(words.next().unwrap_or_default())?)?;
    let attachments = words.map(|word| Ok(bytes(word.strip_prefix('b').ok_or("a b")?)?.into()));
    let attachments: Vec<Bytes> = attachments.collect::<Result<_, Box<dyn Error>>>()?;
    let packet = Packet::decode(&text);
    Ok(packet.ok().and_then(|packet| describe(&packet, attachments)).unwrap_or_else(|| "!".into()))
}

fn describe(packet: &Packet<'_>, attachments: Vec<Bytes>) -> Option<String> {
    if packet.attachments != attachments.len() {
        return None;
    }
    let data = match (packet.kind, packet.data) {
        (_, None) => None,
        (PacketKind::Event | PacketKind::Ack, Some(data)) => {
            Some(Args::new(data, attachments).ok()?.parse::<Tree>().ok()?)
        }
        (_, Some(data)) => Some(Raw::new(data).ok()?.parse::<Tree>().ok()?),
    };
    let kind = KINDS.iter().position(|kind| *kind == packet.kind);
    let description = json!({
        "kind": kind,
        "namespace": packet.namespace,
        "ack": packet.ack,
        "data": data.map(|data| with_bytes_as_hex(&data)),
    });
    Some(description.to_string())
}

fn encode(question: &str) -> Result<String, Box<dyn Error>> {
    let mut words = question.splitn(4, ' ');
    let mut word = || words.next().ok_or("too few words");
    let kind = *KINDS.get(word()?.parse::<usize>()?).ok_or("a kind")?;
    let (namespace, ack, data) = (word()?, word()?, word()?);
    let ack = if ack == "-" { None } else { Some(ack.parse()?) };
    let mut text = String::new();
    let mut attachments = vec![];
    match (kind, data) {
        (_, "-") => Packet { ack, ..Packet::new(kind, namespace) }.encode(&mut text),
        (PacketKind::Event | PacketKind::Ack, data) => {
            let args = with_hex_as_bytes(serde_json::from_str(data)?)?;
            let encoded = match &args {
                // The name is one like any other for the parser; applications say it apart.
                Tree::List(list) if kind == PacketKind::Event => match list.split_first() {
                    Some((Tree::String(name), rest)) => EncodedArgs::event(name, rest)?,
                    _ => EncodedArgs::new(&args)?,
                },
                args => EncodedArgs::new(args)?,
            };
            encoded.packet(kind, namespace, ack).encode(&mut text);
            attachments = encoded.into_parts().1;
        }
        (_, data) => {
            let data = Some(data);
            Packet { ack, data, ..Packet::new(kind, namespace) }.encode(&mut text);
        }
    }
    let attachments = attachments.iter().map(|attachment| format!(" b{}", hex(attachment)));
    Ok(hex(text.as_bytes()) + &attachments.collect::<String>())
}

fn with_bytes_as_hex(tree: &Tree) -> Tree {
    match tree {
        Tree::Binary(bytes) => Tree::Object(vec![("$bytes".into(), Tree::String(hex(bytes)))]),
        Tree::List(list) => Tree::List(list.iter().map(with_bytes_as_hex).collect()),
        Tree::Object(members) => {
            let members = members.iter();
            Tree::Object(
                members.map(|(key, value)| (key.clone(), with_bytes_as_hex(value))).collect(),
            )
        }
        scalar => scalar.clone(),
    }
}

fn with_hex_as_bytes(tree: Tree) -> Result<Tree, Box<dyn Error>> {
    Ok(match tree {
        Tree::List(list) => {
            Tree::List(list.into_iter().map(with_hex_as_bytes).collect::<Result<_, _>>()?)
        }
        Tree::Object(members) => match &*members {
            [(key, Tree::String(digits))] if key == "$bytes" => Tree::Binary(bytes(digits)?.into()),
            _ => {
                let members = members.into_iter();
                let members = members.map(|(key, value)| Ok((key, with_hex_as_bytes(value)?)));
                Tree::Object(members.collect::<Result<_, Box<dyn Error>>>()?)
            }
        },
        scalar => scalar,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // A string takes everything.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn bytes(digits: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}
