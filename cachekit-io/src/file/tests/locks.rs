//! In which order files are locked, and how long.

use super::super::failure::Call;
use super::super::locked::{Locked, Mode};
use super::super::store::Found;
use super::Place;
use crate::{Backend, Operation, SetOptions, TtlControl};
use bytes::Bytes;
use pollster::block_on;
use std::fs::File;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// A call that has no time to wait for a lock.
fn at_once() -> Call {
    Call { operation: Operation::Get, deadline: Instant::now() }
}

/// The two states of an entry that is to be deleted.
fn kill(place: &Place, key: &str) -> [Box<dyn Fn()>; 2] {
    let (entry, hands) = (place.entry(key), place.hands.clone());
    let expire = move || hands.advance(Duration::from_secs(60));
    let corrupt = move || std::fs::write(&entry, b"no entry").unwrap();
    [Box::new(expire), Box::new(corrupt)]
}

#[test]
fn a_dead_entry_is_not_locked_while_its_shard_is_waited_for() {
    let place = Place::new();
    let backend = place.backend();
    for kill in kill(&place, "k") {
        let options = SetOptions::new().ttl(Duration::from_secs(30));
        block_on(backend.set("k", Bytes::from_static(b"v"), &options)).unwrap();
        kill();
        // A look-up has found it, and waits for the shard, which a writer has.
        let found = backend.store.open(&at_once(), &place.entry("k"), Mode::Shared).unwrap();
        assert!(matches!(found, Found::Dead(_)));
        // The writer is not held up: it finds the entry without its lock.
        let writes = backend.store.open(&at_once(), &place.entry("k"), Mode::Exclusive);
        assert!(matches!(writes.unwrap(), Found::Dead(_)));
        assert!(!block_on(backend.refresh("k", MINUTE)).unwrap());
        assert!(!place.entry("k").exists());
        // A new entry at the same place is not the one that was found.
        block_on(backend.set("k", Bytes::from_static(b"w"), &SetOptions::new())).unwrap();
        let Found::Dead(dead) = found else { unreachable!() };
        backend.store.discard(&place.entry("k"), &dead);
        assert!(place.entry("k").exists());
    }
}

#[test]
fn look_ups_and_refreshes_of_a_dead_entry_do_not_wait_for_each_other() {
    let place = Place::new();
    let backend = place.backend();
    let entry = place.entry("k");
    let (one, other) = (backend.clone(), backend.clone());
    // Far less than two that wait for each other until their deadlines.
    let look_up = std::thread::spawn(move || {
        for _ in 0..200 {
            assert_eq!(block_on(one.get("k")).unwrap(), None);
        }
    });
    let refresh = std::thread::spawn(move || {
        for _ in 0..200 {
            std::fs::write(&entry, b"no entry").unwrap();
            assert!(!block_on(other.refresh("k", MINUTE)).unwrap());
        }
    });
    look_up.join().unwrap();
    refresh.join().unwrap();
}

#[test]
fn a_lock_ends_although_a_forked_child_has_the_file_open() {
    let place = Place::new();
    std::fs::create_dir(place.directory()).unwrap();
    let path = place.directory().join("file");
    let open = || File::options().create(true).append(true).open(&path).unwrap();
    for mode in [Mode::Shared, Mode::Exclusive] {
        let file = open();
        // What a child gets by a fork: the same open file.
        let of_the_child = file.try_clone().unwrap();
        let locked = Locked::new(file, mode, &at_once()).unwrap();
        Locked::new(open(), Mode::Exclusive, &at_once()).unwrap_err();
        drop(locked);
        drop(Locked::new(open(), Mode::Exclusive, &at_once()).unwrap());
        drop(of_the_child);
    }
}
