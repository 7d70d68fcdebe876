//! Counters of one cache.

use std::fmt;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// What happened in a cache since the process started.
///
/// Hits are counted per thread and added up here, so that counting costs a hit nothing shared. All
/// numbers are exact once the calls they count have returned.
///
/// It is `serde::Serialize`, with the fields by their names, for a page or a line of a log. Printed, it shows what
/// matters most: hits and misses, those of the misses that the shared tier answered (`shared hits`), calls that got
/// a stale value, and entries.
///
/// # Example
///
/// ```
/// #[cachekit::cache::local]
/// fn square(n: u64) -> u64 { n * n }
///
/// square(3);
/// square(3);
/// let stats = square::stats();
/// assert_eq!((stats.hits, stats.misses, stats.entries), (1, 1, 1));
/// assert_eq!(stats.hit_ratio(), Some(0.5));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls answered from the in-process tier.
    pub hits: u64,
    /// Calls that found nothing there.
    pub misses: u64,
    /// Times the function ran to fill the cache. Less than `misses` where callers waited for one run or
    /// the shared tier had the value.
    pub loads: u64,
    /// Misses answered from the shared tier.
    pub shared_hits: u64,
    /// Operations of the shared tier that failed. The calls went on without it.
    pub shared_errors: u64,
    /// Calls that left the shared tier alone because it was down.
    pub shared_skips: u64,
    /// Values that were not written to the shared tier, because the guard that would have kept them from undoing
    /// an invalidation could not be had: no fence was given, or another process held the lock.
    pub shared_unguarded: u64,
    /// Entries of this process that were dropped because the shared backend said that another process deleted or
    /// replaced them there.
    pub shared_invalidations: u64,
    /// Entries of this process that were dropped because the shared backend was emptied, or because news of it may
    /// have been lost.
    pub shared_flushes: u64,
    /// Misses that waited for another process which was running the function.
    pub lock_waits: u64,
    /// Calls answered with a stale value while the function ran again; those from the in-process tier are
    /// `hits` as well, those from the shared tier `shared_hits`.
    pub stale_hits: u64,
    /// Refreshes in the background whose value was stored.
    pub refreshes: u64,
    /// Refreshes that ran nothing, because the shared tier had a fresh value by then: another process was faster.
    pub shared_refreshes: u64,
    /// Refreshes in the background that panicked, or whose result was not to be stored.
    pub failed_refreshes: u64,
    /// Entries that had to make room.
    pub evictions: u64,
    /// Entries found expired.
    pub expirations: u64,
    /// Calls of `invalidate` and `clear`.
    pub invalidations: u64,
    /// Sealed entries that came back and were not used, by reason. All zero but for `#[cache::secure]`.
    pub refused: Refusals,
    /// Calls of a `#[cache::secure]` function that ran without a key, tenant or namespace that could be
    /// used, and whose results were stored nowhere.
    pub unsealed: u64,
    /// Entries held now, expired ones that no call asked for since included.
    pub entries: u64,
    /// Their weight.
    pub weight: u64,
}

impl Stats {
    /// Hits per call, between 0 and 1; `None` before the first call.
    pub fn hit_ratio(&self) -> Option<f64> {
        let calls = self.hits + self.misses;
        #[allow(clippy::cast_precision_loss)]
        let ratio = self.hits as f64 / calls as f64;
        (calls > 0).then_some(ratio)
    }
}

/// Sealed entries that came back and were refused, by what was wrong with them.
///
/// None of them was decoded, let alone served: to the call, each was a miss, or an error where the attribute
/// says `on_tamper = error`. The kinds are as exact as cryptography allows; the book's threat model lists
/// what can be told from what.
///
/// # Example
///
/// ```
/// #[cachekit::cache::local]
/// fn square(n: u64) -> u64 { n * n }
///
/// square(3);
/// assert_eq!(square::stats().refused.total(), 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusals {
    /// Sealed for this place with a known key, and changed since.
    pub tampered: u64,
    /// Sealed with no key of the keyring, or for another tenant or namespace.
    pub wrong_key: u64,
    /// Sealed for another entry, function, type or version of it.
    pub wrong_place: u64,
    /// Not sealed in this format at all: plaintext, another format, another version.
    pub downgraded: u64,
    /// Cut short, or with fields that no writer produces.
    pub damaged: u64,
}

impl Refusals {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.tampered + self.wrong_key + self.wrong_place + self.downgraded + self.damaged
    }
}

/// Why an entry could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// See [`Refusals`]; so for the next four.
    Tampered,
    /// Another key.
    WrongKey,
    /// Another place.
    WrongPlace,
    /// Another format.
    Downgraded,
    /// Not whole.
    Damaged,
    /// It was not looked at, because there is no key; or it holds what this type does not read. Nothing is
    /// wrong with the entry.
    Unread,
    /// The `Deserialize` of its type panicked.
    Panicked,
}

/// The counters behind [`Refusals`].
#[derive(Default)]
pub(crate) struct RefusalCounters([AtomicU64; 5]);

impl RefusalCounters {
    pub(crate) fn count(&self, refusal: Refusal) {
        if let Some(counter) = self.0.get(refusal as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Refusals {
        let [tampered, wrong_key, wrong_place, downgraded, damaged] =
            self.0.each_ref().map(|counter| counter.load(Ordering::Relaxed));
        Refusals { tampered, wrong_key, wrong_place, downgraded, damaged }
    }
}

/// What is done with each counter by its name, so that a new one is not forgotten.
macro_rules! counters {
    ($($name:ident: $($field:ident)*;)*) => {$(
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                let Self { $($field),* } = other;
                $(self.$field += $field;)*
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Self { $($field),* } = self;
                let count = [$(stringify!($field)),*].len();
                let mut fields = serializer.serialize_struct(stringify!($name), count)?;
                $(fields.serialize_field(stringify!($field), $field)?;)*
                fields.end()
            }
        }
    )*};
}

counters! {
    Stats: hits misses loads shared_hits shared_errors shared_skips shared_unguarded
        shared_invalidations shared_flushes lock_waits stale_hits refreshes
        shared_refreshes failed_refreshes evictions expirations invalidations refused unsealed entries weight;
    Refusals: tampered wrong_key wrong_place downgraded damaged;
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural =
            |n: u64, one: &'static str, many: &'static str| if n == 1 { one } else { many };
        let hits = plural(self.hits, "hit", "hits");
        let misses = plural(self.misses, "miss", "misses");
        write!(f, "{} {hits}, {} {misses}", self.hits, self.misses)?;
        if let Some(ratio) = self.hit_ratio() {
            write!(f, " ({:.1} % hits)", ratio * 100.0)?;
        }
        for (count, one, many) in [
            (self.shared_hits, "shared hit", "shared hits"),
            (self.stale_hits, "stale hit", "stale hits"),
        ] {
            if count > 0 {
                write!(f, ", {count} {}", plural(count, one, many))?;
            }
        }
        write!(f, ", {} {}", self.entries, plural(self.entries, "entry", "entries"))
    }
}
