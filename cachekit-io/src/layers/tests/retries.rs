//! What is tried again, and how often.

use super::run;
use crate::layers::{Attempt, Call, Layer, Retry, RetryBudget};
use crate::testing::{Fault, FaultyBackend};
use crate::{
    Backend, BackendError, BackendErrorKind, Batch, BatchEntry, BatchResults, BoxFuture,
    FenceToken, Fencing, Fetched, Health, LockToken, Locks, MemoryBackend, Operation, SetOptions,
};
use bytes::Bytes;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

fn faulty() -> FaultyBackend {
    FaultyBackend::new(MemoryBackend::new())
}

#[test]
fn what_fails_for_a_moment_is_tried_so_often() {
    for (failures, attempts, succeeds) in [(0, 1, true), (1, 2, true), (2, 3, true), (3, 3, false)]
    {
        let backend = Retry::new(2).around(faulty());
        backend.backend().fail_next(failures, BackendErrorKind::Transient);
        assert_eq!(run(backend.get("k")).is_ok(), succeeds, "{failures}");
        assert_eq!(backend.backend().count(Operation::Get), attempts, "{failures}");
    }
}

#[test]
fn a_refusal_is_not() {
    for kind in BackendErrorKind::ALL.iter().copied().filter(|kind| !kind.is_retryable()) {
        let backend = Retry::new(2).around(faulty());
        backend.backend().inject(Fault::fail(kind));
        assert_eq!(run(backend.get("k")).unwrap_err().kind(), kind);
        assert_eq!(backend.backend().count(Operation::Get), 1, "{kind:?}");
    }
}

#[test]
fn nor_is_what_must_not_be_done_twice() {
    let backend = Retry::new(2).around(faulty());
    backend.backend().inject(Fault::fail(BackendErrorKind::Transient));
    let (lock, fence) = (LockToken::new("l"), FenceToken::new("f"));
    assert!(run(backend.try_acquire("k", Duration::from_secs(1))).is_err());
    assert!(run(backend.release("k", &lock)).is_err());
    assert!(run(backend.set_fenced("k", "v".into(), &SetOptions::new(), &fence)).is_err());
    let options = SetOptions::new().lock(lock);
    assert!(run(backend.set("k", "v".into(), &options)).is_err());
    assert_eq!(backend.backend().calls().len(), 4);
}

/// The first removal fails: it is done, or the backend says that it did nothing.
#[derive(Debug)]
struct FirstFails {
    memory: MemoryBackend,
    is_done: bool,
    failed: AtomicBool,
}

impl FirstFails {
    fn new(is_stored: bool, is_done: bool) -> Self {
        let memory = MemoryBackend::new();
        if is_stored {
            run(memory.set("k", "v".into(), &SetOptions::new())).unwrap();
        }
        Self { memory, is_done, failed: AtomicBool::new(false) }
    }
}

impl Backend for FirstFails {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        self.memory.get(key)
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        self.memory.set(key, value, options)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            if self.failed.swap(true, SeqCst) {
                return self.memory.delete(key).await;
            }
            let error = BackendError::new(BackendErrorKind::Transient, Operation::Delete);
            if !self.is_done {
                return Err(error.with_unprocessed());
            }
            self.memory.delete(key).await?;
            Err(error)
        })
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        self.memory.exists(key)
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        self.memory.health()
    }

    fn batch(&self) -> Option<&dyn Batch> {
        Some(self)
    }
}

impl Batch for FirstFails {
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<Option<Fetched>>> {
        Box::pin(async move { vec![self.get(keys[0]).await] })
    }

    fn set_many<'a>(&'a self, entries: &'a [BatchEntry<'a>]) -> BoxFuture<'a, BatchResults<()>> {
        let BatchEntry { key, value, options, .. } = &entries[0];
        Box::pin(async move { vec![self.set(key, value.clone(), options).await] })
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<bool>> {
        Box::pin(async move { vec![self.delete(keys[0]).await] })
    }
}

/// The first attempt removed the entry and its answer was lost: the second one finds nothing, and there was something.
#[test]
fn a_repeated_removal_knows_that_the_first_may_have_removed() {
    for (is_stored, is_done, removes) in [
        (true, true, true),
        (true, false, true),
        (false, false, false),
        // It cannot be known.
        (false, true, true),
    ] {
        let backend = || Retry::new(1).around(FirstFails::new(is_stored, is_done));
        assert_eq!(run(backend().delete("k")).unwrap(), removes, "{is_stored} {is_done}");
        let retrying = backend();
        let many = retrying.batch().unwrap().delete_many(&["k"]);
        let many = run(async { Ok(many.await) }).unwrap();
        assert_eq!(many[0].as_ref().unwrap(), &removes, "{is_stored} {is_done}, batch");
    }
}

