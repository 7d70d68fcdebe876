//! Recent deaths of entries that a thread cache may hold, so that thread caches can release them.

// Plain std on purpose: only the entries themselves decide what is served.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many are remembered. A thread that was away for longer checks its whole thread cache.
pub(super) const RECENT: u64 = PLACES as u64;

const PLACES: usize = 256;

/// How many there have been.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// The hashes of the latest, each at the position of its number.
static LATEST: Mutex<[u64; PLACES]> = Mutex::new([0; PLACES]);

/// How many there have been; a thread that has seen this many has nothing to do.
#[inline]
pub(super) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

fn place(number: u64) -> usize {
    // Less than RECENT.
    #[allow(clippy::cast_possible_truncation)]
    let place = (number % RECENT) as usize;
    place
}

/// Records that entries with these hashes have ended. False if there are none.
pub(super) fn note(hashes: impl Iterator<Item = u64>) -> bool {
    let mut hashes = hashes.peekable();
    if hashes.peek().is_none() {
        return false;
    }
    let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    let mut count = COUNT.load(Ordering::Relaxed);
    for hash in hashes {
        latest[place(count)] = hash;
        count += 1;
    }
    // With the list locked: a thread that sees the number finds the hashes.
    COUNT.store(count, Ordering::Relaxed);
    true
}

/// The deaths since a thread looked last.
pub(super) struct Since {
    pub(super) count: u64,
    /// `None`: too many to know them all.
    pub(super) hashes: Option<Hashes>,
}

/// Copied, so that nothing is locked while entries are released; in place, so that a hit allocates nothing.
pub(super) struct Hashes {
    places: [u64; PLACES],
    count: usize,
}

impl Hashes {
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.places[..self.count].iter().copied()
    }
}

/// The deaths since there had been this many.
pub(super) fn since(seen: u64) -> Since {
    let latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    let count = COUNT.load(Ordering::Relaxed);
    let known = count.wrapping_sub(seen) <= RECENT;
    let hashes = known.then(|| {
        let mut hashes = Hashes { places: [0; PLACES], count: 0 };
        for (to, number) in hashes.places.iter_mut().zip(seen..count) {
            *to = latest[place(number)];
            hashes.count += 1;
        }
        hashes
    });
    Since { count, hashes }
}
