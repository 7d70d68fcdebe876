use super::super::FileBackend;
use super::Place;
use crate::{Backend, BackendErrorKind, SetOptions};
use bytes::Bytes;
use pollster::block_on;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

fn refused(path: impl Into<std::path::PathBuf>) -> String {
    let error = FileBackend::builder().directory(path).build().unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Configuration);
    let said = error.to_string();
    assert!(said.contains("CACHEKIT_FILE_CACHE_DIR"), "{said}");
    said
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    let place = Place::new();
    let directory = place.directory();
    fs::create_dir(&directory).unwrap();
    for mode in [0o770, 0o707, 0o777, 0o1777, 0o720, 0o702] {
        fs::set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
        assert!(refused(&directory).contains("its mode must be 0700"), "{mode:o}");
    }
    for mode in [0o700, 0o755] {
        fs::set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
        FileBackend::builder().directory(&directory).build().unwrap();
    }
}

#[test]
fn a_directory_of_another_user_is_refused() {
    // As root, the test gives one away; else it takes one of root's.
    let place = Place::new();
    if rustix::process::geteuid().is_root() {
        let directory = place.directory();
        fs::create_dir(&directory).unwrap();
        std::os::unix::fs::chown(&directory, Some(65_534), None).unwrap();
        assert!(refused(&directory).contains("belongs to another user"));
        let link = place.parent.path().join("link");
        symlink(place.parent.path(), &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65_534), None).unwrap();
        assert!(refused(&link).contains("is a symbolic link of another user"));
    } else {
        assert!(refused("/usr").contains("belongs to another user"));
    }
}

#[test]
fn what_is_no_directory_is_refused() {
    let place = Place::new();
    let file = place.parent.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(refused(&file).contains("cannot be made"));
    assert!(refused(file.join("below")).contains("cannot be made"));
}

#[test]
fn the_error_does_not_say_where() {
    let place = Place::new();
    let file = place.parent.path().join("5ecret");
    fs::write(&file, b"").unwrap();
    let error = FileBackend::builder().directory(&file).build().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("5ecret"));
}

#[test]
fn a_link_of_the_user_is_followed_once() {
    let place = Place::new();
    let link = place.parent.path().join("link");
    let (one, two) = (place.parent.path().join("one"), place.parent.path().join("two"));
    fs::create_dir(&one).unwrap();
    fs::set_permissions(&one, Permissions::from_mode(0o700)).unwrap();
    symlink(&one, &link).unwrap();
    let backend = FileBackend::builder().directory(&link).build().unwrap();
    fs::create_dir(&two).unwrap();
    fs::remove_file(&link).unwrap();
    symlink(&two, &link).unwrap();
    block_on(backend.set("k", Bytes::new(), &SetOptions::new())).unwrap();
    assert_eq!(fs::read_dir(two).unwrap().count(), 0);
}

#[test]
fn a_directory_that_was_deleted_is_made_again() {
    let place = Place::new();
    let backend = place.backend();
    block_on(backend.set("k", Bytes::new(), &SetOptions::new())).unwrap();
    fs::remove_dir_all(place.directory()).unwrap();
    assert_eq!(block_on(backend.get("k")).unwrap(), None);
    assert!(!block_on(backend.delete("k")).unwrap());
    fs::remove_dir_all(place.directory()).unwrap();
    block_on(backend.set("k", Bytes::new(), &SetOptions::new())).unwrap();
    assert!(block_on(backend.exists("k")).unwrap());
    let mode = fs::metadata(place.directory()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
