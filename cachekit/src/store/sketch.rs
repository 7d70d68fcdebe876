//! How often keys were asked for lately, roughly and in little space: a count-min sketch with aging, as in `TinyLFU`
//! (Einziger, Friedman, Manes: "`TinyLFU`: A Highly Efficient Cache Admission Policy", ACM Transactions on Storage 2017).
//!
//! A key has two counters of four bits in each of two words; the smallest one is the estimate. Two in one word are so often
//! those of other keys as well that old entries kept out new ones.

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

/// Two counters of a key: their word, and their bit offsets in it.
#[derive(Clone, Copy)]
struct Pair {
    word: usize,
    low: u32,
    high: u32,
}

impl Pair {
    #[inline(always)]
    fn counters(self, words: &[u64]) -> (u64, u64) {
        let word = words[self.word];
        (word >> self.low & 15, word >> self.high & 15)
    }

    /// Counts those that are at `least`: the others count other keys, too.
    #[inline(always)]
    fn increment(self, words: &mut [u64], (a, b): (u64, u64), least: u64) {
        words[self.word] += u64::from(a == least) << self.low | u64::from(b == least) << self.high;
    }
}

impl Sketch {
    pub(super) fn new() -> Self {
        Self { words: vec![0; FEWEST].into(), increments: 0, sample: SAMPLE * FEWEST as u64 }
    }

    /// Makes room for the counters of so many entries.
    pub(super) fn fit(&mut self, entries: usize) {
        while self.words.len() < entries.saturating_mul(WORDS) {
            // The words of a key are chosen by low bits of its mixed hash: behind its copy, each has the same counts.
            self.words = self.words.repeat(2).into();
        }
        self.sample = SAMPLE.saturating_mul(entries.max(FEWEST) as u64);
    }

    #[inline(always)]
    fn places(&self, hash: u64) -> (Pair, Pair) {
        // Mixed once more: the bits that choose a shard and a bucket are the same for many keys here.
        let mut mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^= mixed >> 32;
        let mask = self.words.len() - 1;
        #[allow(clippy::cast_possible_truncation)] // The mask leaves less.
        let word = |bits: u64| bits as usize & mask;
        let nibble = |bits: u64| (bits & 7) as u32 * 4;
        let pair = |word, bits| Pair { word, low: nibble(bits), high: nibble(bits >> 3) + 32 };
        let first = word(mixed >> 12);
        // Never the same, for its counters could then be counted twice: one is even, the other odd.
        let second = first ^ word(mixed >> 38 | 1);
        (pair(first, mixed), pair(second, mixed >> 6))
    }

    /// The estimate for a key, up to 15.
    #[inline]
    pub(super) fn estimate(&self, hash: u64) -> u64 {
        let (one, other) = self.places(hash);
        let ((a, b), (c, d)) = (one.counters(&self.words), other.counters(&self.words));
        a.min(b).min(c.min(d))
    }

    /// Counts a key once more. Returns the new estimate.
    #[inline(never)]
    pub(super) fn increment(&mut self, hash: u64) -> u64 {
        self.increment_inlined(hash)
    }

    /// Inlined copy for the miss path.
    #[inline(always)]
    pub(super) fn increment_inlined(&mut self, hash: u64) -> u64 {
        let (one, other) = self.places(hash);
        let words = &mut *self.words;
        let (first, second) = (one.counters(words), other.counters(words));
        let least = first.0.min(first.1).min(second.0.min(second.1));
        if least == 15 {
            return least;
        }
        one.increment(words, first, least);
        other.increment(words, second, least);
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
