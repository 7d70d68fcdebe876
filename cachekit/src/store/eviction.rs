//! How the map of a store weighs entries, hashes their keys and lets go of them.

use std::sync::Arc;

use quick_cache::{Lifecycle, Weighter};

use crate::entry::AnyEntry;

pub(super) type Resident = Arc<AnyEntry>;

#[derive(Clone)]
pub(super) struct ByWeight {
    /// Otherwise every entry weighs one, and need not be looked at.
    pub(super) weighted: bool,
}

impl Weighter<u64, Resident> for ByWeight {
    #[inline]
    fn weight(&self, _hash: &u64, entry: &Resident) -> u64 {
        if self.weighted { entry.head.weight() } else { 1 }
    }
}

/// Kills what leaves the map, inside the map's lock, so that no front serves it any more; the memory is
/// released after the lock, because a value's destructor may call back into the cache.
#[derive(Clone)]
pub(super) struct KillEvicted;

#[derive(Default)]
pub(super) struct Evicted {
    pub(super) few: [Option<(u64, Resident)>; 2],
    pub(super) more: Vec<(u64, Resident)>,
}

impl Lifecycle<u64, Resident> for KillEvicted {
    type RequestState = Evicted;

    #[inline]
    fn on_evict(&self, evicted: &mut Evicted, hash: u64, entry: Resident) {
        entry.head.evict();
        match &mut evicted.few {
            [first @ None, _] => *first = Some((hash, entry)),
            [_, second @ None] => *second = Some((hash, entry)),
            _ => evicted.more.push((hash, entry)),
        }
    }
}

/// The map's keys are hashes already.
#[derive(Clone, Default)]
pub(super) struct Identity;

#[derive(Default)]
pub(super) struct IdentityHasher(u64);

impl std::hash::Hasher for IdentityHasher {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("the map's keys are u64")
    }
    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl std::hash::BuildHasher for Identity {
    type Hasher = IdentityHasher;
    #[inline]
    fn build_hasher(&self) -> IdentityHasher {
        IdentityHasher(0)
    }
}
