//! What is shown: all since the start of the source, or what happened between two snapshots.

use super::snapshot::{Counter, Level, Operation, Snapshot};
use crate::top::units::seconds_between;

pub(in crate::top) struct View {
    /// Seconds between the snapshots; `None` for all since the start.
    pub(super) seconds: Option<f64>,
    pub(super) notes: Vec<(&'static str, String)>,
    pub(super) levels: Vec<(&'static str, Level)>,
    pub(super) counters: Vec<(&'static str, Counter)>,
    /// Of the look-ups; `None` without any.
    pub(super) hit_ratio: Option<f64>,
    /// The busiest first.
    pub(super) operations: Vec<Row>,
}

/// What is shown of one kind of request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) requests: f64,
    pub(super) refused: f64,
    pub(super) failed: f64,
    /// In seconds; `None` without requests.
    pub(super) mean: Option<f64>,
    pub(super) median: Option<f64>,
    pub(super) p99: Option<f64>,
}

impl View {
    /// Everything since the start, or what happened since an earlier snapshot.
    pub(in crate::top) fn new(before: Option<&Snapshot>, now: &Snapshot) -> Self {
        // A source that restarted counts from zero again.
        let before = before.filter(|before| before.looked_up <= now.looked_up);
        let seconds = before.map(|before| seconds_between(before.at, now.at));
        let since = |now: f64, before: Option<f64>| (now - before.unwrap_or(0.0)).max(0.0);
        let looked_up = since(now.looked_up, before.map(|before| before.looked_up));
        let found = since(now.found, before.map(|before| before.found));
        let counters = now.counters.iter().map(|(name, counter)| {
            let earlier = before.and_then(|it| it.counters.iter().find(|(known, _)| known == name));
            let earlier = earlier.map(|(_, counter)| counter.value());
            (*name, counter.with(since(counter.value(), earlier) / seconds.unwrap_or(1.0)))
        });
        let none = Operation::default();
        let mut operations: Vec<Row> = now
            .operations
            .iter()
            .map(|operation| {
                let mut known = before.iter().flat_map(|before| &before.operations);
                let earlier = known.find(|known| known.name == operation.name).unwrap_or(&none);
                row(operation, earlier, seconds.unwrap_or(1.0))
            })
            .collect();
        operations.sort_by(|a, b| b.requests.total_cmp(&a.requests).then(a.name.cmp(&b.name)));
        Self {
            seconds,
            notes: now.notes.clone(),
            levels: now.levels.clone(),
            counters: counters.collect(),
            hit_ratio: (looked_up > 0.0).then(|| found / looked_up),
            operations,
        }
    }
}

impl Counter {
    pub(super) fn value(self) -> f64 {
        match self {
            Self::Events(value) | Self::Bytes(value) => value,
        }
    }

    fn with(self, value: f64) -> Self {
        match self {
            Self::Events(_) => Self::Events(value),
            Self::Bytes(_) => Self::Bytes(value),
        }
    }
}

fn row(now: &Operation, before: &Operation, seconds: f64) -> Row {
    let since = |now: f64, before: f64| (now - before).max(0.0);
    let buckets: Vec<(f64, f64)> = now
        .buckets
        .iter()
        .map(|(bound, count)| {
            let earlier = before.buckets.iter().find(|(known, _)| known.total_cmp(bound).is_eq());
            (*bound, since(*count, earlier.map_or(0.0, |(_, count)| *count)))
        })
        .collect();
    let requests = since(now.requests, before.requests);
    Row {
        name: now.name.clone(),
        requests: requests / seconds,
        refused: since(now.refused, before.refused) / seconds,
        failed: since(now.failed, before.failed) / seconds,
        mean: (requests > 0.0).then(|| since(now.seconds, before.seconds) / requests),
        median: quantile(&buckets, 0.5),
        p99: quantile(&buckets, 0.99),
    }
}

/// Values are assumed to be spread evenly within their bucket, as Prometheus does; above all bounds the last bound
/// is taken.
fn quantile(buckets: &[(f64, f64)], wanted: f64) -> Option<f64> {
    let all = buckets.last().map(|(_, count)| *count).filter(|all| *all > 0.0)?;
    let rank = wanted * all;
    let (mut lower, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= rank {
            if bound.is_infinite() {
                return Some(lower);
            }
            let within = if *count > below { (rank - below) / (count - below) } else { 1.0 };
            return Some(lower + (bound - lower) * within);
        }
        (lower, below) = (*bound, *count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-9)
    }

    #[test]
    fn quantiles_are_those_of_prometheus() {
        let buckets = [(0.1, 50.0), (0.2, 90.0), (f64::INFINITY, 100.0)];
        assert!(close(quantile(&buckets, 0.5), 0.1));
        assert!(close(quantile(&buckets, 0.25), 0.05));
        assert!(close(quantile(&buckets, 0.7), 0.15));
        assert!(close(quantile(&buckets, 0.99), 0.2), "no more is known");
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[(0.1, 0.0), (f64::INFINITY, 0.0)], 0.5), None);
    }

    fn snapshot(at: Instant, scale: f64) -> Snapshot {
        Snapshot {
            at,
            notes: vec![("version", "1".to_owned())],
            levels: vec![("entries", Level::Count(scale))],
            counters: vec![("in", Counter::Bytes(1000.0 * scale))],
            found: 30.0 * scale,
            looked_up: 40.0 * scale,
            operations: vec![
                Operation { name: "set".into(), requests: 10.0 * scale, ..Operation::default() },
                Operation {
                    name: "get".into(),
                    requests: 100.0 * scale,
                    refused: 2.0 * scale,
                    failed: scale,
                    seconds: 0.5 * scale,
                    buckets: vec![(0.01, 100.0 * scale), (f64::INFINITY, 100.0 * scale)],
                },
            ],
        }
    }

    #[test]
    fn two_snapshots_make_rates() {
        let began = Instant::now();
        let (before, now) = (snapshot(began, 1.0), snapshot(began + Duration::from_secs(2), 3.0));
        let view = View::new(Some(&before), &now);
        assert!(close(view.seconds, 2.0) && close(view.hit_ratio, 0.75));
        assert!(close(Some(view.counters[0].1.value()), 1000.0));
        let get = &view.operations[0];
        assert_eq!(get.name, "get", "the busiest first");
        assert!(close(Some(get.requests), 100.0) && close(Some(get.refused), 2.0));
        assert!(close(Some(get.failed), 1.0) && close(get.mean, 0.005) && close(get.p99, 0.0099));
        assert_eq!(view.operations[1].median, None, "no histogram");
    }

    #[test]
    fn one_snapshot_is_all_since_the_start_and_so_is_one_after_a_restart() {
        let began = Instant::now();
        let (before, now) = (snapshot(began, 5.0), snapshot(began + Duration::from_secs(2), 1.0));
        for view in [View::new(None, &now), View::new(Some(&before), &now)] {
            assert_eq!(view.seconds, None);
            assert!(close(Some(view.operations[0].requests), 100.0));
        }
        let idle = View::new(
            Some(&before),
            &Snapshot { at: began + Duration::from_secs(1), ..before.clone() },
        );
        assert_eq!((idle.hit_ratio, idle.operations[0].mean), (None, None));
    }
}