/// Every attempt fails, and asks for so long a wait.
#[derive(Debug)]
struct Asks(Duration);

impl Layer for Asks {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        Box::pin(async move {
            attempt.run().await?;
            Err(call.error(BackendErrorKind::Transient).with_retry_after(self.0))
        })
    }
}

#[test]
fn nor_is_what_asks_for_too_long_a_wait() {
    for (wait, attempts) in [(Duration::from_millis(1), 2), (Duration::from_secs(6), 1)] {
        let backend = Retry::new(1).around(Asks(wait).around(faulty()));
        assert!(run(backend.get("k")).is_err());
        assert_eq!(backend.backend().backend().count(Operation::Get), attempts);
    }
}

#[test]
fn a_backend_that_is_down_is_not_asked_twice_for_long() {
    // 3, 2: half is left, and that is no more than half.
    let budget = RetryBudget::new(4, 0.5);
    let backend = Retry::new(1).budget(budget).around(faulty());
    let down = backend.backend();
    down.inject(Fault::fail(BackendErrorKind::Transient));
    let attempts = |calls: usize| {
        down.forget_calls();
        for _ in 0..calls {
            let _ = run(backend.get("k"));
        }
        down.count(Operation::Get)
    };
    assert_eq!(attempts(1), 2);
    assert_eq!(attempts(10), 10, "no retries");
    down.heal();
    // Nothing was left; six successes earn three.
    assert_eq!(attempts(6), 6);
    down.fail_next(1, BackendErrorKind::Transient);
    assert_eq!(attempts(1), 1, "two are left of the three: half");
    assert_eq!(attempts(8), 8);
    down.fail_next(1, BackendErrorKind::Transient);
    assert_eq!(attempts(1), 2);
}

#[test]
fn odd_budgets_are_no_trouble() {
    for budget in [RetryBudget::new(u32::MAX, f64::NAN), RetryBudget::new(0, -1.0)] {
        let backend = Retry::new(1).budget(budget).around(faulty());
        backend.backend().fail_next(1, BackendErrorKind::Transient);
        let _ = run(backend.get("k"));
        assert!(run(backend.get("k")).is_ok());
    }
}

/// The first attempts fail: with or without having been processed.
#[derive(Debug)]
struct Fails(Mutex<Vec<bool>>);

impl Layer for Fails {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        Box::pin(async move {
            let error = call.error(BackendErrorKind::Transient);
            match self.0.lock().unwrap().pop() {
                Some(true) => return Err(error.with_unprocessed()),
                Some(false) => return Err(error),
                None => {}
            }
            attempt.run().await
        })
    }
}

fn failing(unprocessed: &[bool]) -> impl Backend {
    let fails = Fails(Mutex::new(unprocessed.iter().rev().copied().collect()));
    Retry::new(2).around(fails.around(faulty()))
}

#[test]
fn what_was_not_processed_is_tried_again_whatever_it_is() {
    let second = Duration::from_secs(1);
    for (unprocessed, succeeds) in
        [(&[true][..], true), (&[true, true], true), (&[false], false), (&[true, false], false)]
    {
        let backend = failing(unprocessed);
        let taken = run(backend.locks().unwrap().try_acquire("k", second));
        assert_eq!(taken.is_ok(), succeeds, "{unprocessed:?}");
        let backend = failing(unprocessed);
        let options = SetOptions::new().lock(LockToken::new("l"));
        let stored = run(backend.set("k", "v".into(), &options)).map_err(|error| error.kind());
        let expected =
            if succeeds { BackendErrorKind::Superseded } else { BackendErrorKind::Transient };
        assert_eq!(stored, Err(expected), "{unprocessed:?}");
    }
}

#[test]
fn an_error_says_that_nothing_was_done_only_if_no_attempt_may_have_done_it() {
    for (unprocessed, says) in
        [([true; 3], true), ([false, true, true], false), ([true, true, false], false)]
    {
        let backend = failing(&unprocessed);
        assert_eq!(run(backend.get("k")).unwrap_err().is_unprocessed(), says, "{unprocessed:?}");
    }
}
