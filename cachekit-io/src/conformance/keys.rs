//! Which keys are accepted, and that no two keys share an entry.

use super::probe::Probe;
use super::{CheckResult, Subject};
use crate::{BackendErrorKind, SetOptions};
use bytes::Bytes;

/// The longest key that every backend takes.
const LONGEST: usize = 400;

/// The empty key is refused by every operation.
pub async fn the_empty_key_is_refused(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "keys::the_empty_key_is_refused");
    let (backend, invalid) = (probe.backend(), BackendErrorKind::InvalidKey);
    let set = backend.set("", Bytes::from_static(b"v"), &SetOptions::new()).await;
    probe.refused(invalid, "set with the empty key", set)?;
    probe.refused(invalid, "get with the empty key", backend.get("").await)?;
    probe.refused(invalid, "delete with the empty key", backend.delete("").await)?;
    probe.refused(invalid, "exists with the empty key", backend.exists("").await)?;
    probe.passed().await
}

/// Every portable character is accepted in a key.
pub async fn portable_keys_are_accepted(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "keys::portable_keys_are_accepted");
    let portable = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:";
    for name in [portable, "a.b", "-", "_", "::", "0"] {
        let key = probe.absent(name).await?;
        probe.set(&key, name, &SetOptions::new()).await?;
        probe.finds(&key, name, "under a portable key").await?;
    }
    probe.passed().await
}

/// Keys of the greatest portable length are not truncated.
pub async fn long_keys_differ_at_the_end(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "keys::long_keys_differ_at_the_end");
    let room = LONGEST - probe.key("").len();
    let (one, two) = ("x".repeat(room - 1) + "1", "x".repeat(room - 1) + "2");
    let (one, two) = (probe.absent(&one).await?, probe.absent(&two).await?);
    probe.set(&one, "one", &SetOptions::new()).await?;
    probe.misses(&two, "for a long key that differs in its last character").await?;
    probe.set(&two, "two", &SetOptions::new()).await?;
    probe.finds(&one, "one", "under a key of 400 bytes").await?;
    probe.finds(&two, "two", "under a key of 400 bytes").await?;
    probe.passed().await
}

/// Any other key is either refused as invalid or has its own value: nothing is decoded, trimmed,
/// folded or normalised on the way.
pub async fn unusual_keys_are_faithful_or_refused(subject: &Subject<'_>) -> CheckResult {
    const NAMES: &[&str] = &[
        "a b",
        "a%20b",
        "a+b",
        "a%2520b",
        " a b",
        "a b ",
        "a/b",
        "a%2Fb",
        "a%2fb",
        "a\\b",
        "a//b",
        "a/./b",
        "a/../b",
        "a?b",
        "a#b",
        "a&b",
        "a=b",
        "a*b",
        "a[b]",
        "{a}b",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "a\0b",
        "é",
        "e\u{301}",
        "É",
        "ß",
        "ss",
        "SS",
        "İ",
        "🦀",
        "a\u{200b}b",
        "a\u{a0}b",
        "/lock",
        "/ttl",
    ];
    let probe = Probe::new(subject, "keys::unusual_keys_are_faithful_or_refused");
    let mut accepted = Vec::new();
    for name in NAMES {
        let key = probe.key(name);
        let value = Bytes::from(name.as_bytes());
        match probe.backend().set(&key, value, &SetOptions::new()).await {
            Ok(()) => accepted.push((key, name)),
            refused => probe.refused(BackendErrorKind::InvalidKey, "an unusual key", refused)?,
        }
    }
    for (key, name) in &accepted {
        probe.finds(key, name, &format!("under a key ending in {name:?}")).await?;
    }
    probe.passed().await
}

/// Names that mean something in a path or to a service are ordinary keys, or refused; they
/// never return something that was not stored.
pub async fn names_of_endpoints_are_no_values(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "keys::names_of_endpoints_are_no_values");
    for name in [".", "..", "health", "ttl", "lock", "/", "../health"] {
        let when = format!("under the key {name:?}, which has no entry");
        match probe.backend().get(name).await {
            Ok(found) => probe.is_value(found.as_ref(), None, &when)?,
            refused => probe.refused(BackendErrorKind::InvalidKey, name, refused)?,
        }
    }
    probe.passed().await
}
