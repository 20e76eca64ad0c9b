//! Where decisions come from.

/// A stream of decisions: the bytes that a fuzzer gives, then a generator with a seed.
///
/// The same seed and bytes give the same decisions on every machine.
#[derive(Clone, Debug)]
pub struct Choices<'b> {
    bytes: &'b [u8],
    state: u64,
    endless: bool,
}

impl Choices<'static> {
    /// Endless decisions from a seed.
    pub fn seeded(seed: u64) -> Self {
        Choices {
            bytes: &[],
            state: seed,
            endless: true,
        }
    }
}

impl<'b> Choices<'b> {
    /// Decisions from bytes: once they are used up, each is the first.
    pub fn from_bytes(bytes: &'b [u8]) -> Self {
        Choices {
            bytes,
            state: 0,
            endless: false,
        }
    }

    /// A number below `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        if n < 2 {
            return 0;
        }
        if !self.endless {
            let width = if n <= 256 { 1 } else { 4 };
            let (taken, rest) = self.bytes.split_at(width.min(self.bytes.len()));
            self.bytes = rest;
            return taken.iter().fold(0, |v, b| v << 8 | usize::from(*b)) % n;
        }
        // SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        usize::try_from(z % n as u64).unwrap_or(0)
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent.min(100)
    }

    /// One of these. Panics if there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
