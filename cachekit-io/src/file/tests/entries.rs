use super::super::name::Name;
use super::{Place, names};
use crate::{Backend, BackendErrorKind, Expiry, Operation, SetOptions, TtlControl};
use bytes::Bytes;
use pollster::block_on;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::time::Duration;

const VALUE: Bytes = Bytes::from_static(b"value");

fn seconds(ttl: u64) -> SetOptions {
    SetOptions::new().ttl(Duration::from_secs(ttl))
}

#[test]
fn an_entry_is_one_file_with_a_header_for_its_owner_alone() {
    let place = Place::new();
    let backend = place.backend();
    block_on(backend.set("k", VALUE, &seconds(60))).unwrap();
    block_on(backend.set("always", VALUE, &SetOptions::new())).unwrap();
    let path = place.entry("k");
    // 1_800_000_060
    assert_eq!(fs::read(&path).unwrap(), b"CK\x01\0\0\0\0\0\0\0\x6b\x49\xd2\x3cvalue");
    assert_eq!(fs::read(place.entry("always")).unwrap(), b"CK\x01\0\0\0\0\0\0\0\0\0\0\0value");
    assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(place.directory()).unwrap().mode() & 0o777, 0o700);
    let state = fs::metadata(place.directory().join(".cachekit-state")).unwrap();
    assert_eq!(state.mode() & 0o777, 0o700);
    // Nothing else is in sight of other SDKs.
    assert_eq!(names(&place.directory()).len(), 2);
}

#[test]
fn corrupt_files_are_deleted_and_a_miss() {
    let place = Place::new();
    let backend = place.backend();
    let corrupt: [&[u8]; 5] = [
        b"",
        b"CK\x01",
        b"XX\x01\0\0\0\0\0\0\0\0\0\0\0v",
        b"CK\x02\0\0\0\0\0\0\0\0\0\0\0v",
        &[0; 40],
    ];
    for content in corrupt {
        fs::write(place.entry("k"), content).unwrap();
        assert_eq!(block_on(backend.get("k")).unwrap(), None);
        assert!(!place.entry("k").exists());
        fs::write(place.entry("k"), content).unwrap();
        assert_eq!(block_on(backend.expiry("k")).unwrap(), Expiry::Absent);
        assert!(!place.entry("k").exists());
        fs::write(place.entry("k"), content).unwrap();
        assert!(!block_on(backend.refresh("k", Duration::from_secs(9))).unwrap());
        assert!(!place.entry("k").exists());
    }
}

#[test]
fn unknown_flags_are_a_miss_and_the_file_stays() {
    let place = Place::new();
    let backend = place.backend();
    let unknown: [&[u8]; 3] = [
        b"CK\x01\x01\0\0\0\0\0\0\0\0\0\0v",
        b"CK\x01\0\x80\0\0\0\0\0\0\0\0\0v",
        // Past its end, too.
        b"CK\x01\0\0\x01\0\0\0\0\0\0\0\x01v",
    ];
    for content in unknown {
        fs::write(place.entry("k"), content).unwrap();
        assert_eq!(block_on(backend.get("k")).unwrap(), None);
        assert!(!block_on(backend.exists("k")).unwrap());
        assert!(!block_on(backend.refresh("k", Duration::from_secs(9))).unwrap());
        assert_eq!(fs::read(place.entry("k")).unwrap(), content);
    }
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let place = Place::new();
    let backend = place.backend();
    let elsewhere = place.parent.path().join("elsewhere");
    fs::write(&elsewhere, b"CK\x01\0\0\0\0\0\0\0\0\0\0\0planted").unwrap();
    symlink(&elsewhere, place.entry("k")).unwrap();
    assert_eq!(block_on(backend.get("k")).unwrap(), None);
    assert!(!block_on(backend.exists("k")).unwrap());
    assert!(!block_on(backend.refresh("k", Duration::from_secs(9))).unwrap());
    // A write takes its place and leaves what it leads to.
    block_on(backend.set("k", VALUE, &SetOptions::new())).unwrap();
    assert!(block_on(backend.get("k")).unwrap().is_some_and(|found| found.value() == "value"));
    assert!(fs::read(&elsewhere).unwrap().ends_with(b"planted"));

    // Nor is one to fences and locks.
    let name = Name::of("linked");
    let state = place.directory().join(".cachekit-state").join(&name.as_str()[..2]);
    let _ = fs::remove_file(&state);
    symlink(&elsewhere, &state).unwrap();
    assert!(block_on(backend.delete("linked")).is_err());
    assert!(fs::read(&elsewhere).unwrap().ends_with(b"planted"));
}

