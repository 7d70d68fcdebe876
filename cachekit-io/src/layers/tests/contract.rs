//! A layer hands on what the backend can do, and nothing else.

use super::run;
use crate::conformance::{Subject, check_all};
use crate::layers::{
    Attempt, Call, CircuitBreaker, ConcurrencyLimit, Deadline, Layer, Layered, Retry,
};
use crate::testing::FaultyBackend;
use crate::{
    Backend, BackendError, BatchEntry, BoxFuture, Capability, Fetched, Health, ManualClock,
    MemoryBackend, Operation, SetOptions,
};
use bytes::Bytes;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);

/// Runs the conformance suite over what `around` makes of a memory backend.
fn check<B: Backend>(around: impl FnOnce(MemoryBackend) -> B) {
    let hands = ManualClock::new();
    let backend = around(MemoryBackend::builder().clock(hands.clock()).build());
    let subject = Subject::new(&backend).with_lock_fencing().advance(move |by| {
        hands.advance(by);
        std::future::ready(())
    });
    let report = pollster::block_on(check_all(&subject));
    report.assert_passed();
    assert_eq!(report.skipped(), [], "{backend:?}");
    assert_eq!(backend.backend_type(), "memory");
}

#[test]
fn every_layer_keeps_the_contract() {
    check(|memory| Deadline::new(LONG).around(memory));
    check(|memory| Retry::new(2).around(memory));
    check(|memory| CircuitBreaker::new().around(memory));
    check(|memory| ConcurrencyLimit::new(1).around(memory));
}

fn stack<B: Backend>(backend: B) -> impl Backend {
    let backend = Deadline::new(LONG).around(backend);
    let backend = ConcurrencyLimit::new(1).around(backend);
    let backend = CircuitBreaker::new().around(backend);
    let backend = Retry::new(2).around(backend);
    Deadline::new(LONG).around(backend)
}

#[test]
fn so_do_all_together() {
    check(stack);
}

#[test]
fn no_capability_comes_or_goes() {
    for &hidden in Capability::ALL {
        let inner = FaultyBackend::new(MemoryBackend::new());
        inner.hide(hidden);
        let backend = stack(inner);
        for &capability in Capability::ALL {
            assert_eq!(capability.is_offered_by(&backend), capability != hidden, "{capability:?}");
        }
    }
}

/// Tells more than it is asked.
#[derive(Debug)]
struct Telling(MemoryBackend);

impl Backend for Telling {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        self.0.get(key)
    }

    fn get_timed<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        let found = Fetched::fresh(Bytes::from_static(b"timed")).with_fresh_for(LONG);
        Box::pin(async { Ok(Some(found)) })
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        self.0.set(key, value, options)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        self.0.delete(key)
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        self.0.exists(key)
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        self.0.health()
    }

    fn renames_keys(&self) -> bool {
        true
    }
}

#[test]
fn nothing_that_a_backend_tells_is_lost_around_it() {
    let telling = FaultyBackend::new(Telling(MemoryBackend::new()));
    let backend = stack(Box::new(Arc::new(telling.clone())));
    let found = run(backend.get_timed("k")).unwrap().unwrap();
    assert_eq!((&found.value()[..], found.fresh_for()), (&b"timed"[..], Some(LONG)));
    assert_eq!(telling.count(Operation::Get), 1);
    assert!(backend.renames_keys());
    assert!(!stack(MemoryBackend::new()).renames_keys());
}

/// Writes down what passes.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<(Operation, Option<String>)>>);

impl Layer for Log {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        let key = call.key().map(str::to_owned);
        Box::pin(async move {
            self.0.lock().unwrap().push((call.operation(), key));
            attempt.run().await
        })
    }
}

async fn every_operation(backend: &Layered<Log, FaultyBackend>) -> Result<(), BackendError> {
    let (value, options) = (Bytes::from_static(b"v"), SetOptions::new());
    backend.get("get").await?;
    backend.set("set", value.clone(), &options).await?;
    backend.delete("delete").await?;
    backend.exists("exists").await?;
    backend.health().await?;
    let locks = backend.locks().unwrap();
    let lock = locks.try_acquire("lock", LONG).await?.unwrap();
    locks.release("lock", &lock).await?;
    let ttl = backend.ttl().unwrap();
    ttl.expiry("expiry").await?;
    ttl.refresh("refresh", LONG).await?;
    let fencing = backend.fencing().unwrap();
    let fence = fencing.fence("fence").await?;
    fencing.set_fenced("fence", value.clone(), &options, &fence).await?;
    let batch = backend.batch().unwrap();
    batch.get_many(&["a", "b"]).await;
    batch.set_many(&[BatchEntry::new("a", value)]).await;
    batch.delete_many(&["a", "b"]).await;
    Ok(())
}

#[test]
fn every_operation_passes_once_under_its_own_name() {
    let backend = Log::default().around(FaultyBackend::new(MemoryBackend::new()));
    run(every_operation(&backend)).unwrap();
    let passed = backend.layer().0.lock().unwrap().clone();
    let asked: Vec<_> = backend
        .backend()
        .calls()
        .iter()
        .map(|call| {
            let is_batch = matches!(
                call.operation,
                Operation::GetMany | Operation::SetMany | Operation::DeleteMany
            );
            (call.operation, call.key().filter(|_| !is_batch).map(str::to_owned))
        })
        .collect();
    assert_eq!(passed, asked);
    let mut kinds: Vec<_> = passed.iter().map(|(operation, _)| *operation).collect();
    kinds.sort_unstable();
    kinds.dedup();
    // All that there are, less what does not pass: the beginning, and subscriptions.
    assert_eq!(kinds.len(), 14);
}

#[test]
fn debug_shows_no_key() {
    let call = Call::new(Operation::Get, "user:secret");
    assert_eq!(format!("{call:?}"), "Call { operation: Get, key_len: Some(11) }");
}
