//! When a backend is left alone.

use super::run;
use crate::layers::{CircuitBreaker, Deadline, Layer, Layered};
use crate::testing::{Fault, FaultyBackend};
use crate::{Backend, BackendErrorKind, LockToken, Locks, ManualClock, MemoryBackend, Operation};
use std::sync::Arc;
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(10);

fn broken() -> (ManualClock, FaultyBackend, Layered<CircuitBreaker, FaultyBackend>) {
    let (hands, inner) = (ManualClock::new(), FaultyBackend::new(MemoryBackend::new()));
    let breaker = CircuitBreaker::new().clock(hands.clock()).failures(2).pause(PAUSE);
    let backend = breaker.around(inner.clone());
    inner.inject(Fault::fail(BackendErrorKind::Transient));
    for _ in 0..2 {
        assert!(run(backend.get("k")).unwrap_err().is_transient());
    }
    assert!(backend.layer().is_open());
    inner.forget_calls();
    (hands, inner, backend)
}

#[test]
fn it_says_for_how_long_it_is_left_alone() {
    let (hands, inner, backend) = broken();
    hands.advance(Duration::from_secs(4));
    let error = run(backend.get("key")).unwrap_err();
    assert!(error.is_circuit_open());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(6)));
    assert_eq!((error.operation(), error.key_len()), (Operation::Get, Some(3)));
    assert_eq!(inner.calls(), []);
}

#[test]
fn one_call_finds_out() {
    let (hands, inner, backend) = broken();
    hands.advance(PAUSE);
    assert!(run(backend.get("k")).unwrap_err().is_transient());
    assert!(run(backend.get("k")).unwrap_err().is_circuit_open());
    inner.heal();
    hands.advance(PAUSE);
    assert!(run(backend.get("k")).is_ok());
    assert!(run(backend.get("k")).is_ok());
}

#[test]
fn a_call_that_is_dropped_costs_one_more_pause() {
    let (hands, inner, backend) = broken();
    inner.heal();
    hands.advance(PAUSE);
    inner.inject(Fault::wait(std::future::pending).times(1));
    let mut dropped = backend.get("k");
    assert!(super::poll(&mut dropped).is_pending());
    drop(dropped);
    assert!(run(backend.get("k")).unwrap_err().is_circuit_open());
    hands.advance(PAUSE);
    assert!(run(backend.get("k")).is_ok());
}

#[test]
fn its_health_may_always_be_asked_for() {
    let (_, inner, backend) = broken();
    assert!(run(backend.health()).unwrap_err().is_transient());
    inner.heal();
    assert!(run(backend.health()).is_ok());
    assert!(run(backend.get("k")).is_ok());
}

#[test]
fn and_locks_given_back() {
    let (_, inner, backend) = broken();
    let lock = LockToken::new("l");
    assert!(run(backend.release("k", &lock)).unwrap_err().is_transient());
    assert!(run(backend.try_acquire("k", PAUSE)).unwrap_err().is_circuit_open());
    assert_eq!(inner.calls().len(), 1);
}

#[test]
fn a_backend_that_knows_of_something_newer_is_up() {
    let (hands, inner, backend) = broken();
    inner.heal();
    hands.advance(PAUSE);
    inner.fail_next(1, BackendErrorKind::Superseded);
    assert!(run(backend.get("k")).unwrap_err().is_superseded());
    assert!(!backend.layer().is_open());
}

#[test]
fn one_breaker_for_two_backends() {
    let (hands, inner) = (ManualClock::new(), FaultyBackend::new(MemoryBackend::new()));
    let breaker = Arc::new(CircuitBreaker::new().failures(1).clock(hands.clock()));
    let first = Arc::clone(&breaker).around(inner.clone());
    let second = Arc::clone(&breaker).around(MemoryBackend::new());
    inner.fail_next(1, BackendErrorKind::Transient);
    assert!(run(first.get("k")).is_err());
    assert!(breaker.is_open());
    assert!(run(second.get("k")).unwrap_err().is_circuit_open());
    assert!(run(second.into_backend().get("k")).is_ok());
}

#[test]
fn mistakes_do_not_count_and_timeouts_do() {
    let inner = FaultyBackend::new(MemoryBackend::new());
    let within = Deadline::new(Duration::from_millis(1)).around(inner.clone());
    let backend = CircuitBreaker::new().failures(1).around(within);
    for kind in BackendErrorKind::ALL.iter().copied().filter(|kind| !kind.counts_for_breaker()) {
        inner.fail_next(1, kind);
        assert_eq!(run(backend.get("k")).unwrap_err().kind(), kind);
        assert!(!backend.layer().is_open(), "{kind:?}");
    }
    inner.inject(Fault::wait(std::future::pending));
    assert!(run(backend.get("k")).unwrap_err().is_timeout());
    assert!(backend.layer().is_open());
}