#[test]
fn what_is_no_file_is_a_miss() {
    let place = Place::new();
    let backend = place.backend();
    fs::create_dir(place.entry("directory")).unwrap();
    assert_eq!(block_on(backend.get("directory")).unwrap(), None);
    let status = std::process::Command::new("mkfifo").arg(place.entry("pipe")).status().unwrap();
    assert!(status.success());
    assert_eq!(block_on(backend.get("pipe")).unwrap(), None);
}

#[test]
fn a_refresh_writes_eight_bytes_in_place() {
    let place = Place::new();
    let backend = place.backend();
    block_on(backend.set("k", VALUE, &seconds(10))).unwrap();
    let before = fs::metadata(place.entry("k")).unwrap();
    assert!(block_on(backend.refresh("k", Duration::from_millis(61_900))).unwrap());
    let after = fs::metadata(place.entry("k")).unwrap();
    assert_eq!((before.ino(), before.len()), (after.ino(), after.len()));
    assert_eq!(fs::read(place.entry("k")).unwrap(), b"CK\x01\0\0\0\0\0\0\0\x6b\x49\xd2\x3dvalue");
    assert_eq!(block_on(backend.expiry("k")).unwrap(), Expiry::In(Duration::from_millis(60_750)));
}

#[test]
fn an_entry_never_lives_longer_than_it_was_given() {
    let place = Place::new();
    let backend = place.backend();
    block_on(backend.set("k", VALUE, &seconds(2))).unwrap();
    let found = block_on(backend.get("k")).unwrap().unwrap();
    assert_eq!(found.fresh_for(), Some(Duration::from_millis(1_750)));
    place.hands.advance(Duration::from_millis(1_749));
    assert!(block_on(backend.exists("k")).unwrap());
    place.hands.advance(Duration::from_millis(1));
    assert_eq!(block_on(backend.get("k")).unwrap(), None);
    assert!(!place.entry("k").exists(), "the reader that finds it deletes it");
}

#[test]
fn the_stale_window_is_not_kept() {
    let place = Place::new();
    let backend = place.backend();
    let options = seconds(2).stale_ttl(Duration::from_secs(60));
    block_on(backend.set("k", VALUE, &options)).unwrap();
    place.hands.advance(Duration::from_secs(2));
    assert_eq!(block_on(backend.get("k")).unwrap(), None);
}

#[test]
fn more_than_ten_years_are_refused() {
    let place = Place::new();
    let backend = place.backend();
    let most = 10 * 365 * 24 * 60 * 60;
    block_on(backend.set("k", VALUE, &seconds(most))).unwrap();
    let error = block_on(backend.set("k", VALUE, &seconds(most + 1))).unwrap_err();
    assert_eq!(
        (error.kind(), error.operation()),
        (BackendErrorKind::InvalidOption, Operation::Set)
    );
    let error = block_on(backend.refresh("k", Duration::from_secs(most + 1))).unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::InvalidOption);
}

#[test]
fn an_entry_that_stays_locked_is_a_timeout() {
    let place = Place::new();
    let backend = place.backend();
    block_on(backend.set("k", VALUE, &SetOptions::new())).unwrap();
    let held = fs::File::open(place.entry("k")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let hasty = super::FileBackend::builder()
        .directory(place.directory())
        .timeout(Duration::from_millis(20))
        .build()
        .unwrap();
    let error = block_on(hasty.get("k")).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    // Once it is unlocked it is found.
    drop(held);
    assert!(block_on(hasty.exists("k")).unwrap());
}
