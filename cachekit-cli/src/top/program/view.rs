//! What is shown of a program: all since its start, or what happened between two snapshots.

use super::{Backend, Failed, Function, Snapshot};
use crate::top::units::seconds_between;
use std::cmp::Ordering;
use std::collections::HashMap;

pub(in crate::top) struct View {
    /// Seconds between the snapshots; `None` for all since the start.
    pub(super) seconds: Option<f64>,
    pub(super) calls: f64,
    /// Of all calls; `None` without any.
    pub(super) hit_ratio: Option<f64>,
    /// The worst hit ratio first; among equal ratios, the one with more misses. Functions that were not
    /// called come last.
    pub(super) functions: Vec<Row>,
    pub(super) backends: Vec<Used>,
}

/// What is shown of one function.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) cache: String,
    /// `None` without calls.
    pub(super) hit_ratio: Option<f64>,
    pub(super) hits: f64,
    pub(super) misses: f64,
    pub(super) failed: f64,
    pub(super) entries: u64,
    /// Of all runs since the start, in seconds; `None` without any.
    pub(super) median: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) last_failure: Option<Failed>,
}

/// What is shown of one backend.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Used {
    pub(super) name: String,
    pub(super) breaker: String,
    pub(super) operations: f64,
    pub(super) last_failure: Option<Failed>,
}

impl View {
    /// Everything since the start, or what happened since an earlier snapshot.
    pub(in crate::top) fn new(before: Option<&Snapshot>, now: &Snapshot) -> Self {
        // A program that restarted counts from zero again.
        let before = before.filter(|before| calls(before) <= calls(now));
        let seconds = before.map(|before| seconds_between(before.at, now.at));
        let rate =
            |now: u64, before: u64| float(now.saturating_sub(before)) / seconds.unwrap_or(1.0);
        let known: HashMap<&str, &Function> = before
            .iter()
            .flat_map(|before| &before.functions)
            .map(|function| (function.cache.as_str(), function))
            .collect();
        let row = |function: &Function| {
            let earlier = known.get(function.cache.as_str());
            let hits = rate(function.hits, earlier.map_or(0, |earlier| earlier.hits));
            let misses = rate(function.misses, earlier.map_or(0, |earlier| earlier.misses));
            Row {
                cache: function.cache.clone(),
                hit_ratio: ratio(hits, misses),
                hits,
                misses,
                failed: rate(function.failed, earlier.map_or(0, |earlier| earlier.failed)),
                entries: function.entries,
                median: function.fills.map(|fills| fills.p50),
                p99: function.fills.map(|fills| fills.p99),
                last_failure: function.last_failure.clone(),
            }
        };
        let mut functions: Vec<Row> = now.functions.iter().map(row).collect();
        functions.sort_by(worst_first);
        let used = |backend: &Backend| {
            let mut known = before.iter().flat_map(|before| &before.backends);
            let earlier = known.find(|known| known.name == backend.name);
            Used {
                name: backend.name.clone(),
                breaker: backend.breaker.clone(),
                operations: rate(backend.operations, earlier.map_or(0, |it| it.operations)),
                last_failure: backend.last_failure.clone(),
            }
        };
        let hits = functions.iter().map(|row| row.hits).sum();
        let misses = functions.iter().map(|row| row.misses).sum();
        Self {
            seconds,
            calls: hits + misses,
            hit_ratio: ratio(hits, misses),
            functions,
            backends: now.backends.iter().map(used).collect(),
        }
    }
}

fn worst_first(a: &Row, b: &Row) -> Ordering {
    let by_ratio = match (a.hit_ratio, b.hit_ratio) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    by_ratio.then(b.misses.total_cmp(&a.misses)).then_with(|| a.cache.cmp(&b.cache))
}

fn calls(snapshot: &Snapshot) -> u64 {
    let calls = snapshot.functions.iter().map(|it| it.hits.saturating_add(it.misses));
    calls.fold(0, u64::saturating_add)
}

fn ratio(hits: f64, misses: f64) -> Option<f64> {
    let calls = hits + misses;
    (calls > 0.0).then(|| hits / calls)
}

#[allow(clippy::cast_precision_loss)] // For people.
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::super::Seconds;
    use super::*;
    use std::time::{Duration, Instant};

    fn function(cache: &str, hits: u64, misses: u64) -> Function {
        Function {
            cache: cache.to_owned(),
            hits,
            misses,
            failed: misses / 2,
            entries: misses,
            fills: (misses > 0).then_some(Seconds { count: misses, p50: 0.1, p99: 0.2 }),
            last_failure: None,
        }
    }

    fn snapshot(at: Instant, functions: Vec<Function>) -> Snapshot {
        let backend = Backend {
            name: "redis".to_owned(),
            breaker: "closed".to_owned(),
            operations: functions.iter().map(|function| function.misses).sum(),
            last_failure: None,
        };
        Snapshot { at, functions, backends: vec![backend] }
    }

    fn order(view: &View) -> Vec<&str> {
        view.functions.iter().map(|row| row.cache.as_str()).collect()
    }

    #[test]
    fn the_worst_ratio_is_first_and_what_was_not_called_is_last() {
        let now = snapshot(
            Instant::now(),
            vec![
                function("idle", 0, 0),
                function("good", 99, 1),
                function("bad", 0, 3),
                function("worse", 0, 30),
                function("fair", 50, 50),
                function("also idle", 0, 0),
            ],
        );
        let view = View::new(None, &now);
        assert_eq!(order(&view), ["worse", "bad", "fair", "good", "also idle", "idle"]);
        assert_eq!((view.seconds, view.calls), (None, 233.0));
        assert_eq!(view.functions[2].hit_ratio, Some(0.5));
        assert_eq!((view.functions[5].hit_ratio, view.functions[5].p99), (None, None));
    }

    #[test]
    fn two_snapshots_make_rates_and_an_order_of_their_own() {
        let began = Instant::now();
        let before = snapshot(began, vec![function("a", 0, 100), function("b", 100, 0)]);
        let later = began + Duration::from_secs(2);
        let after = vec![function("a", 40, 100), function("b", 100, 10), function("new", 1, 1)];
        let view = View::new(Some(&before), &snapshot(later, after));
        assert_eq!((view.seconds, view.calls), (Some(2.0), 26.0));
        assert_eq!(order(&view), ["b", "new", "a"], "what was before does not count");
        assert_eq!((view.functions[0].misses, view.functions[0].failed), (5.0, 2.5));
        assert_eq!((view.functions[2].hits, view.functions[2].hit_ratio), (20.0, Some(1.0)));
        assert_eq!(
            (view.backends[0].operations, view.backends[0].last_failure.is_none()),
            (5.5, true)
        );
    }

    #[test]
    fn after_a_restart_all_since_the_start_is_shown() {
        let began = Instant::now();
        let before = snapshot(began, vec![function("a", 10, 100)]);
        let now = snapshot(began + Duration::from_secs(2), vec![function("a", 1, 3)]);
        let view = View::new(Some(&before), &now);
        assert_eq!((view.seconds, view.calls), (None, 4.0));
    }
}
