//! What a call needs of the shared tier is made by the caller that leads: its key, its digest, its bytes.

use std::cell::Cell;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use cachekit::cache;
use cachekit_tests::{Gate, Polled};
use serde::{Deserialize, Serialize, Serializer};

use crate::shared::tier::machines;

thread_local! {
    static WRITTEN: Cell<u32> = const { Cell::new(0) };
    static CLONES_PANIC: Cell<bool> = const { Cell::new(false) };
}

/// Counts how often it is serialized on this thread.
#[derive(Debug, PartialEq, Eq, Hash, Deserialize)]
struct Counted(u32);

impl Clone for Counted {
    fn clone(&self) -> Self {
        assert!(!CLONES_PANIC.get(), "on purpose");
        Self(self.0)
    }
}

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WRITTEN.set(WRITTEN.get() + 1);
        serializer.serialize_u32(self.0)
    }
}

#[test]
fn a_thousand_waiters_make_no_key() {
    static GATE: LazyLock<Gate> = LazyLock::new(Gate::new);

    #[cache(ttl = 60)]
    async fn value(key: Counted) -> u32 {
        GATE.passed().await;
        key.0
    }

    let (scope, _, _) = machines();
    scope.run(|| {
        let mut calls: Vec<_> = (0..1000).map(|_| Polled::new(value(Counted(7)))).collect();
        assert!(calls[0].poll().is_none());
        let by_the_leader = WRITTEN.get();
        assert!(by_the_leader > 0, "the leader looks at the backend");
        for call in &mut calls[1..] {
            assert!(call.poll().is_none());
        }
        assert_eq!(WRITTEN.get(), by_the_leader, "waiters have serialized the key");
        GATE.open();
        for call in &mut calls {
            // The backend answers on another thread.
            let value = iter::from_fn(|| Some(call.poll())).flatten().next();
            assert_eq!(value, Some(7));
        }
        assert_eq!(WRITTEN.get(), by_the_leader);
        let stats = value::stats();
        assert_eq!((stats.loads, stats.misses), (1, 1000));
    });
}

#[test]
fn a_key_whose_serialize_calls_the_function_does_not_wait_for_itself() {
    thread_local! {
        static INSIDE: Cell<bool> = const { Cell::new(false) };
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
    struct Asking(u32);

    impl Serialize for Asking {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if !INSIDE.replace(true) {
                assert_eq!(double(Self(self.0)), 2 * self.0);
                INSIDE.set(false);
            }
            serializer.serialize_u32(self.0)
        }
    }

    #[cache(ttl = 60)]
    fn double(key: Asking) -> u32 {
        2 * key.0
    }

    let (scope, _, _) = machines();
    scope.run(|| assert_eq!(double(Asking(4)), 8));
}

#[test]
fn a_key_whose_clone_panics_leaves_no_lead_behind() {
    #[cache::local]
    fn value(key: &Counted) -> u32 {
        key.0
    }

    let (scope, _, _) = machines();
    scope.run(|| {
        CLONES_PANIC.set(true);
        let call = || value(&Counted(3));
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
        CLONES_PANIC.set(false);
        // It would wait for the lead that the first call took.
        assert_eq!(value(&Counted(3)), 3);
        assert_eq!(value::stats().entries, 1);
    });
}

/// A call belongs to the scope that it was first polled in, also where it comes to lead later, somewhere else.
#[test]
fn a_waiter_that_comes_to_lead_in_another_scope_asks_its_own_backend() {
    static GATE: LazyLock<Gate> = LazyLock::new(Gate::new);

    #[cache(ttl = 60)]
    async fn quick(n: u32) -> u32 {
        GATE.passed().await;
        n
    }

    let (first, other, _) = machines();
    let (_, elsewhere, backend_elsewhere) = machines();
    let mut leader = first.run(|| {
        let mut leader = Polled::new(quick(1));
        assert!(leader.poll().is_none());
        Some(leader)
    });
    let mut waiter = first.run(|| {
        let mut waiter = Polled::new(quick(1));
        assert!(waiter.poll().is_none());
        waiter
    });
    drop(leader.take());
    GATE.open();
    let asked = backend_elsewhere.calls().len();
    let came = elsewhere.run(|| iter::from_fn(|| Some(waiter.poll())).flatten().next());
    assert_eq!(came, Some(1));
    assert_eq!(backend_elsewhere.calls().len(), asked, "another scope's backend was asked");
    // It is in its own scope's tiers.
    assert_eq!(first.run(|| quick::stats().entries), 1);
    assert_eq!(other.run(|| cachekit_tests::block_on(quick(1))), 1);
    assert_eq!(other.run(|| quick::stats().shared_hits), 1);
}
