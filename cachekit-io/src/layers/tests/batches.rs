//! A batch that fails in part.

use super::scripted::Scripted;
use crate::layers::{Attempt, Call, CircuitBreaker, Deadline, Layer, Layered, Retry};
use crate::testing::{Fault, FaultyBackend};
use crate::{
    Backend, BackendError, BackendErrorKind, Batch, BatchEntry, BoxFuture, LockToken, ManualClock,
    MemoryBackend, SetOptions,
};
use bytes::Bytes;
use std::time::Duration;

use BackendErrorKind::{Permanent, QuotaExceeded, TooLarge, Transient};

fn asked<L>(backend: &Layered<L, Scripted>) -> Vec<Vec<String>> {
    std::mem::take(&mut *backend.backend().asked.lock().unwrap())
}

fn kinds<T>(results: &[Result<T, BackendError>]) -> Vec<Option<BackendErrorKind>> {
    results.iter().map(|result| result.as_ref().err().map(BackendError::kind)).collect()
}

#[test]
fn only_the_items_that_may_succeed_are_tried_again() {
    let faults = [("b", Transient, 1), ("c", Permanent, 9), ("d", Transient, 9)];
    let backend = Retry::new(2).around(Scripted::new(&faults));
    let keys = ["a", "b", "c", "d"];
    let results = pollster::block_on(backend.get_many(&keys));
    assert_eq!(kinds(&results), [None, None, Some(Permanent), Some(Transient)]);
    assert_eq!(asked(&backend), [vec!["a", "b", "c", "d"], vec!["b", "d"], vec!["d"]]);
}

#[test]
fn of_several_items_with_one_key_the_last_one_still_wins() {
    // The first of the two fails, and the second does not.
    let backend = Retry::new(3).around(Scripted::new(&[("k", Transient, 1)]));
    let (old, new) = (Bytes::from_static(b"old"), Bytes::from_static(b"new"));
    let entries = [BatchEntry::new("k", old), BatchEntry::new("k", new)];
    let results = pollster::block_on(backend.set_many(&entries));
    assert_eq!(kinds(&results), [Some(Transient), None]);
    let found = pollster::block_on(backend.get("k")).unwrap().unwrap();
    assert_eq!(found.value(), "new");
    assert_eq!(asked(&backend), [["k", "k"]], "and nothing is asked for again");
}

/// A write of `a` under a lock, and one of `b`.
fn locked_and_free() -> [BatchEntry<'static>; 2] {
    let value = Bytes::from_static(b"v");
    let locked = SetOptions::new().lock(LockToken::new("l"));
    [BatchEntry::new("a", value.clone()).with_options(locked), BatchEntry::new("b", value)]
}

#[test]
fn a_write_under_a_lock_is_not_repeated() {
    let backend = Retry::new(3).around(Scripted::new(&[("a", Transient, 9), ("b", Transient, 1)]));
    let results = pollster::block_on(backend.set_many(&locked_and_free()));
    assert_eq!(kinds(&results), [Some(Transient), None]);
    assert_eq!(asked(&backend), [vec!["a", "b"], vec!["b"]]);
}

#[test]
fn unless_nothing_was_done_for_it() {
    let faults = [("a", Transient, 1), ("b", Transient, 1)];
    let backend = Retry::new(3).around(Scripted::new(&faults).unprocessed());
    let results = pollster::block_on(backend.set_many(&locked_and_free()));
    // It was asked again, and there is no such lock.
    assert_eq!(kinds(&results), [Some(BackendErrorKind::Superseded), None]);
    assert_eq!(asked(&backend), [["a", "b"], ["a", "b"]]);
    // The order of writes to one key matters all the same.
    let backend = Retry::new(3).around(Scripted::new(&[("k", Transient, 1)]).unprocessed());
    let value = Bytes::from_static(b"v");
    let entries = [BatchEntry::new("k", value.clone()), BatchEntry::new("k", value)];
    let results = pollster::block_on(backend.set_many(&entries));
    assert_eq!(kinds(&results), [Some(Transient), None]);
    assert_eq!(asked(&backend), [["k", "k"]]);
}

