//! How often keys were asked for lately, roughly and in little space: a count-min sketch with aging, as in `TinyLFU`
//! (Einziger, Friedman, Manes: "`TinyLFU`: A Highly Efficient Cache Admission Policy", ACM Transactions on Storage 2017).
//!
//! A key has three counters, two in one group and one in another; the smallest one is the estimate. Two in one group alone
//! are so often those of other keys as well that old entries kept out new ones. Four count more for other keys, in as much
//! memory, and take longer. A counter has a byte, though it only counts to 15: half of one has to be shifted and masked,
//! which took a miss 40 instructions more.

/// Counters that lie together, so that a look at several of them waits for memory once.
type Group = [u8; 8];

/// Groups for each entry that the shard has room for.
const GROUPS: usize = 4;

/// Groups of a sketch for few entries.
const FEWEST: usize = 32;

/// What a counter counts to.
const MOST: u8 = 15;

/// Increments, for each entry, after which all counters are halved.
const SAMPLE: u64 = 16;

/// The fewest entries that this is reckoned with.
const SMALLEST: usize = 16;

/// See above.
pub(super) struct Sketch {
    groups: Box<[Group]>,
    /// Increments until the counters are halved next.
    left: u64,
    /// Increments from one time to the next.
    sample: u64,
}

/// The counters of a key: their groups, and their places in these.
#[derive(Clone, Copy)]
struct Places {
    /// Two are here, one in each half.
    first: usize,
    low: usize,
    high: usize,
    /// One is there.
    second: usize,
    third: usize,
}

impl Places {
    #[inline(always)]
    fn counters(self, groups: &[Group]) -> [u8; 3] {
        let first = &groups[self.first];
        [first[self.low], first[self.high], groups[self.second][self.third]]
    }
}

#[inline(always)]
fn least([a, b, c]: [u8; 3]) -> u8 {
    a.min(b).min(c)
}

impl Sketch {
    pub(super) fn new() -> Self {
        let sample = SAMPLE * SMALLEST as u64;
        Self { groups: vec![Group::default(); FEWEST].into(), left: sample, sample }
    }

    /// Makes room for the counters of so many entries.
    pub(super) fn fit(&mut self, entries: usize) {
        while self.groups.len() < entries.saturating_mul(GROUPS) {
            // The groups of a key are chosen by low bits of its mixed hash: behind its copy, each has the same counts.
            self.groups = self.groups.repeat(2).into();
        }
        let sample = SAMPLE.saturating_mul(entries.max(SMALLEST) as u64);
        let counted = self.sample - self.left;
        // At least one: it is counted down and then compared.
        self.left = sample.saturating_sub(counted).max(1);
        self.sample = sample;
    }

    /// Gives back the groups that so many entries do not need. A counter has the higher of two counts then.
    ///
    /// Halved afterwards: of so many counts the highest is often the most that a counter has, and counters that are all
    /// full count no more, and would never be halved.
    pub(super) fn fold(&mut self, entries: usize) {
        let needed = entries.saturating_mul(GROUPS).max(FEWEST);
        if self.groups.len() / 2 < needed {
            return;
        }
        while self.groups.len() / 2 >= needed {
            let (lower, upper) = self.groups.split_at(self.groups.len() / 2);
            let higher = |(a, b): (&Group, &Group)| std::array::from_fn(|at| a[at].max(b[at]));
            self.groups = lower.iter().zip(upper).map(higher).collect();
        }
        self.age();
    }

    #[inline(always)]
    fn places(&self, hash: u64) -> Places {
        // Mixed once more: the bits that choose a shard and a bucket are the same for many keys here.
        let mut mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^= mixed >> 32;
        let mask = self.groups.len() - 1;
        #[allow(clippy::cast_possible_truncation)] // The mask leaves less.
        let group = |bits: u64| bits as usize & mask;
        let first = group(mixed >> 12);
        // Never the same, for a counter could then be counted twice: one is even, the other odd.
        let second = first ^ group(mixed >> 38 | 1);
        // Four counters in each half, eight in all.
        let (low, high) = ((mixed & 3) as usize, 4 + (mixed >> 2 & 3) as usize);
        Places { first, low, high, second, third: (mixed >> 4 & 7) as usize }
    }

    /// The estimate for a key, up to 15.
    #[inline]
    pub(super) fn estimate(&self, hash: u64) -> u64 {
        u64::from(least(self.places(hash).counters(&self.groups)))
    }

    /// Counts a key once more. Returns the new estimate.
    #[inline(never)]
    pub(super) fn increment(&mut self, hash: u64) -> u64 {
        self.increment_inlined(hash)
    }

    /// Inlined copy for the miss path.
    #[inline(always)]
    pub(super) fn increment_inlined(&mut self, hash: u64) -> u64 {
        let places = self.places(hash);
        let groups = &mut *self.groups;
        let [low, high, third] = places.counters(groups);
        let least = least([low, high, third]);
        if least >= MOST {
            return u64::from(least);
        }
        // The others count other keys, too.
        let first = &mut groups[places.first];
        first[places.low] += u8::from(low == least);
        first[places.high] += u8::from(high == least);
        groups[places.second][places.third] += u8::from(third == least);
        self.left -= 1;
        if self.left == 0 {
            self.age();
        }
        u64::from(least + 1)
    }

    /// Halves all counters, so that what was hot once is forgotten.
    #[cold]
    #[inline(never)]
    fn age(&mut self) {
        self.left = self.sample;
        for counter in self.groups.as_flattened_mut() {
            *counter /= 2;
        }
    }
}
