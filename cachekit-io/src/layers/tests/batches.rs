//! A batch that fails in part.

use super::scripted::Scripted;
use crate::layers::{CircuitBreaker, Deadline, Layer, Layered, Retry};
use crate::testing::{Fault, FaultyBackend};
use crate::{Backend, BackendErrorKind, Batch, BatchEntry, MemoryBackend};
use bytes::Bytes;
use std::time::Duration;

use BackendErrorKind::{Permanent, QuotaExceeded, TooLarge, Transient};

fn asked<L>(backend: &Layered<L, Scripted>) -> Vec<Vec<String>> {
    std::mem::take(&mut *backend.backend().asked.lock().unwrap())
}

fn kinds<T>(results: &[Result<T, crate::BackendError>]) -> Vec<Option<BackendErrorKind>> {
    results.iter().map(|result| result.as_ref().err().map(crate::BackendError::kind)).collect()
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

#[test]
fn every_item_of_a_batch_that_takes_too_long_says_so() {
    let hangs = FaultyBackend::new(MemoryBackend::new());
    hangs.inject(Fault::wait(std::future::pending));
    let backend = Deadline::new(Duration::from_millis(1)).around(hangs);
    let results = pollster::block_on(backend.get_many(&["a", "b"]));
    assert_eq!(kinds(&results), [Some(BackendErrorKind::Timeout); 2]);
    assert!(pollster::block_on(backend.get_many(&[])).is_empty());
}
