//! The codec behind a pipe, for tests that compare it with another one. All data are in hexadecimal digits.
//!
//! ```text
//! in   decode BODY           out   4TEXT b BYTES …   the packets, each as digit or b and its data
//!                                  … !               behind them if a bad one came
//! in   encode 4TEXT bBYTES   out   BODY
//! ```

use sansio_engineio::{Packet, PayloadBuilder, payload};
use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, Write, stdin, stdout};

fn main() -> Result<(), Box<dyn Error>> {
    let mut output = stdout().lock();
    for line in stdin().lock().lines() {
        let line = line?;
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match verb {
            "decode" => decode(&String::from_utf8(bytes(rest)?)?),
            "encode" => encode(rest)?,
            _ => return Err(format!("decode or encode, not {verb}").into()),
        };
        writeln!(output, "{answer}")?;
    }
    Ok(())
}

fn decode(body: &str) -> String {
    let packets = payload::decode(body).map(|packet| match packet {
        Ok(Packet::Binary(data)) => format!("b{}", hex(&data)),
        Ok(packet) => {
            let mut encoded = String::new();
            packet.encode(&mut encoded);
            let (digit, data) = encoded.split_at(1);
            format!("{digit}{}", hex(data.as_bytes()))
        }
        Err(_) => "!".into(),
    });
    packets.collect::<Vec<_>>().join(" ")
}

fn encode(packets: &str) -> Result<String, Box<dyn Error>> {
    let mut builder = PayloadBuilder::new(usize::MAX).max_packets(usize::MAX);
    for packet in packets.split(' ') {
        let (first, data) = packet.split_at(1);
        let data = bytes(data)?;
        if first == "b" {
            builder.push(&Packet::binary(&data))?;
        } else {
            let encoded = format!("{first}{}", String::from_utf8(data)?);
            builder.push(&Packet::decode(&encoded)?)?;
        }
    }
    Ok(hex(builder.finish().as_bytes()))
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
