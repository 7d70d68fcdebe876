//! Where times go besides our own tables: to the histogram of a recorder, which is the user's code.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use ::metrics::{Histogram, IntoF64};

use crate::observer;

/// How many times wait for a histogram as they are. Of more, only the buckets are kept.
const WAITING: usize = 4096;

/// Where times go. No lock of ours is held while the recorder's code runs.
#[derive(Default)]
pub(crate) struct Recorded(RwLock<To>);

enum To {
    Waiting(Waiting),
    Histogram(Told),
}

impl Default for To {
    fn default() -> Self {
        Self::Waiting(Waiting::default())
    }
}

/// Times that came before there was a histogram, in seconds.
#[derive(Default)]
struct Waiting {
    times: Vec<f64>,
    /// Those that came when there were many: by the bits of the longest time of their bucket, how many.
    more: BTreeMap<u64, usize>,
}

/// A histogram. What is done with it is told as an observer's: it fails no call, and waits for none.
#[derive(Clone)]
struct Told(Option<Histogram>);

impl Told {
    fn record(&self, seconds: f64) {
        if let Some(histogram) = &self.0 {
            observer::tell(|| histogram.record(seconds));
        }
    }

    fn record_many(&self, seconds: f64, count: usize) {
        if let Some(histogram) = &self.0 {
            observer::tell(|| histogram.record_many(seconds, count));
        }
    }

    /// Whether there is any code behind it: without, no value is ever asked for.
    fn is_noop(&self) -> bool {
        struct Asked<'a>(&'a Cell<bool>);

        impl IntoF64 for Asked<'_> {
            fn into_f64(self) -> f64 {
                self.0.set(true);
                0.0
            }
        }

        let is_asked = Cell::new(false);
        if let Some(histogram) = &self.0 {
            observer::tell(|| histogram.record_many(Asked(&is_asked), 0));
        }
        !is_asked.get()
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(histogram) = self.0.take() {
            observer::tell(|| drop(histogram));
        }
    }
}

impl Recorded {
    /// The histogram, if there is one.
    fn histogram(&self) -> Option<Told> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            To::Histogram(histogram) => Some(histogram.clone()),
            To::Waiting(_) => None,
        }
    }

    /// A time, and the longest of its bucket; in seconds.
    pub(super) fn record(&self, seconds: f64, longest: f64) {
        let histogram = self.histogram().or_else(|| self.keep(seconds, longest));
        if let Some(histogram) = histogram {
            histogram.record(seconds);
        }
    }

    /// Keeps a time for the histogram to come; or there it is.
    fn keep(&self, seconds: f64, longest: f64) -> Option<Told> {
        match &mut *self.0.write().unwrap_or_else(PoisonError::into_inner) {
            To::Histogram(histogram) => return Some(histogram.clone()),
            To::Waiting(waiting) if waiting.times.len() < WAITING => waiting.times.push(seconds),
            To::Waiting(waiting) => *waiting.more.entry(longest.to_bits()).or_default() += 1,
        }
        None
    }

    /// Hands every time on to this histogram, and those that wait for one. One that does nothing changes nothing.
    pub(crate) fn hand_to(&self, histogram: Histogram) {
        let histogram = Told(Some(histogram));
        if histogram.is_noop() {
            return;
        }
        let to = To::Histogram(histogram.clone());
        let before =
            std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), to);
        if let To::Waiting(Waiting { times, more }) = before {
            for seconds in times {
                histogram.record(seconds);
            }
            for (longest, count) in more {
                histogram.record_many(f64::from_bits(longest), count);
            }
        }
    }
}