#[test]
fn an_empty_batch_is_no_news_of_the_backend() {
    let (hands, inner) = (ManualClock::new(), Scripted::new(&[("a", Transient, 1)]));
    let breaker = CircuitBreaker::new().failures(1).clock(hands.clock());
    let backend = breaker.around(inner);
    pollster::block_on(backend.get_many(&["a"]));
    hands.advance(Duration::from_secs(60));
    assert!(pollster::block_on(backend.get_many(&[])).is_empty());
    assert!(backend.layer().is_open());
    assert_eq!(asked(&backend), [["a"]]);
}

/// Gives the first attempt up when it is under way, and makes another.
#[derive(Debug)]
struct Hasty;

impl Layer for Hasty {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        _call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        Box::pin(async move {
            assert!(super::poll(&mut attempt.run()).is_pending());
            assert!(attempt.may_repeat());
            attempt.run().await
        })
    }
}

#[test]
fn what_was_asked_and_not_answered_is_repeated_only_where_it_may_be() {
    let inner = FaultyBackend::new(MemoryBackend::new());
    inner.inject(Fault::wait(std::future::pending).times(1));
    let backend = Hasty.around(inner.clone());
    let results = pollster::block_on(backend.set_many(&locked_and_free()));
    assert_eq!(kinds(&results), [Some(Transient), None]);
    let keys: Vec<_> = inner.calls().into_iter().map(|call| call.keys).collect();
    assert_eq!(keys, [vec!["a", "b"], vec!["b"]]);
}

#[test]
fn an_item_that_was_given_up_is_a_failure_to_the_layers_around() {
    for entries in [1, 2] {
        let inner = FaultyBackend::new(MemoryBackend::new());
        inner.inject(Fault::wait(std::future::pending).times(1));
        let backend = CircuitBreaker::new().failures(1).around(GivesUp.around(inner));
        let results = pollster::block_on(backend.set_many(&locked_and_free()[..entries]));
        assert_eq!(results[0].as_ref().map_err(BackendError::kind), Err(Transient));
        assert!(backend.layer().is_open(), "{entries}");
    }
}

/// As [`Hasty`], whatever it is told.
#[derive(Debug)]
struct GivesUp;

impl Layer for GivesUp {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        _call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        Box::pin(async move {
            assert!(super::poll(&mut attempt.run()).is_pending());
            attempt.run().await
        })
    }
}

#[test]
fn an_item_that_the_backend_leaves_out_has_an_error() {
    let backend = Retry::new(0).around(Scripted::new(&[]));
    let results = pollster::block_on(backend.delete_many(&["a", "b"]));
    assert_eq!(kinds(&results), [None, Some(Transient)]);
}

#[test]
fn a_breaker_sees_what_it_counts() {
    let faults = [("quota", QuotaExceeded, 9), ("large", TooLarge, 9)];
    let backend = CircuitBreaker::new().failures(1).around(Scripted::new(&faults));
    let results = pollster::block_on(backend.get_many(&["large", "a"]));
    assert_eq!(kinds(&results), [Some(TooLarge), None]);
    assert!(!backend.layer().is_open());
    let results = pollster::block_on(backend.get_many(&["large", "quota", "a"]));
    assert_eq!(kinds(&results), [Some(TooLarge), Some(QuotaExceeded), None]);
    assert!(backend.layer().is_open());
    let results = pollster::block_on(backend.get_many(&["a", "b"]));
    assert_eq!(kinds(&results), [Some(BackendErrorKind::CircuitOpen); 2]);
    assert_eq!(asked(&backend).len(), 2);
}

/// A spent quota asks for an hour.
#[test]
fn what_is_not_tried_again_makes_no_other_item_wait() {
    let faults = [("quota", QuotaExceeded, 9), ("moment", Transient, 1)];
    let backend = Retry::new(1).around(Scripted::new(&faults).asking(Duration::from_secs(3600)));
    let results = pollster::block_on(backend.get_many(&["quota", "moment"]));
    assert_eq!(kinds(&results), [Some(QuotaExceeded), None]);
}

#[test]
fn every_item_of_a_batch_that_takes_too_long_says_so() {
    let hangs = FaultyBackend::new(MemoryBackend::new());
    hangs.inject(Fault::wait(std::future::pending));
    let backend = Deadline::new(Duration::from_millis(1)).around(hangs);
    let results = pollster::block_on(backend.get_many(&["a", "b"]));
    assert_eq!(kinds(&results), [Some(BackendErrorKind::Timeout); 2]);
    assert!(pollster::block_on(backend.get_many(&[])).is_empty());
}
