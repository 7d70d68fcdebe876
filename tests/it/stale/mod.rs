//! `stale = …`: a value past its time is served at once, and replaced behind the caller's back.

mod failures;
mod order;
mod refresh;
mod tier;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachekit::cache;
use cachekit::testing::{Isolated, isolate, settle};
use cachekit_tests::{Gate, block_on};

pub(crate) const TTL: Duration = Duration::from_secs(60);

/// What the functions under test read; every run counts.
#[derive(Clone, Default)]
pub(crate) struct Source(Arc<(AtomicU32, AtomicU32, Mutex<Option<Gate>>)>);

impl Source {
    pub(crate) fn set(&self, value: u32) {
        self.0.0.store(value, Ordering::SeqCst);
    }
    pub(crate) fn read(&self) -> u32 {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        let read = self.0.0.load(Ordering::SeqCst);
        let gate = self.0.2.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.pass();
        }
        read
    }
    pub(crate) fn runs(&self) -> u32 {
        self.0.1.load(Ordering::SeqCst)
    }
    /// Holds the runs from here on.
    pub(crate) fn hold(&self) -> Gate {
        let gate = Gate::new();
        *self.0.2.lock().unwrap() = Some(gate.clone());
        gate
    }
}

/// A scope, and an entry in it that is past its time.
pub(crate) fn past<R>(first: impl FnOnce() -> R) -> Isolated {
    let test = isolate();
    first();
    test.clock().advance(TTL + Duration::from_secs(1));
    test
}

#[cache::local(ttl = 60, stale = "30s", skip(source))]
fn local(name: &str, source: &Source) -> u32 {
    assert_eq!(name, "x");
    source.read()
}

#[cache(ttl = 60, stale = 30, skip(source))]
pub(crate) async fn shared(list: &[u8], count: u64, source: Source) -> Result<u32, String> {
    assert_eq!((list, count), (&[1, 2][..], 3));
    match source.read() {
        13 => Err("unlucky".into()),
        value => Ok(value),
    }
}

#[test]
fn the_old_value_is_served_and_replaced() {
    let source = Source::default();
    let test = past(|| local("x", &source));
    source.set(1);
    assert_eq!(local("x", &source), 0, "served at once");
    settle();
    assert_eq!((local("x", &source), source.runs()), (1, 2));
    let stats = local::stats();
    assert_eq!((stats.stale_hits, stats.refreshes, stats.failed_refreshes), (1, 1, 0));
    assert_eq!((stats.misses, stats.loads), (1, 2));
    // The new one has its whole time before it.
    test.clock().advance(Duration::from_secs(59));
    assert_eq!((local("x", &source), source.runs()), (1, 2));
}

#[test]
fn past_the_window_it_is_a_miss() {
    let source = Source::default();
    let test = past(|| local("x", &source));
    test.clock().advance(Duration::from_secs(29));
    source.set(1);
    assert_eq!((local("x", &source), local::stats().stale_hits), (1, 0));
}

#[test]
fn one_refresh_for_all_callers() {
    let source = Source::default();
    let _test = past(|| local("x", &source));
    let gate = source.hold();
    source.set(1);
    for _ in 0..10 {
        assert_eq!(local("x", &source), 0);
    }
    gate.open();
    settle();
    assert_eq!((source.runs(), local("x", &source)), (2, 1));
    assert_eq!((local::stats().stale_hits, local::stats().refreshes), (10, 1));
}

#[test]
fn a_miss_after_the_window_joins_the_refresh() {
    let source = Source::default();
    let test = past(|| local("x", &source));
    let gate = source.hold();
    source.set(1);
    assert_eq!(local("x", &source), 0);
    gate.wait_reached();
    test.clock().advance(TTL);
    let scope = test.scope().clone();
    std::thread::scope(|threads| {
        let call = threads.spawn(|| scope.run(|| local("x", &source)));
        gate.open();
        assert_eq!(call.join().unwrap(), 1);
    });
    settle();
    assert!(source.runs() <= 3, "{} runs", source.runs());
}

