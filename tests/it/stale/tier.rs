//! `stale = …` with a shared tier: its window, and machines that refresh at the same time.

use std::time::Duration;

use cachekit::cache;
use cachekit::testing::{Scope, settle};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{BackendErrorKind, Capability, ManualClock, MemoryBackend, Operation};
use cachekit_tests::block_on;
use serde::ser::Error;
use serde::{Deserialize, Serialize, Serializer};

use crate::shared::tier::machine;
use crate::stale::{Source, TTL, shared};

/// A machine whose shared tier has a clock of its own, and that clock.
fn shared_machine() -> (Scope, ManualClock, FaultyBackend) {
    let clock = ManualClock::new();
    let memory = MemoryBackend::builder().clock(clock.clock()).build();
    let backend = FaultyBackend::new(memory);
    (machine(&backend), clock, backend)
}

#[test]
fn the_shared_tier_keeps_values_for_the_window_too() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let (a, clock, backend) = shared_machine();
    a.run(call).unwrap();
    a.run(settle);
    clock.advance(TTL + Duration::from_secs(1));
    source.set(1);
    // Another machine, which knows nothing: the tier calls the value stale.
    let b = machine(&backend);
    b.run(|| {
        assert_eq!(call(), Ok(0), "served, while the function runs");
        settle();
        assert_eq!((call(), source.runs()), (Ok(1), 2));
        let stats = shared::stats();
        assert_eq!((stats.stale_hits, stats.shared_hits, stats.refreshes), (1, 1, 1));
    });
    // And it is there for the next one.
    assert_eq!((machine(&backend).run(call), source.runs()), (Ok(1), 2));
}

/// A backend may send events of the process's own writes, too.
#[test]
fn the_echo_of_its_write_does_not_undo_a_refresh() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let (a, clock, _) = shared_machine();
    a.run(|| {
        call().unwrap();
        settle();
        for round in 1..4 {
            clock.advance(TTL + Duration::from_secs(1));
            a.clock().advance(TTL + Duration::from_secs(1));
            source.set(round);
            assert_eq!(call(), Ok(round - 1), "served, while the function runs");
            settle();
            let stats = shared::stats();
            assert_eq!((stats.entries, stats.refreshes), (1, u64::from(round)));
            assert_eq!((call(), shared::stats().shared_hits), (Ok(round), 0), "kept here");
        }
    });
}

#[test]
fn what_the_shared_tier_calls_stale_is_not_kept_here() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let (a, clock, backend) = shared_machine();
    a.run(call).unwrap();
    a.run(settle);
    clock.advance(TTL + Duration::from_secs(1));
    // The refresh finds the lock taken: it stands down.
    backend.inject(Fault::fail(BackendErrorKind::Transient).on(Operation::Lock).times(1));
    let b = machine(&backend);
    b.run(|| {
        assert_eq!(call(), Ok(0));
        settle();
        assert_eq!((source.runs(), shared::stats().entries), (1, 0));
    });
}

#[test]
fn a_refresh_takes_what_another_machine_has_stored() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let (a, _, backend) = shared_machine();
    // The machine does not hear of the other's write, or it would have dropped its copy.
    backend.hide(Capability::Events);
    a.run(call).unwrap();
    a.run(settle);
    source.set(1);
    machine(&backend).run(|| block_on(shared::refresh(&[1, 2], 3, source.clone()))).unwrap();
    a.clock().advance(TTL + Duration::from_secs(1));
    assert_eq!(a.run(call), Ok(0));
    a.run(settle);
    assert_eq!((a.run(call), source.runs()), (Ok(1), 2));
}

