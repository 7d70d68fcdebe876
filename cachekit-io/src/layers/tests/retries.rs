//! What is tried again, and how often.

use super::run;
use crate::layers::{Attempt, Call, Layer, Retry, RetryBudget};
use crate::testing::{Fault, FaultyBackend};
use crate::{
    Backend, BackendError, BackendErrorKind, BoxFuture, FenceToken, Fencing, LockToken, Locks,
    MemoryBackend, Operation, SetOptions,
};
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
