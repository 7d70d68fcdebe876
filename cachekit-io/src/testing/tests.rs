//! Tests of the faulty backend.

use super::*;
use crate::{
    Backend, BackendError, BackendErrorKind, Batch, BatchEntry, Capability, Fencing, Fetched,
    Locks, ManualClock, MemoryBackend, Operation, SetOptions, TtlControl, conformance,
};
use bytes::Bytes;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

fn faulty() -> FaultyBackend {
    FaultyBackend::new(MemoryBackend::new())
}

fn run<T>(future: impl Future<Output = Result<T, BackendError>>) -> Result<T, BackendErrorKind> {
    pollster::block_on(future).map_err(|error| error.kind())
}

fn put(backend: &impl Backend, key: &str, value: &'static str) {
    let options = SetOptions::new();
    run(backend.set(key, Bytes::from_static(value.as_bytes()), &options)).expect("no fault");
}

fn text(found: Option<&Fetched>) -> Option<&[u8]> {
    found.map(|found| found.value().as_ref())
}

#[test]
fn without_faults_it_keeps_the_contract() {
    let hands = ManualClock::new();
    let memory = MemoryBackend::builder().clock(hands.clock()).build();
    let backend = FaultyBackend::new(memory);
    let subject = conformance::Subject::new(&backend).with_lock_fencing().advance(move |by| {
        hands.advance(by);
        std::future::ready(())
    });
    let report = pollster::block_on(conformance::check_all(&subject));
    report.assert_passed();
    assert_eq!(report.skipped(), []);
}

#[test]
fn every_operation_fails_when_told_to_and_leaves_the_store_alone() {
    let memory = MemoryBackend::new();
    let backend = FaultyBackend::new(memory.clone());
    let options = SetOptions::new();
    let fence = run(backend.fence("k")).expect("no fault yet");
    let lock = run(backend.try_acquire("k", Duration::from_secs(5)));
    let lock = lock.expect("no fault yet").expect("nobody holds it");
    backend.inject(Fault::fail(BackendErrorKind::Transient));

    let value = Bytes::from_static(b"v");
    let minute = Duration::from_secs(60);
    let failed = Some(BackendErrorKind::Transient);
    assert_eq!(run(backend.get("k")).err(), failed);
    assert_eq!(run(backend.set("k", value.clone(), &options)).err(), failed);
    assert_eq!(run(backend.delete("k")).err(), failed);
    assert_eq!(run(backend.exists("k")).err(), failed);
    assert_eq!(run(backend.health()).err(), failed);
    assert_eq!(run(backend.try_acquire("other", minute)).err(), failed);
    assert_eq!(run(backend.release("k", &lock)).err(), failed);
    assert_eq!(run(backend.expiry("k")).err(), failed);
    assert_eq!(run(backend.refresh("k", minute)).err(), failed);
    assert_eq!(run(backend.fence("k")).err(), failed);
    assert_eq!(run(backend.set_fenced("k", value.clone(), &options, &fence)).err(), failed);
    let entries = [BatchEntry::new("a", value.clone()), BatchEntry::new("b", value)];
    let set = pollster::block_on(backend.set_many(&entries));
    let found = pollster::block_on(backend.get_many(&["a", "b"]));
    let deleted = pollster::block_on(backend.delete_many(&["a", "b"]));
    assert_eq!((set.len(), found.len(), deleted.len()), (2, 2, 2));
    assert!(set.iter().all(Result::is_err) && found.iter().all(Result::is_err));
    assert!(deleted.iter().all(Result::is_err));

    assert!(memory.is_empty());
    let faults = backend.calls().into_iter().filter(|call| call.failed_with == failed);
    assert_eq!(faults.count(), 14);
}

#[test]
fn faults_are_used_up_in_order() {
    let backend = faulty();
    backend.fail_next(1, BackendErrorKind::Timeout);
    backend.fail_next(1, BackendErrorKind::Transient);
    backend.inject(Fault::fail(BackendErrorKind::Permanent).on(Operation::Delete));

    assert_eq!(run(backend.get("k")).err(), Some(BackendErrorKind::Timeout));
    assert_eq!(run(backend.delete("k")).err(), Some(BackendErrorKind::Transient));
    assert_eq!(run(backend.get("k")), Ok(None));
    assert_eq!(run(backend.delete("k")).err(), Some(BackendErrorKind::Permanent));
    backend.heal();
    assert_eq!(run(backend.delete("k")), Ok(false));
}