#[test]
fn a_refresh_yields_to_another_machine() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let (a, clock, backend) = shared_machine();
    let b = machine(&backend);
    a.run(call).unwrap();
    a.run(settle);
    b.run(call).unwrap();
    b.run(settle);
    clock.advance(TTL + Duration::from_secs(1));
    for scope in [&a, &b] {
        scope.clock().advance(TTL + Duration::from_secs(1));
        scope.run(settle);
    }
    let gate = source.hold();
    source.set(1);
    assert_eq!(a.run(call), Ok(0));
    gate.wait_reached();
    assert_eq!((b.run(call), b.run(call)), (Ok(0), Ok(0)));
    b.run(settle);
    assert_eq!(source.runs(), 2, "one of the two refreshes");
    gate.open();
    a.run(settle);
    assert_eq!(a.run(call), Ok(1));
    // The other one finds it there.
    assert_eq!((b.run(call), source.runs()), (Ok(1), 2));
}

#[test]
fn what_was_removed_there_is_not_brought_back() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let (a, clock, backend) = shared_machine();
    a.run(call).unwrap();
    a.run(settle);
    clock.advance(TTL + Duration::from_secs(1));
    a.clock().advance(TTL + Duration::from_secs(1));
    let gate = source.hold();
    source.set(1);
    assert_eq!(a.run(call), Ok(0));
    gate.wait_reached();
    source.set(2);
    let removed = machine(&backend).run(|| block_on(shared::invalidate(&[1, 2], &3)));
    assert!(removed.is_confirmed());
    gate.open();
    a.run(settle);
    assert_eq!(machine(&backend).run(call), Ok(2));
}

/// This process keeps no copy.
#[cache::secure(ttl = 60, stale = 30, namespace = "stale-tier", l1 = off, skip(source))]
fn uncopied(id: u32, source: Source) -> u32 {
    assert_eq!(id, 1);
    source.read()
}

#[test]
fn a_refresh_whose_value_the_shared_tier_does_not_take_has_failed() {
    let source = Source::default();
    let call = || uncopied(1, source.clone());
    let counted = || (uncopied::stats().refreshes, uncopied::stats().failed_refreshes);
    let (a, clock, backend) = shared_machine();
    a.run(|| {
        assert_eq!(call(), 0);
        settle();
        clock.advance(TTL + Duration::from_secs(1));
        source.set(1);
        // It is full, or a replica: it reads, and does not write.
        for write in [Operation::Set, Operation::SetFenced] {
            backend.inject(Fault::fail(BackendErrorKind::QuotaExceeded).on(write));
        }
        for _ in 0..3 {
            assert_eq!(call(), 0);
            settle();
        }
        assert_eq!((source.runs(), counted()), (2, (0, 1)), "it is left alone for a moment");
        backend.heal();
        a.clock().advance(Duration::from_secs(1));
        assert_eq!(call(), 0);
        settle();
        assert_eq!((call(), source.runs(), counted()), (1, 3, (1, 1)));
    });
}

/// A value that does not always serialize.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Picky(u32);

impl Serialize for Picky {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == 13 {
            return Err(S::Error::custom("unlucky"));
        }
        serializer.serialize_newtype_struct("Picky", &self.0)
    }
}

#[cache::secure(ttl = 60, stale = 30, namespace = "stale-tier", skip(source))]
fn picky(id: u32, source: Source) -> Picky {
    assert_eq!(id, 1);
    Picky(source.read())
}

#[test]
fn a_refresh_whose_value_is_stored_nowhere_is_tried_again() {
    let source = Source::default();
    let call = || picky(1, source.clone()).0;
    let counted = || (picky::stats().refreshes, picky::stats().failed_refreshes);
    let (a, clock, _) = shared_machine();
    a.run(|| {
        assert_eq!(call(), 0);
        settle();
        clock.advance(TTL + Duration::from_secs(1));
        a.clock().advance(TTL + Duration::from_secs(1));
        source.set(13);
        assert_eq!(call(), 0);
        settle();
        source.set(2);
        assert_eq!(call(), 0);
        settle();
        assert_eq!((source.runs(), counted()), (2, (0, 1)), "it is left alone for a moment");
        a.clock().advance(Duration::from_secs(1));
        assert_eq!(call(), 0);
        settle();
        assert_eq!((call(), source.runs(), counted()), (2, 3, (1, 1)));
    });
}
