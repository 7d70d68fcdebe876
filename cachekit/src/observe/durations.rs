//! How long things took: counts by size of the time, which many threads write without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::recorded::Recorded;

/// Buckets for each doubling of the time: a quantile is off by an eighth at most.
const STEP_BITS: u32 = 3;
const STEPS: u64 = 1 << STEP_BITS;
/// The last bucket takes all that is longer: 2^42 ns are 73 minutes.
const LONGEST: u32 = 42;
const BUCKETS: usize = ((LONGEST - STEP_BITS + 1) as usize) << STEP_BITS;

/// How long things took.
#[derive(Default)]
pub(crate) struct Durations {
    table: OnceLock<Box<Table>>,
    recorded: Recorded,
}

struct Table {
    count: AtomicU64,
    nanos: AtomicU64,
    longest: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

impl Durations {
    pub(crate) fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let table = self.table.get_or_init(|| {
            Box::new(Table {
                count: AtomicU64::new(0),
                nanos: AtomicU64::new(0),
                longest: AtomicU64::new(0),
                buckets: [const { AtomicU64::new(0) }; BUCKETS],
            })
        });
        table.count.fetch_add(1, Ordering::Relaxed);
        table.nanos.fetch_add(nanos, Ordering::Relaxed);
        table.longest.fetch_max(nanos, Ordering::Relaxed);
        table.buckets[bucket(nanos)].fetch_add(1, Ordering::Relaxed);
        let longest = Duration::from_nanos(upper(bucket(nanos)));
        self.recorded.record(took.as_secs_f64(), longest.as_secs_f64());
    }

    /// Where times go besides.
    pub(crate) fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// The mean; `None` if nothing was measured.
    pub(crate) fn mean(&self) -> Option<Duration> {
        let table = self.table.get()?;
        let count = table.count.load(Ordering::Relaxed);
        let nanos = table.nanos.load(Ordering::Relaxed);
        Some(Duration::from_nanos(nanos.checked_div(count)?))
    }
}

/// What the times came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) count: u64,
    pub(crate) sum: Duration,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) longest: Duration,
}

impl Summary {
    /// Of all of these together; `None` if nothing was measured.
    pub(crate) fn of<'a>(all: impl Iterator<Item = &'a Durations>) -> Option<Self> {
        let mut buckets = [0_u64; BUCKETS];
        let (mut nanos, mut longest) = (0_u64, 0_u64);
        for table in all.filter_map(|durations| durations.table.get()) {
            nanos = nanos.saturating_add(table.nanos.load(Ordering::Relaxed));
            longest = longest.max(table.longest.load(Ordering::Relaxed));
            for (sum, bucket) in buckets.iter_mut().zip(&table.buckets) {
                *sum += bucket.load(Ordering::Relaxed);
            }
        }
        // From the buckets, so that the quantiles fit whatever is written meanwhile.
        let count: u64 = buckets.iter().sum();
        let quantile = |hundredths: u64| {
            let rank = (count * hundredths).div_ceil(100);
            let mut seen = 0;
            let at = buckets.iter().position(|here| {
                seen += here;
                seen >= rank
            });
            Duration::from_nanos(upper(at.unwrap_or(BUCKETS - 1)).min(longest))
        };
        (count > 0).then(|| Self {
            count,
            sum: Duration::from_nanos(nanos),
            p50: quantile(50),
            p99: quantile(99),
            longest: Duration::from_nanos(longest),
        })
    }
}

/// The bucket of a time: its highest bits.
fn bucket(nanos: u64) -> usize {
    let octave = nanos.max(1).ilog2();
    let at = if octave < STEP_BITS {
        nanos
    } else {
        let shift = octave - STEP_BITS;
        u64::from(shift + 1) * STEPS + ((nanos >> shift) - STEPS)
    };
    usize::try_from(at).map_or(BUCKETS - 1, |at| at.min(BUCKETS - 1))
}

/// The longest time of a bucket.
fn upper(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let (shift, step) = (bucket / STEPS - 1, bucket % STEPS);
    ((STEPS + step + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_a_bucket_that_ends_above_it_and_is_no_wider_than_an_eighth() {
        for nanos in (0..100_000).chain((17..LONGEST).flat_map(|at| {
            let power = 1_u64 << at;
            [power - 1, power, power + 1, power + power / 3]
        })) {
            let upper = upper(bucket(nanos));
            assert!(upper >= nanos, "{nanos}: {upper}");
            assert!(upper - nanos <= nanos / STEPS, "{nanos}: {upper}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_several_together() {
        let (one, other) = (Durations::default(), Durations::default());
        assert_eq!(Summary::of([&one].into_iter()), None);
        assert_eq!(one.mean(), None);
        for _ in 0..98 {
            one.record(Duration::from_millis(1));
        }
        other.record(Duration::from_secs(1));
        other.record(Duration::from_secs(2));
        let summary = Summary::of([&one, &other].into_iter()).unwrap();
        assert_eq!(summary.count, 100);
        assert_eq!(summary.sum, Duration::from_millis(98 + 3_000));
        assert_eq!(summary.longest, Duration::from_secs(2));
        let close = |time: Duration, to: Duration| time >= to && time <= to + to / 8;
        assert!(close(summary.p50, Duration::from_millis(1)), "{:?}", summary.p50);
        assert!(close(summary.p99, Duration::from_secs(1)), "{:?}", summary.p99);
        assert_eq!(one.mean(), Some(Duration::from_millis(1)));
    }
}
