use super::super::env::backend_with;
use super::super::{FileBackend, builder::MIB};
use super::Place;
use crate::{BackendError, BackendErrorKind};
use std::ffi::OsString;

fn from(place: &Place, variables: &[(&str, &str)]) -> Result<FileBackend, BackendError> {
    let lookup = |name: &str| {
        if name == "CACHEKIT_FILE_CACHE_DIR" {
            return Some(place.directory().into());
        }
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    };
    backend_with(&lookup, |builder| builder)
}

#[test]
fn code_can_replace_what_the_environment_says() {
    let (named, chosen) = (Place::new(), Place::new());
    let lookup = |name: &str| match name {
        "CACHEKIT_FILE_CACHE_DIR" => Some(named.directory().into()),
        "CACHEKIT_FILE_MAX_SIZE_MB" => Some(OsString::from("7")),
        _ => None,
    };
    let backend = backend_with(&lookup, |builder| builder.directory(chosen.directory())).unwrap();
    assert_eq!(backend.store.limits.bytes, 7 * MIB);
    assert!(chosen.directory().is_dir() && !named.directory().exists());
}

#[test]
fn the_directory_is_enough() {
    let place = Place::new();
    let limits = from(&place, &[("CACHEKIT_FILE_MAX_SIZE_MB", "")]).unwrap().store.limits;
    assert_eq!((limits.bytes, limits.value_bytes), (1024 * MIB, 100 * MIB));
    assert_eq!(limits.entries, 10_000);
    assert!(place.directory().is_dir());
}

#[test]
fn all_variables_are_read() {
    let place = Place::new();
    let variables = [
        ("CACHEKIT_FILE_MAX_SIZE_MB", "20"),
        ("CACHEKIT_FILE_MAX_VALUE_MB", "3"),
        ("CACHEKIT_FILE_MAX_ENTRY_COUNT", "100"),
    ];
    let limits = from(&place, &variables).unwrap().store.limits;
    assert_eq!((limits.bytes, limits.value_bytes), (20 * MIB, 3 * MIB));
    assert_eq!(limits.entries, 100);
    // Half of all of it, where nothing else is said.
    let limits = from(&place, &variables[..1]).unwrap().store.limits;
    assert_eq!(limits.value_bytes, 10 * MIB);
}

#[test]
fn each_bad_value_names_its_variable() {
    let place = Place::new();
    let bad = [
        ("CACHEKIT_FILE_MAX_SIZE_MB", "0"),
        ("CACHEKIT_FILE_MAX_SIZE_MB", "1000001"),
        ("CACHEKIT_FILE_MAX_SIZE_MB", "+5"),
        ("CACHEKIT_FILE_MAX_SIZE_MB", "5ecret"),
        ("CACHEKIT_FILE_MAX_VALUE_MB", "1.5"),
        ("CACHEKIT_FILE_MAX_VALUE_MB", "513"),
        ("CACHEKIT_FILE_MAX_VALUE_MB", "99999999999999999999999"),
        ("CACHEKIT_FILE_MAX_ENTRY_COUNT", "99"),
        ("CACHEKIT_FILE_MAX_ENTRY_COUNT", "1000001"),
        ("CACHEKIT_FILE_MAX_ENTRY_COUNT", " 100"),
    ];
    for (name, value) in bad {
        let error = from(&place, &[(name, value)]).unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Configuration);
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(name), "{value:?}: {shown}");
        assert!(!shown.contains("5ecret"), "{shown}");
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let place = Place::new();
    std::fs::write(place.directory(), b"").unwrap();
    let wrong = [("CACHEKIT_FILE_MAX_SIZE_MB", "much"), ("CACHEKIT_FILE_MAX_ENTRY_COUNT", "many")];
    let said = from(&place, &wrong).unwrap_err().to_string();
    for name in [wrong[0].0, wrong[1].0, "CACHEKIT_FILE_CACHE_DIR"] {
        assert_eq!(said.matches(name).count(), 1, "{said}");
    }
}
