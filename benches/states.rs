//! What states of compression leave in a process whose connections have closed: its resident
//! memory, which is not what is allocated. Linux only.
//!
//! `cargo bench --features deflate --bench states`

use sansio_ws::deflate::Deflate;
use sansio_ws::extension::{Codec, Extension, Offer, Piece};

const CONNECTIONS: usize = 1500;
const ROUNDS: usize = 3;

fn resident_mib() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0_usize);
    pages * 4 / 1024
}

/// A connection that has sent and received a compressed message of a few KiB.
fn connection(deflate: &Deflate) -> Box<dyn Codec> {
    let offers = Offer::parse(b"permessage-deflate; client_max_window_bits").unwrap();
    let mut codec = deflate.accept(&offers).unwrap().codec;
    let message: Vec<u8> = (0..1000).flat_map(|n| format!("{} ", n * n).into_bytes()).collect();
    let (mut wire, mut decoded) = (Vec::new(), Vec::new());
    assert!(codec.encode(&message, Piece { first: true, last: true }, &mut wire));
    codec.decode(&wire, true, &mut decoded, message.len()).unwrap();
    assert!(decoded == message);
    codec
}

fn main() {
    println!("MiB of {CONNECTIONS} connections, open and closed");
    for (name, deflate) in [("pooled", Deflate::default()), ("kept", Deflate::context_takeover())] {
        for round in 1..=ROUNDS {
            let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| connection(&deflate)).collect();
            let open = resident_mib();
            // They close in any order.
            let mut random = 1_usize;
            while !connections.is_empty() {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                connections.swap_remove((random >> 33) % connections.len());
            }
            println!("{name}, round {round}: {open:>4} {:>4}", resident_mib());
        }
    }
}