#[test]
fn damage_is_read_unless_it_is_asked_for_on_a_write() {
    let backend = faulty();
    backend.inject(Fault::corrupt().times(2));
    put(&backend, "k", "value");
    put(&backend, "empty", "");
    assert_ne!(text(run(backend.get("k")).unwrap().as_ref()), Some(b"value".as_slice()));
    assert_eq!(text(run(backend.get("empty")).unwrap().as_ref()), Some([0].as_slice()));
    assert_eq!(text(run(backend.get("k")).unwrap().as_ref()), Some(b"value".as_slice()));

    backend.inject(Fault::corrupt_with(|value| value.slice(..2)).on(Operation::Set).times(1));
    put(&backend, "k", "value");
    assert_eq!(text(run(backend.get("k")).unwrap().as_ref()), Some(b"va".as_slice()));

    backend.inject(Fault::corrupt_with(|_| Bytes::new()).on(Operation::GetMany));
    let found = pollster::block_on(backend.get_many(&["k"]));
    assert_eq!(text(found[0].as_ref().unwrap().as_ref()), Some([].as_slice()));
}

#[test]
fn dropped_writes_are_confirmed() {
    let backend = faulty();
    put(&backend, "kept", "old");
    let fence = run(backend.fence("k")).unwrap();
    backend.inject(Fault::drop_write());

    put(&backend, "kept", "new");
    let value = Bytes::from_static(b"v");
    assert_eq!(run(backend.delete("kept")), Ok(true));
    assert_eq!(run(backend.refresh("missing", Duration::from_secs(1))), Ok(true));
    assert_eq!(run(backend.set_fenced("k", value.clone(), &SetOptions::new(), &fence)), Ok(true));
    assert_eq!(pollster::block_on(backend.delete_many(&["kept"])).len(), 1);
    assert_eq!(pollster::block_on(backend.set_many(&[BatchEntry::new("k", value)])).len(), 1);

    assert_eq!(text(run(backend.get("kept")).unwrap().as_ref()), Some(b"old".as_slice()));
    assert_eq!(run(backend.exists("k")), Ok(false));
}

#[test]
fn waiting_holds_a_call_back_until_the_hook_is_done() {
    let memory = MemoryBackend::new();
    let backend = FaultyBackend::new(memory.clone());
    let asked = Arc::new(AtomicUsize::new(0));
    let polls = Arc::clone(&asked);
    backend.inject(
        Fault::wait(move || {
            let polls = Arc::clone(&polls);
            // Open at the third look.
            std::future::poll_fn(move |_| match polls.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => std::task::Poll::Pending,
                _ => std::task::Poll::Ready(()),
            })
        })
        .times(1),
    );

    let options = SetOptions::new();
    let mut set = backend.set("k", Bytes::from_static(b"v"), &options);
    let mut context = Context::from_waker(Waker::noop());
    assert!(set.as_mut().poll(&mut context).is_pending());
    assert!(set.as_mut().poll(&mut context).is_pending());
    assert!(memory.is_empty(), "the write went on before the hook was done");
    assert!(set.as_mut().poll(&mut context).is_ready());
    assert_eq!(memory.len(), 1);
}

#[test]
fn log_tells_operations_and_keys() {
    let backend = faulty();
    put(&backend, "a", "value");
    backend.fail_next(1, BackendErrorKind::Timeout);
    assert!(run(backend.get("a")).is_err());
    pollster::block_on(backend.get_many(&["a", "b"]));
    drop(backend.get("never polled"));

    let calls = backend.calls();
    assert_eq!(calls.len(), 3);
    assert_eq!((calls[0].operation, calls[0].key()), (Operation::Set, Some("a")));
    assert_eq!(calls[1].failed_with, Some(BackendErrorKind::Timeout));
    assert_eq!(calls[2].keys, ["a", "b"]);
    assert_eq!(calls[2].key(), None);
    assert_eq!(backend.count(Operation::Get), 1);
    backend.forget_calls();
    assert_eq!(backend.calls(), []);
}

#[test]
fn hidden_capabilities_are_not_offered() {
    let backend = faulty();
    for &capability in Capability::ALL {
        assert!(capability.is_offered_by(&backend));
        backend.hide(capability);
        assert!(!capability.is_offered_by(&backend));
    }
}
