//! Settings from the environment.

use super::FileBackend;
use super::builder::{FileBackendBuilder, MIB, configuration};
use crate::BackendError;
use std::ffi::OsString;
use std::ops::RangeInclusive;

/// The value of a variable.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The process's own environment.
pub(super) fn process(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// A backend from variables and from code; all mistakes in any of them are reported at once.
pub(super) fn backend_with(
    lookup: Lookup<'_>,
    complete: impl FnOnce(FileBackendBuilder) -> FileBackendBuilder,
) -> Result<FileBackend, BackendError> {
    let mut wrong = Vec::new();
    // Deployment tools set unset variables to an empty value.
    let read = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let mut builder = FileBackendBuilder::default();
    // Any path, even one that is not Unicode.
    if let Some(directory) = read("CACHEKIT_FILE_CACHE_DIR") {
        builder = builder.directory(directory);
    }
    let mut number = |name: &str, allowed: RangeInclusive<u64>| {
        let text = read(name)?;
        let digits = text.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok());
        let number = number.filter(|number| allowed.contains(number));
        if number.is_none() {
            let (least, most) = (allowed.start(), allowed.end());
            wrong.push(format!("{name} must be a whole number from {least} to {most}"));
        }
        number
    };
    if let Some(size) = number("CACHEKIT_FILE_MAX_SIZE_MB", 1..=1_000_000) {
        builder = builder.max_bytes(size * MIB);
    }
    if let Some(size) = number("CACHEKIT_FILE_MAX_VALUE_MB", 1..=500_000) {
        builder = builder.max_value_bytes(size * MIB);
    }
    if let Some(entries) = number("CACHEKIT_FILE_MAX_ENTRY_COUNT", 100..=1_000_000) {
        builder = builder.max_entries(entries);
    }
    match complete(builder).try_build(&mut wrong) {
        Some(backend) if wrong.is_empty() => Ok(backend),
        _ => Err(configuration(&wrong)),
    }
}
