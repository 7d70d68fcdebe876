//! Events reach copies wherever their entry is stored: under blinded keys, during a rotation, for generic functions and
//! at backends that the attribute names.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use cachekit::cache;
use cachekit::testing::{Scope, settle};
use cachekit_io::testing::FaultyBackend;
use cachekit_io::{Backend, InvalidationEvent, MemoryBackend, Operation};
use cachekit_tests::block_on;

use crate::secure::{keyring, machine_with, store};
use crate::shared::tier::machine;

/// No two runs return the same.
static SERIAL: AtomicU32 = AtomicU32::new(0);

fn next() -> u32 {
    SERIAL.fetch_add(1, Ordering::Relaxed)
}

#[cache::secure(ttl = 60, namespace = "coherence", fill_lock = off)]
fn secret(_id: u32) -> u32 {
    next()
}

#[cache::secure(ttl = 60, namespace = "coherence", l1 = typed, fill_lock = off)]
fn typed(_id: u32) -> u32 {
    next()
}

#[test]
fn sealed_entries_are_found_by_their_blinded_keys() {
    for call in [secret, typed] as [fn(u32) -> u32; 2] {
        let backend = store();
        let (a, b) =
            (machine_with(&backend, keyring(1, &[])), machine_with(&backend, keyring(1, &[])));
        let first = a.run(|| call(1));
        a.run(settle);
        assert_eq!(b.run(|| call(1)), first);
        assert_eq!(b.run(|| call(1)), first);
        a.run(|| {
            secret::invalidate(&1).ignore();
            typed::invalidate(&1).ignore();
        });
        let second = b.run(|| call(1));
        assert_ne!(first, second);
        b.run(settle);
        assert_eq!(a.run(|| call(1)), second);
    }
}

/// Removes the entry as a process does that has these keys.
fn remove(backend: &FaultyBackend, current: u8, previous: &[u8]) {
    let other = machine_with(backend, keyring(current, previous));
    assert!(other.run(|| secret::invalidate(&1)).is_confirmed());
}

#[test]
fn during_a_rotation_a_removal_under_any_of_the_keys_reaches_the_copy() {
    for (current, previous) in [(1, &[][..]), (2, &[1][..]), (1, &[2][..])] {
        let backend = store();
        let before = machine_with(&backend, keyring(1, &[])).run(|| {
            let before = secret(1);
            settle();
            before
        });
        // This one moves the entry to its new place, and keeps a copy.
        let b = machine_with(&backend, keyring(2, &[1]));
        assert_eq!(b.run(|| secret(1)), before);
        b.run(settle);
        assert_eq!(b.run(|| secret(1)), before);
        assert_eq!(b.run(secret::stats).hits, 1, "the events of its own move dropped nothing");
        remove(&backend, current, previous);
        b.run(settle);
        // A process that does not know the new key yet removes the old place only. The copy is dropped all the same.
        assert_eq!(b.run(secret::stats).entries, 0, "{current} {previous:?}");
    }
}

#[cache(ttl = 60, fill_lock = off)]
fn generic<T: Default + ToString>(id: u32) -> String {
    format!("{} {id} {}", T::default().to_string(), next())
}

#[test]
fn each_instantiation_has_events_of_its_own() {
    let backend = FaultyBackend::new(MemoryBackend::new());
    let (a, b) = (machine(&backend), machine(&backend));
    let call = |scope: &Scope| scope.run(|| (generic::<u8>(1), generic::<String>(1)));
    let first = call(&a);
    a.run(settle);
    assert_eq!(call(&b), first);
    assert!(a.run(|| generic::invalidate::<u8>(&1)).is_confirmed());
    let second = call(&b);
    assert!(first.0 != second.0 && first.1 == second.1, "{first:?} {second:?}");
}

static SHELF: LazyLock<Arc<FaultyBackend>> =
    LazyLock::new(|| Arc::new(FaultyBackend::new(MemoryBackend::new())));

#[cache(ttl = 60, backend = SHELF, fill_lock = off)]
async fn shelved(_id: u32) -> u32 {
    next()
}

#[cache(ttl = 60, fill_lock = off)]
async fn scoped(_id: u32) -> u32 {
    next()
}

#[test]
fn a_backend_that_the_attribute_names_is_listened_to_on_its_own() {
    let backend = FaultyBackend::new(MemoryBackend::new());
    let (a, b) = (machine(&backend), machine(&backend));
    let call = |scope: &Scope| scope.run(|| (block_on(shelved(1)), block_on(scoped(1))));
    let first = call(&a);
    a.run(settle);
    assert_eq!(call(&b), first);
    assert!(a.run(|| block_on(shelved::invalidate(&1))).is_confirmed());
    let second = call(&b);
    assert!(first.0 != second.0 && first.1 == second.1, "{first:?} {second:?}");
    // A gap at one of them says nothing of the other.
    b.run(settle);
    SHELF.forget_calls();
    backend.forget_calls();
    backend.tell(InvalidationEvent::Gap);
    assert_eq!(call(&b), second);
    assert_eq!((SHELF.count(Operation::Get), backend.count(Operation::Get)), (0, 1));
}

#[test]
fn entries_of_another_key_with_the_same_arguments_stay() {
    #[cache(ttl = 60, fill_lock = off)]
    fn other(_id: u32) -> u32 {
        next()
    }
    let backend = FaultyBackend::new(MemoryBackend::new());
    let b = machine(&backend);
    let first = b.run(|| (block_on(scoped(1)), other(1)));
    b.run(settle);
    let keys: Vec<_> =
        backend.calls().iter().filter_map(|it| it.key().map(str::to_owned)).collect();
    block_on(backend.delete(keys.last().unwrap())).unwrap();
    b.run(settle);
    let second = b.run(|| (block_on(scoped(1)), other(1)));
    assert!(first.0 == second.0 && first.1 != second.1, "{first:?} {second:?}");
}
