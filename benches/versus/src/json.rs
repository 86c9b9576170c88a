//! Messages as programs send them: keys repeat, values differ.

use core::fmt::Write;

/// The same bytes for the same numbers; different ones for any other connection or message. Cut to
/// its size.
pub fn message(connection: usize, number: usize, size: usize) -> String {
    let mut random = Random((connection as u64) << 32 | number as u64);
    let mut text = String::new();
    while text.len() < size {
        if random.below(3) == 0 {
            chat(&mut text, &mut random);
        } else {
            trade(&mut text, &mut random);
        }
    }
    text.truncate(size);
    text
}

fn trade(text: &mut String, random: &mut Random) {
    let symbol = random.of(&["BTC-EUR", "ETH-EUR", "BTC-USD", "SOL-USD"]);
    let side = random.of(&["buy", "sell"]);
    let mut below = |end| random.below(end);
    let _ = write!(
        text,
        "{{\"type\":\"trade\",\"symbol\":\"{symbol}\",\"id\":{},\"price\":\"{}.{:02}\",\
         \"size\":\"0.{:06}\",\"side\":\"{side}\",\"time\":\"2025-03-{:02}T{:02}:{:02}:{:02}Z\"}},",
        below(1_000_000_000),
        below(100_000),
        below(100),
        below(1_000_000),
        below(28) + 1,
        below(24),
        below(60),
        below(60),
    );
}

fn chat(text: &mut String, random: &mut Random) {
    let user = random.of(&["maria.k", "j_ortiz", "wei", "anna-lena", "tom1987"]);
    let _ = write!(
        text,
        "{{\"type\":\"message\",\"id\":{},\"user\":\"{user}\",\"text\":\"",
        random.below(1_000_000_000)
    );
    for _ in 0..4 + random.below(12) {
        text.push_str(random.of(&WORDS));
        text.push(' ');
    }
    let _ = write!(text, "\",\"likes\":{},\"edited\":false}},", random.below(40));
}

const WORDS: [&str; 24] = [
    "the", "market", "is", "closing", "soon", "who", "sold", "at", "that", "price", "I", "think",
    "we", "should", "wait", "until", "tomorrow", "before", "buying", "more", "of", "it", "again",
    "please",
];

/// SplitMix64: ours, so that messages stay the same whatever version of a crate there is.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % end
    }

    fn of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.below(choices.len() as u64) as usize]
    }
}
