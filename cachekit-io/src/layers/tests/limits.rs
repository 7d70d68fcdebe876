//! How long an operation has, and how many run at once.

use super::{poll, run};
use crate::layers::{ConcurrencyLimit, Deadline, Layer};
use crate::testing::{Fault, FaultyBackend};
use crate::{Backend, BackendErrorKind, LockToken, Locks, MemoryBackend, Operation};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);

fn hanging() -> FaultyBackend {
    let backend = FaultyBackend::new(MemoryBackend::new());
    backend.inject(Fault::wait(std::future::pending));
    backend
}

#[test]
fn what_is_not_done_in_time_is_dropped() {
    let held = Arc::new(());
    let hook = Arc::clone(&held);
    let inner = FaultyBackend::new(MemoryBackend::new());
    inner.inject(Fault::wait(move || {
        let held = Arc::clone(&hook);
        async move {
            std::future::pending::<()>().await;
            drop(held);
        }
    }));
    let backend = Deadline::new(Duration::from_millis(5)).around(inner);
    let error = run(backend.get("key")).unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(
        error.to_string(),
        "get failed: no answer in time: nothing within 5ms (key of 3 bytes)"
    );
    // This one's and the hook's.
    assert_eq!(Arc::strong_count(&held), 2);
}

#[test]
fn the_longest_time_there_is_has_no_end() {
    let backend = Deadline::new(Duration::MAX).around(hanging());
    let mut call = backend.get("k");
    assert!(poll(&mut call).is_pending());
    backend.backend().heal();
    assert!(run(backend.get("k")).is_ok());
}

#[test]
fn one_more_than_the_limit_is_refused_and_the_backend_is_not_asked() {
    let backend = ConcurrencyLimit::new(2).around(hanging());
    let (mut first, mut second) = (backend.get("a"), backend.get("b"));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    assert_eq!(backend.layer().free(), 0);
    let error = run(backend.get("key")).unwrap_err();
    assert_eq!((error.kind(), error.key_len()), (BackendErrorKind::Backpressure, Some(3)));
    assert_eq!(backend.backend().count(Operation::Get), 2);
    // What frees something, or says how the backend is, passes.
    assert!(poll(&mut backend.release("a", &LockToken::new("l"))).is_pending());
    assert!(poll(&mut backend.health()).is_pending());
    // One that is dropped makes room.
    drop(first);
    backend.backend().heal();
    assert!(run(backend.get("k")).is_ok());
    assert_eq!(backend.layer().free(), 1);
}

#[test]
fn waiting_has_its_time_and_its_order() {
    let backend = ConcurrencyLimit::new(1).wait(LONG).around(hanging());
    let mut first = backend.get("a");
    assert!(poll(&mut first).is_pending());
    backend.backend().heal();
    let (mut second, mut third) = (backend.get("b"), backend.get("c"));
    assert!(poll(&mut second).is_pending());
    assert!(poll(&mut third).is_pending());
    drop(first);
    assert!(poll(&mut third).is_pending(), "not before the second");
    assert!(matches!(poll(&mut second), Poll::Ready(Ok(None))));
    assert!(matches!(poll(&mut third), Poll::Ready(Ok(None))));

    let backend = ConcurrencyLimit::new(1).wait(Duration::from_millis(1)).around(hanging());
    let mut first = backend.get("a");
    assert!(poll(&mut first).is_pending());
    assert!(run(backend.get("b")).unwrap_err().is_backpressure());
}

#[test]
fn the_least_limit_is_one() {
    let backend = ConcurrencyLimit::new(0).around(MemoryBackend::new());
    assert!(run(backend.get("k")).is_ok());
    ConcurrencyLimit::new(usize::MAX);
}
