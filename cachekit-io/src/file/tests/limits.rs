use super::super::FileBackend;
use super::{Place, names};
use crate::{Backend, BackendErrorKind, SetOptions};
use bytes::Bytes;
use pollster::block_on;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

fn bounded(place: &Place, bytes: u64, entries: u64) -> FileBackend {
    let builder = FileBackend::builder().directory(place.directory());
    builder.max_bytes(bytes).max_entries(entries).build().unwrap()
}

fn set(backend: &FileBackend, key: &str, bytes: usize) {
    block_on(backend.set(key, vec![7; bytes].into(), &SetOptions::new())).unwrap();
}

/// As if it had been written so long ago.
fn age(place: &Place, key: &str, seconds: u64) {
    let file = File::options().write(true).open(place.entry(key)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

fn has(place: &Place, key: &str) -> bool {
    place.entry(key).exists()
}

#[test]
fn the_oldest_leave_when_there_are_too_many() {
    let place = Place::new();
    let backend = bounded(&place, 1 << 30, 100);
    for n in 0..90 {
        set(&backend, &n.to_string(), 1);
        age(&place, &n.to_string(), 1_000 - n);
    }
    assert_eq!(names(&place.directory()).len(), 90, "nine tenths are allowed");
    set(&backend, "one more", 1);
    assert_eq!(names(&place.directory()).len(), 70);
    assert!(has(&place, "one more") && has(&place, "89") && has(&place, "21"));
    assert!(!has(&place, "20") && !has(&place, "0"));
}

#[test]
fn the_oldest_leave_when_they_are_too_large() {
    let place = Place::new();
    let backend = bounded(&place, 10_000, 100);
    for n in 0..9 {
        set(&backend, &n.to_string(), 1_000 - 14);
        age(&place, &n.to_string(), 1_000 - n);
    }
    assert_eq!(names(&place.directory()).len(), 9);
    // What is read is not younger for it.
    block_on(backend.get("0")).unwrap();
    set(&backend, "one more", 1_000 - 14);
    assert_eq!(names(&place.directory()).len(), 7);
    assert!(!has(&place, "0") && !has(&place, "2") && has(&place, "3") && has(&place, "one more"));
}

#[test]
fn an_entry_does_not_evict_itself() {
    let place = Place::new();
    let backend = bounded(&place, 1 << 30, 1);
    for n in 0..5 {
        set(&backend, &n.to_string(), 1);
        assert!(has(&place, &n.to_string()));
        assert_eq!(names(&place.directory()).len(), 1);
    }
}

#[test]
fn replaced_and_deleted_entries_are_not_counted_twice() {
    let place = Place::new();
    let backend = bounded(&place, 10_000, 100);
    for _ in 0..50 {
        set(&backend, "k", 900);
        set(&backend, "l", 900);
        block_on(backend.delete("l")).unwrap();
    }
    assert_eq!(names(&place.directory()).len(), 1);
    let health = block_on(backend.health()).unwrap();
    assert_eq!((health.detail("entries"), health.detail("used_bytes")), (Some("1"), Some("914")));
}

#[test]
fn what_is_no_entry_is_neither_counted_nor_evicted() {
    let place = Place::new();
    let backend = bounded(&place, 10_000, 100);
    let notes = place.directory().join("notes.txt");
    fs::write(&notes, vec![0; 100_000]).unwrap();
    File::options().write(true).open(&notes).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    set(&backend, "k", 100);
    assert!(notes.exists() && has(&place, "k"));
    assert_eq!(block_on(backend.health()).unwrap().detail("entries"), Some("1"));
}

#[test]
fn a_value_that_is_too_large_is_neither_stored_nor_read() {
    let place = Place::new();
    let backend = FileBackend::builder().directory(place.directory()).max_value_bytes(10);
    let backend = backend.build().unwrap();
    set(&backend, "k", 10);
    let larger = Bytes::from(vec![0; 11]);
    let error = block_on(backend.set("k", larger, &SetOptions::new())).unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::TooLarge);
    // Another program's limits are larger.
    fs::write(place.entry("large"), [&b"CK\x01\0\0\0\0\0\0\0\0\0\0\0"[..], &[0; 11]].concat())
        .unwrap();
    assert_eq!(block_on(backend.get("large")).unwrap(), None);
    assert!(has(&place, "large"));
}

#[test]
fn limits_that_cannot_be_are_refused() {
    let place = Place::new();
    let builder = || FileBackend::builder().directory(place.directory());
    let wrong = [
        builder().max_bytes(0),
        builder().max_entries(0),
        builder().max_bytes(100).max_value_bytes(51),
        builder().timeout(Duration::ZERO),
        builder().timeout(Duration::from_secs(3601)),
    ];
    for builder in wrong {
        assert_eq!(builder.build().unwrap_err().kind(), BackendErrorKind::Configuration);
    }
    builder().max_bytes(100).max_value_bytes(50).build().unwrap();
}
