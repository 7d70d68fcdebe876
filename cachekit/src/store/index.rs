//! Where the entry with a hash is in its shard: open addressing, by the upper half of the hash.
//!
//! Linear probing; the buckets behind a hole move up, so a removal leaves no tombstone (Knuth, The Art of Computer
//! Programming, volume 3, section 6.4, algorithm R).

/// Buckets of an empty index.
const FEWEST: usize = 16;

/// Slots by hash. A bucket is the upper half of the hash, and below it the number of the slot and 1; 0 is empty.
pub(super) struct Index {
    buckets: Box<[u64]>,
    /// How many more make it grow.
    left: usize,
}

impl Index {
    pub(super) fn new() -> Self {
        Self { buckets: vec![0; FEWEST].into(), left: most(FEWEST) }
    }

    /// With place for so many slots.
    pub(super) fn for_slots(slots: usize) -> Self {
        let mut buckets = FEWEST;
        while most(buckets) <= slots {
            buckets *= 2;
        }
        Self { buckets: vec![0; buckets].into(), left: most(buckets) }
    }

    /// Adds a slot whose hash has none.
    pub(super) fn add(&mut self, hash: u64, slot: u32) {
        // None is like it: the first hole.
        if let Err(hole) = self.find(hash, |_| false) {
            self.insert(hash, slot, hole);
        }
    }

    #[inline]
    fn mask(&self) -> usize {
        self.buckets.len() - 1
    }

    /// Where the search for a hash begins.
    #[inline]
    fn home(bucket: u64) -> usize {
        let upper = (bucket >> 32) as u32;
        // Mixed: the hashes of consecutive numbers are as close to each other as the numbers, and would cluster here.
        let mixed = (upper ^ upper >> 15).wrapping_mul(0x2c1b_3c6d);
        (mixed ^ mixed >> 12) as usize
    }

    /// The slot with this hash, if `is_it` says so: it compares the rest of the hash. `Err`: where a search for it ends.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Result<u32, Hole> {
        let mask = self.mask();
        let mut at = Self::home(hash) & mask;
        loop {
            let bucket = self.buckets[at];
            if bucket == 0 {
                return Err(Hole(at));
            }
            if (bucket ^ hash) >> 32 == 0 && is_it(slot_of(bucket)) {
                return Ok(slot_of(bucket));
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a slot where the search for its hash ended.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, slot: u32, Hole(at): Hole) {
        self.buckets[at] = bucket_of(hash, slot);
        self.left -= 1;
        if self.left == 0 {
            self.grow();
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let more: Box<[u64]> = vec![0; self.buckets.len() * 2].into();
        self.left = most(more.len()) - most(self.buckets.len());
        for bucket in std::mem::replace(&mut self.buckets, more) {
            if bucket != 0 {
                // None is like another: the first hole.
                let hole = self.find(bucket, |_| false);
                if let Err(Hole(at)) = hole {
                    self.buckets[at] = bucket;
                }
            }
        }
    }

    /// Removes a slot.
    #[inline(always)]
    pub(super) fn remove(&mut self, hash: u64, slot: u32) {
        // As a slice: its place is read once.
        let buckets = &mut *self.buckets;
        let mask = buckets.len() - 1;
        let bucket = bucket_of(hash, slot);
        let mut hole = Self::home(bucket) & mask;
        while buckets[hole] != bucket {
            if buckets[hole] == 0 {
                return;
            }
            hole = (hole + 1) & mask;
        }
        self.left += 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let next = buckets[at];
            if next == 0 {
                break;
            }
            // It may move into the hole unless its search begins behind the hole.
            let from_home = at.wrapping_sub(Self::home(next)) & mask;
            if from_home >= at.wrapping_sub(hole) & mask {
                buckets[hole] = next;
                hole = at;
            }
        }
        buckets[hole] = 0;
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        most(self.buckets.len()) - self.left
    }
}

/// How many of so many buckets are too many, for searches to be short.
fn most(buckets: usize) -> usize {
    buckets * 3 / 5
}

/// Where an unsuccessful search for a hash ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole(usize);

#[inline]
fn bucket_of(hash: u64, slot: u32) -> u64 {
    (hash >> 32 << 32) | u64::from(slot + 1)
}

#[inline]
fn slot_of(bucket: u64) -> u32 {
    (bucket & 0xffff_ffff) as u32 - 1
}
