//! Histograms of the durations of requests, by operation and status class.

use super::action::Action;
use super::page::Page;
use http::StatusCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds. The last ones are for large values over slow connections.
const BOUNDS: [u64; 13] = [
    100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000, 250_000, 1_000_000, 5_000_000,
    20_000_000,
];
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
const NAME: &str = "cachekit_server_request_duration_seconds";

#[derive(Default)]
pub(super) struct Durations([[Histogram; CLASSES.len()]; Action::ALL.len()]);

#[derive(Default)]
struct Histogram {
    /// How many were in each bucket and in none before it; the last one is for those above every bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Durations {
    pub(super) fn observe(&self, action: Action, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        self.0[action as usize][class].observe(took);
    }

    /// Only series that have samples: all of them would be hundreds of lines of zeros.
    pub(super) fn render(&self, page: &mut Page) {
        let help = "From the head of a request to the head of its answer, by operation and class of the status.";
        page.family(NAME, "histogram", help);
        for action in Action::ALL {
            for (class, histogram) in CLASSES.iter().zip(&self.0[action as usize]) {
                histogram.render(page, action.name(), class);
            }
        }
    }
}

impl Histogram {
    fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        self.micros.fetch_add(micros, Relaxed);
        self.buckets[bucket].fetch_add(1, Relaxed);
    }

    fn render(&self, page: &mut Page, operation: &str, class: &str) {
        let counts = self.buckets.each_ref().map(|count| count.load(Relaxed));
        // From the buckets alone, so that the count and the last bucket never disagree.
        let count: u64 = counts.iter().sum();
        if count == 0 {
            return;
        }
        let of = [("operation", operation), ("status_class", class)];
        let mut sum = 0;
        for (bound, count) in BOUNDS.iter().zip(counts) {
            sum += count;
            let le = seconds(*bound).to_string();
            page.sample(&format!("{NAME}_bucket"), &[of[0], of[1], ("le", &le)], sum);
        }
        page.sample(&format!("{NAME}_bucket"), &[of[0], of[1], ("le", "+Inf")], count);
        page.sample(&format!("{NAME}_sum"), &of, seconds(self.micros.load(Relaxed)));
        page.sample(&format!("{NAME}_count"), &of, count);
    }
}

/// Microseconds as seconds.
fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}
