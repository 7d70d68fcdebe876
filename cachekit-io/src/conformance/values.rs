//! Values come back under their own key, until they are replaced or deleted.

use super::probe::Probe;
use super::{CheckResult, Subject};
use crate::SetOptions;
use bytes::Bytes;

/// `get` of a key that was never written finds nothing.
pub async fn an_absent_key_is_a_miss(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "values::an_absent_key_is_a_miss");
    let key = probe.absent("k").await?;
    probe.misses(&key, "for a key that was never written").await?;
    probe.passed().await
}

/// Any bytes come back unchanged: none at all, every byte value, and many of them.
pub async fn what_was_set_is_found(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "values::what_was_set_is_found");
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let values = [
        ("none", Vec::new()),
        ("one", vec![0]),
        ("every", every_byte.clone()),
        ("many", every_byte.repeat(256)),
        ("text", b"\r\n\r\n{\"json\":null}\r\n".to_vec()),
    ];
    for (name, value) in values {
        let key = probe.absent(name).await?;
        let stored = Bytes::from(value.clone());
        probe.ok("set", probe.backend().set(&key, stored, &SetOptions::new()).await)?;
        let found = probe.get(&key).await?;
        probe.is_value(found.as_ref(), Some(&value), "after it was set")?;
        let fresh = found.is_some_and(|found| found.is_fresh());
        probe.equals(&fresh, &true, "for whether a new value is fresh")?;
    }
    probe.passed().await
}

/// Similar keys keep separate values.
pub async fn each_key_has_its_own_value(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "values::each_key_has_its_own_value");
    let names = ["k", "K", "k:", "k.", "k-", "k_", "kk", "k0", "0k", "k:k", "k.k"];
    let mut keys = Vec::new();
    for name in names {
        keys.push(probe.absent(name).await?);
    }
    for (key, name) in keys.iter().zip(names) {
        probe.set(key, name, &SetOptions::new()).await?;
    }
    for (key, name) in keys.iter().zip(names) {
        probe.finds(key, name, "while similar keys hold other values").await?;
    }
    probe.passed().await
}

/// The last value set is the one found.
pub async fn set_replaces(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "values::set_replaces");
    let key = probe.absent("k").await?;
    for value in ["first and longest", "second", "third one", ""] {
        probe.set(&key, value, &SetOptions::new()).await?;
        probe.finds(&key, value, "after it replaced another").await?;
    }
    probe.passed().await
}

/// A deleted entry is gone, `delete` says so, and its neighbours stay; the key can be used again.
pub async fn delete_removes(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "values::delete_removes");
    let (key, other) = (probe.absent("k").await?, probe.absent("other").await?);
    probe.set(&key, "value", &SetOptions::new()).await?;
    probe.set(&other, "kept", &SetOptions::new()).await?;

    let deleted = probe.delete(&key).await?;
    probe.equals(&deleted, &true, "from deleting an entry")?;
    probe.misses(&key, "after it was deleted").await?;
    probe.finds(&other, "kept", "after another key was deleted").await?;
    probe.set(&key, "again", &SetOptions::new()).await?;
    probe.finds(&key, "again", "when set again after a delete").await?;
    probe.passed().await
}

/// Deleting a missing entry is not an error.
pub async fn deleting_nothing_succeeds(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "values::deleting_nothing_succeeds");
    let key = probe.absent("k").await?;
    probe.delete(&key).await?;
    probe.misses(&key, "after deleting nothing").await?;
    probe.passed().await
}

/// `exists` says what `get` would find.
pub async fn exists_agrees_with_get(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "values::exists_agrees_with_get");
    let key = probe.absent("k").await?;
    for (expected, when) in [(false, "before the set"), (true, "after the set")] {
        let exists = probe.ok("exists", probe.backend().exists(&key).await)?;
        probe.equals(&exists, &expected, when)?;
        probe.set(&key, "", &SetOptions::new()).await?;
    }
    probe.delete(&key).await?;
    let exists = probe.ok("exists", probe.backend().exists(&key).await)?;
    probe.equals(&exists, &false, "after the delete")?;
    probe.passed().await
}

/// A backend that can be checked is up, and reports its type.
pub async fn health_answers(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "values::health_answers");
    let health = probe.ok("health", probe.backend().health().await)?;
    let named = !health.backend_type.is_empty();
    probe.equals(&named, &true, "for whether the backend has a type")?;
    probe.passed().await
}

/// A future that is never polled does nothing.
pub async fn futures_are_lazy(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "values::futures_are_lazy");
    let key = probe.absent("k").await?;
    let options = SetOptions::new();
    drop(probe.backend().set(&key, Bytes::from_static(b"unwanted"), &options));
    probe.misses(&key, "after the future of a set was dropped unpolled").await?;
    probe.set(&key, "wanted", &options).await?;
    drop(probe.backend().delete(&key));
    probe.finds(&key, "wanted", "after the future of a delete was dropped unpolled").await?;
    probe.passed().await
}
