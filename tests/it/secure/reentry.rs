//! Values whose `Deserialize` calls the cache: a sealed entry is opened where it lies, while its thread's table is
//! being read.

use std::cell::Cell;

use cachekit::cache;
use cachekit::testing::Scope;
use cachekit_tests::Runs;
use serde::{Deserialize, Deserializer, Serialize};

use crate::secure::keyring;

static RUNS: Runs = Runs::new();

thread_local! {
    /// What the next value does when it is decoded, once.
    static NEXT: Cell<Option<fn()>> = const { Cell::new(None) };
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Busy(u64);

impl<'de> Deserialize<'de> for Busy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u64::deserialize(deserializer)?;
        if let Some(act) = NEXT.take() {
            act();
        }
        Ok(Self(value))
    }
}

#[cache::secure(ttl = 60, namespace = "reentry")]
fn busy(n: u64) -> Busy {
    RUNS.add();
    Busy(n)
}

fn in_a_scope(test: impl FnOnce()) {
    Scope::new().with_keyring(keyring(1, &[])).run(|| {
        // Often enough for the thread's own table to have it.
        for _ in 0..20 {
            assert_eq!(busy(1), Busy(1));
        }
        assert_eq!(RUNS.take(), 1);
        test();
    });
}

#[test]
fn the_same_call_inside_of_it_is_a_hit() {
    in_a_scope(|| {
        NEXT.set(Some(|| assert_eq!(busy(1), Busy(1))));
        assert_eq!(busy(1), Busy(1));
        assert_eq!((RUNS.take(), NEXT.take().is_none()), (0, true));
    });
}

#[test]
fn other_calls_and_an_invalidation_inside_of_it_take_effect() {
    in_a_scope(|| {
        NEXT.set(Some(|| {
            for n in 2..500 {
                assert_eq!(busy(n), Busy(n));
            }
            assert!(busy::invalidate(&1).was_cached());
        }));
        assert_eq!(busy(1), Busy(1));
        assert_eq!((RUNS.take(), busy(1), RUNS.take()), (498, Busy(1), 1));
    });
}

#[test]
fn a_panic_inside_of_it_is_a_miss() {
    in_a_scope(|| {
        NEXT.set(Some(|| panic!("a value that does not like to be decoded")));
        assert_eq!((busy(1), RUNS.take()), (Busy(1), 1));
        assert_eq!(busy::stats().shared_errors, 1);
        assert_eq!((busy(1), busy(2), RUNS.take()), (Busy(1), Busy(2), 1));
        assert!(busy::invalidate(&1).was_cached());
        assert_eq!((busy(1), RUNS.take()), (Busy(1), 1));
    });
}
