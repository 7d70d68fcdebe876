//! How often keys were asked for lately, roughly and in little space: a count-min sketch with aging, as in `TinyLFU`
//! (Einziger, Friedman, Manes: "`TinyLFU`: A Highly Efficient Cache Admission Policy", ACM Transactions on Storage 2017).
//!
//! A key has two counters of four bits in one word; the smaller one is the estimate.

/// Words for each entry that the shard has room for.
const WORDS: usize = 2;

/// Words of a sketch for few entries.
const FEWEST: usize = 16;

/// Increments, for each entry, after which all counters are halved.
const SAMPLE: u64 = 16;

/// The low three bits of every counter.
const HALVES: u64 = 0x7777_7777_7777_7777;

/// See above.
pub(super) struct Sketch {
    words: Box<[u64]>,
    /// Increments since the counters were halved last.
    increments: u64,
    /// Increments after which they are halved next.
    sample: u64,
}

/// A key's place: a word, and two counters in it.
struct Place {
    word: usize,
    low: u32,
    high: u32,
}

impl Sketch {
    pub(super) fn new() -> Self {
        Self { words: vec![0; FEWEST].into(), increments: 0, sample: SAMPLE * FEWEST as u64 }
    }

    /// Makes room for the counters of so many entries.
    pub(super) fn fit(&mut self, entries: usize) {
        while self.words.len() < entries.saturating_mul(WORDS) {
            // A key's word is chosen by the low bits of its hash: behind its copy, it has the same counts.
            self.words = self.words.repeat(2).into();
        }
        self.sample = SAMPLE.saturating_mul(entries.max(FEWEST) as u64);
    }

    #[inline]
    fn place(&self, hash: u64) -> Place {
        // Mixed once more: the bits that choose a shard and a bucket are the same for many keys here.
        let mut mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^= mixed >> 32;
        #[allow(clippy::cast_possible_truncation)] // The mask leaves less.
        let word = (mixed >> 8) as usize & (self.words.len() - 1);
        let nibble = |bits: u64| (bits & 7) as u32 * 4;
        Place { word, low: nibble(mixed), high: nibble(mixed >> 3) + 32 }
    }

    /// The estimate for a key, up to 15.
    #[inline]
    pub(super) fn estimate(&self, hash: u64) -> u64 {
        let Place { word, low, high } = self.place(hash);
        let word = self.words[word];
        (word >> low & 15).min(word >> high & 15)
    }

    /// Counts a key once more. Returns the new estimate.
    #[inline]
    pub(super) fn increment(&mut self, hash: u64) -> u64 {
        let Place { word, low, high } = self.place(hash);
        let counters = self.words[word];
        let (a, b) = (counters >> low & 15, counters >> high & 15);
        let least = a.min(b);
        if least == 15 {
            return least;
        }
        // Only the smaller one: the other counts other keys, too.
        let more = u64::from(a == least) << low | u64::from(b == least) << high;
        self.words[word] = counters + more;
        self.increments += 1;
        if self.increments >= self.sample {
            self.age();
        }
        least + 1
    }

    /// Halves all counters, so that what was hot once is forgotten.
    #[cold]
    #[inline(never)]
    fn age(&mut self) {
        self.increments = 0;
        for word in &mut self.words {
            *word = *word >> 1 & HALVES;
        }
    }
}
