use super::super::name::Name;
use super::{Place, names};
use crate::{Backend, BackendErrorKind, Fencing, Locks, SetOptions};
use bytes::Bytes;
use pollster::block_on;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

const VALUE: Bytes = Bytes::from_static(b"value");

fn state_of(place: &Place, key: &str) -> std::path::PathBuf {
    place.directory().join(".cachekit-state").join(&Name::of(key).as_str()[..2])
}

#[test]
fn fences_hold_between_processes() {
    let place = Place::new();
    let (here, there) = (place.backend(), place.backend());
    let fence = block_on(here.fence("k")).unwrap();
    assert!(!block_on(there.delete("k")).unwrap(), "there was nothing");
    let stored = block_on(here.set_fenced("k", VALUE, &SetOptions::new(), &fence)).unwrap();
    assert!(!stored);
    assert_eq!(block_on(there.get("k")).unwrap(), None);
    assert_eq!(names(&place.directory()), [""; 0], "what was not stored leaves no file");
}

#[test]
fn locks_hold_between_processes() {
    let place = Place::new();
    let (here, there) = (place.backend(), place.backend());
    let minute = Duration::from_secs(60);
    let token = block_on(here.try_acquire("k", minute)).unwrap().unwrap();
    assert_eq!(block_on(there.try_acquire("k", minute)).unwrap(), None);
    block_on(there.set("k", VALUE, &SetOptions::new())).unwrap();
    let late = block_on(here.set("k", VALUE, &SetOptions::new().lock(token.clone())));
    assert_eq!(late.unwrap_err().kind(), BackendErrorKind::Superseded);
    assert!(block_on(there.release("k", &token)).unwrap());
}

#[test]
fn a_fence_that_is_lost_refuses_the_fill() {
    let place = Place::new();
    let backend = place.backend();
    let damages: [&dyn Fn(); 3] = [
        &|| fs::remove_file(state_of(&place, "k")).unwrap(),
        &|| fs::write(state_of(&place, "k"), b"CKS1 half").unwrap(),
        &|| fs::remove_dir_all(place.directory().join(".cachekit-state")).unwrap(),
    ];
    for damage in damages {
        let fence = block_on(backend.fence("k")).unwrap();
        let token = block_on(backend.try_acquire("k", Duration::from_secs(60))).unwrap().unwrap();
        damage();
        let stored = block_on(backend.set_fenced("k", VALUE, &SetOptions::new(), &fence)).unwrap();
        assert!(!stored);
        let late = block_on(backend.set("k", VALUE, &SetOptions::new().lock(token)));
        assert_eq!(late.unwrap_err().kind(), BackendErrorKind::Superseded);
        // The next one is as good as ever.
        let fence = block_on(backend.fence("k")).unwrap();
        assert!(block_on(backend.set_fenced("k", VALUE, &SetOptions::new(), &fence)).unwrap());
    }
}

#[test]
fn what_dead_writers_left_is_swept() {
    let place = Place::new();
    let backend = place.backend();
    let of_rust = place.directory().join(Name::of("k").temporary());
    let of_python = place.directory().join(format!("{}.tmp.17.1800000000", Name::of("k").as_str()));
    let recent = place.directory().join(Name::of("k").temporary());
    let foreign = place.directory().join("notes.tmp.txt");
    let old = SystemTime::now() - Duration::from_secs(61);
    for path in [&of_rust, &of_python, &recent, &foreign] {
        let file = File::create(path).unwrap();
        if *path != recent {
            file.set_modified(old).unwrap();
        }
    }
    block_on(backend.get("k")).unwrap();
    assert!(of_rust.exists(), "a reader sweeps nothing");
    block_on(backend.set("k", VALUE, &SetOptions::new())).unwrap();
    assert!(!of_rust.exists() && !of_python.exists());
    assert!(recent.exists(), "a write may be under way");
    assert!(foreign.exists(), "it has no name of ours");
}
