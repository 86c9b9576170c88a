//! How the bytes of an input are understood.

/// Three bytes of settings, and what the peer sends.
///
/// ```text
///  ┌──────────┬──────┬─────────┬──────────────────
///  │ settings │ seed │ longest │ what arrives …
///  └──────────┴──────┴─────────┴──────────────────
///                └ of the cuts ┘
/// ```
///
/// Three zeros mean the defaults, read byte by byte.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    settings: u8,
    seed: u8,
    pub(super) longest: u8,
    pub(super) arrives: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(data: &'a [u8]) -> Option<Self> {
        let [settings, seed, longest, arrives @ ..] = data else { return None };
        Some(Self { settings: *settings, seed: *seed, longest: *longest, arrives })
    }

    /// The same settings for what is made of the input.
    pub(super) fn arriving(self, arrives: &[u8]) -> Input<'_> {
        Input { arrives, ..self }
    }

    /// A switch, 0 to 7; off by default.
    pub(super) fn is_on(self, bit: u8) -> bool {
        self.settings >> bit & 1 != 0
    }

    /// One of four choices, made by two adjacent switches.
    pub(super) fn choice<T: Copy>(self, bit: u8, choices: [T; 4]) -> T {
        choices[usize::from(self.settings >> bit & 3)]
    }

    /// The same bytes in one piece, byte by byte, and cut at places that the input decides.
    pub(super) fn ways(self) -> [(&'static str, Vec<&'a [u8]>); 3] {
        [
            ("in one piece", vec![self.arrives]),
            ("byte by byte", self.arrives.chunks(1).collect()),
            ("in pieces", self.pieces()),
        ]
    }

    fn pieces(self) -> Vec<&'a [u8]> {
        let mut random = u32::from(self.seed);
        let mut rest = self.arrives;
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let len = 1 + (random >> 16) as usize % (1 + usize::from(self.longest));
            let (piece, tail) = rest.split_at(len.min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        pieces
    }
}
