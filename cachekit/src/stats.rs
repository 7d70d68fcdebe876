//! Counters of one cache.

use std::fmt;
use std::ops::AddAssign;

/// What happened in a cache since the process started.
///
/// Hits are counted per thread and added up here, so that counting costs a hit nothing shared. All
/// numbers are exact once the calls they count have returned.
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
    /// Misses that waited for another process which was running the function.
    pub lock_waits: u64,
    /// Calls answered with a stale value while the function ran again; those from the in-process tier are
    /// `hits` as well, those from the shared tier `shared_hits`.
    pub stale_hits: u64,
    /// Refreshes in the background whose value was stored.
    pub refreshes: u64,
    /// Refreshes in the background that panicked, or whose result was not to be stored.
    pub failed_refreshes: u64,
    /// Entries that had to make room.
    pub evictions: u64,
    /// Entries found expired.
    pub expirations: u64,
    /// Calls of `invalidate` and `clear`.
    pub invalidations: u64,
    /// Entries held now, expired ones that nobody asked for since included.
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

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.loads += other.loads;
        self.shared_hits += other.shared_hits;
        self.shared_errors += other.shared_errors;
        self.shared_skips += other.shared_skips;
        self.lock_waits += other.lock_waits;
        self.stale_hits += other.stale_hits;
        self.refreshes += other.refreshes;
        self.failed_refreshes += other.failed_refreshes;
        self.evictions += other.evictions;
        self.expirations += other.expirations;
        self.invalidations += other.invalidations;
        self.entries += other.entries;
        self.weight += other.weight;
    }
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
        write!(f, ", {} {}", self.entries, plural(self.entries, "entry", "entries"))
    }
}
