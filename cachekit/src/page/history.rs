//! The hit ratio over time: how many calls each of the last periods had, and how many a cache answered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use cachekit_io::per_process::PerProcess;

use crate::contained::contained;
use crate::report::{self, Report};
use crate::stats::Stats;

/// How many periods are kept.
pub(super) const SAMPLES: usize = 120;

/// Calls, and how many of them a cache answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) calls: u64,
    pub(super) served: u64,
}

impl Sample {
    fn of(stats: &Stats) -> Self {
        Self { calls: stats.hits + stats.misses, served: stats.hits + stats.shared_hits }
    }

    fn since(self, before: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(before.calls),
            served: self.served.saturating_sub(before.served),
        }
    }
}

/// The periods of one function.
#[derive(Default)]
struct Track {
    /// The counts at the end of the last period.
    until: Sample,
    periods: VecDeque<Sample>,
}

/// The periods of all functions that were called.
pub(super) struct History {
    period: Duration,
    /// A forked child has no thread that samples, and that of its parent may have held the lock.
    process: PerProcess<Process>,
}

/// The history in one process.
#[derive(Default)]
struct Process {
    sampled: OnceLock<()>,
    tracks: Mutex<Tracks>,
}

#[derive(Default)]
struct Tracks {
    /// How many periods there are, at most [`SAMPLES`].
    periods: usize,
    functions: BTreeMap<String, Track>,
}

impl History {
    /// Starts to take samples, on its own thread, as long as there is a reader.
    pub(super) fn start(period: Duration) -> Arc<Self> {
        let history = Arc::new(Self { period, process: PerProcess::new() });
        history.sampled();
        history
    }

    /// Starts to take samples unless this process does. A forked child starts when the page is first read there.
    pub(super) fn sampled(self: &Arc<Self>) {
        self.process.get().sampled.get_or_init(|| {
            // Earlier counts are not part of the first period.
            self.begins(&report::all());
            let (weak, period) = (Arc::downgrade(self), self.period);
            let sampling = move || sample(&weak, period);
            // If no thread can be started, there is no history, and the rest of the page works.
            let _ = std::thread::Builder::new().name("cachekit-page".into()).spawn(sampling);
        });
    }

    fn tracks(&self) -> MutexGuard<'_, Tracks> {
        self.process.get().tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn period(&self) -> Duration {
        self.period
    }

    /// The first period begins.
    fn begins(&self, reports: &BTreeMap<String, Report>) {
        self.begins_at(counts(reports));
    }

    fn begins_at<'a>(&self, counts: impl Iterator<Item = (&'a str, Sample)>) {
        let mut tracks = self.tracks();
        for (label, now) in counts {
            tracks.functions.entry(label.to_owned()).or_default().until = now;
        }
    }

    /// A period has ended.
    fn note(&self, reports: &BTreeMap<String, Report>) {
        self.note_counts(counts(reports));
    }

    fn note_counts<'a>(&self, counts: impl Iterator<Item = (&'a str, Sample)>) {
        let mut tracks = self.tracks();
        let Tracks { periods, functions } = &mut *tracks;
        for (label, now) in counts {
            let track = functions.entry(label.to_owned()).or_default();
            track.periods.resize(*periods, Sample::default());
            track.periods.push_back(now.since(track.until));
            track.until = now;
            if track.periods.len() > SAMPLES {
                track.periods.pop_front();
            }
        }
        *periods = (*periods + 1).min(SAMPLES);
    }

    /// A function's periods, the latest last. Counts from before the first period are in none.
    pub(super) fn of(&self, label: &str) -> Vec<Sample> {
        let tracks = self.tracks();
        tracks
            .functions
            .get(label)
            .map(|track| track.periods.iter().copied().collect())
            .unwrap_or_default()
    }
}

/// The counts so far, of the functions that were called.
fn counts(reports: &BTreeMap<String, Report>) -> impl Iterator<Item = (&str, Sample)> {
    let called = reports.iter().filter(|(_, report)| !report.stores.is_empty());
    called.map(|(label, report)| (label.as_str(), Sample::of(&report.stats)))
}

fn sample(history: &Weak<History>, period: Duration) {
    loop {
        std::thread::sleep(period);
        let Some(history) = history.upgrade() else { return };
        contained(|| history.note(&report::all()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        History { period: Duration::from_secs(1), process: PerProcess::new() }
    }

    fn sample_of(calls: u64, served: u64) -> Sample {
        Sample { calls, served }
    }

    #[test]
    fn a_period_has_what_was_counted_in_it() {
        let history = history();
        // Earlier counts of the process are in no period.
        history.begins_at([("f", sample_of(10, 5))].into_iter());
        assert_eq!(history.of("f"), []);
        history.note_counts([("f", sample_of(30, 20))].into_iter());
        history.note_counts([("f", sample_of(30, 20)), ("g", sample_of(1, 0))].into_iter());
        history.note_counts([("f", sample_of(31, 20)), ("g", sample_of(4, 3))].into_iter());
        assert_eq!(history.of("f"), [sample_of(20, 15), sample_of(0, 0), sample_of(1, 0)]);
        // A function whose first call comes later had no calls before.
        assert_eq!(history.of("g"), [sample_of(0, 0), sample_of(1, 0), sample_of(3, 3)]);
        assert_eq!(history.of("h"), []);
    }

    #[test]
    fn the_last_periods_are_kept_also_of_a_function_that_came_late() {
        let history = history();
        for n in 1..=200 {
            history.note_counts([("f", sample_of(n, n))].into_iter());
        }
        history.note_counts([("f", sample_of(200, 200)), ("g", sample_of(7, 0))].into_iter());
        assert_eq!(history.of("f").len(), SAMPLES);
        assert_eq!(history.of("g").len(), SAMPLES);
        assert_eq!(history.of("g").last(), Some(&sample_of(7, 0)));
    }
}