#[test]
fn an_invalidation_beats_the_refresh() {
    let source = Source::default();
    let _test = past(|| local("x", &source));
    let gate = source.hold();
    source.set(1);
    assert_eq!(local("x", &source), 0);
    gate.wait_reached();
    // The refresh has read 1.
    source.set(2);
    local::invalidate("x").ignore();
    gate.open();
    settle();
    assert_eq!(local::peek("x"), None, "what it read is outdated");
    assert_eq!(local("x", &source), 2);
    assert_eq!(local::stats().refreshes, 0);
}

#[test]
fn a_value_that_was_set_meanwhile_stays() {
    let source = Source::default();
    let _test = past(|| local("x", &source));
    let gate = source.hold();
    assert_eq!(local("x", &source), 0);
    gate.wait_reached();
    local::set("x", 50);
    gate.open();
    settle();
    assert_eq!((local("x", &source), local::stats().refreshes), (50, 0));
}

#[test]
fn a_refresh_that_fails_leaves_the_old_value() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let test = past(call);
    source.set(13);
    assert_eq!(call(), Ok(0));
    settle();
    assert_eq!((call(), source.runs()), (Ok(0), 2), "the source is left alone for a moment");
    assert_eq!((shared::stats().failed_refreshes, shared::stats().refreshes), (1, 0));
    test.clock().advance(Duration::from_secs(1));
    source.set(1);
    assert_eq!(call(), Ok(0));
    settle();
    assert_eq!(call(), Ok(1));
}

#[test]
fn a_refresh_that_panics_leaves_the_old_value() {
    #[cache::local(ttl = 60, stale = 30, key = ())]
    fn fragile(source: &Source) -> u32 {
        let value = source.read();
        assert!(value != 13, "on purpose");
        value
    }
    #[cache::local(ttl = 60, stale = 30, key = ())]
    async fn fragile_later(source: &Source) -> u32 {
        let value = source.read();
        assert!(value != 13, "on purpose");
        value
    }
    let (source, later) = (Source::default(), Source::default());
    let _test = past(|| (fragile(&source), block_on(fragile_later(&later))));
    source.set(13);
    later.set(13);
    assert_eq!((fragile(&source), block_on(fragile_later(&later))), (0, 0));
    settle();
    assert_eq!((fragile(&source), block_on(fragile_later(&later))), (0, 0));
    assert_eq!((source.runs(), later.runs()), (2, 2));
    assert_eq!(fragile::stats().failed_refreshes, 1);
    assert_eq!(fragile_later::stats().failed_refreshes, 1);
}

#[test]
fn errors_are_not_served_beyond_their_time() {
    #[cache::local(ttl(ok = 60, err = 60), stale = 30, key = ())]
    fn failing(source: &Source) -> Result<u32, u32> {
        Err(source.read())
    }
    let source = Source::default();
    let _test = past(|| failing(&source));
    source.set(1);
    assert_eq!((failing(&source), failing::stats().stale_hits), (Err(1), 0));
}

#[test]
fn values_without_an_end_are_never_stale() {
    #[cache::local(ttl(none = 60), stale = 30, key = ())]
    fn lasting(source: &Source) -> Option<u32> {
        Some(source.read())
    }
    let source = Source::default();
    let test = past(|| lasting(&source));
    test.clock().advance(TTL * 1000);
    assert_eq!((lasting(&source), lasting::stats().stale_hits), (Some(0), 0));
}

#[test]
fn peek_and_contains_do_not_see_stale_values() {
    let source = Source::default();
    let _test = past(|| local("x", &source));
    assert_eq!((local::peek("x"), local::contains("x")), (None, false));
    // And do not end them.
    assert_eq!((local("x", &source), local::stats().stale_hits), (0, 1));
    settle();
}
