//! [`Batch`](crate::Batch): one result for each item, in order.

use super::probe::Probe;
use super::{CheckResult, Failure, Subject, Verdict};
use crate::{BackendErrorKind, BatchEntry, BatchResults, SetOptions};
use bytes::Bytes;

const NOT_OFFERED: Verdict = Verdict::Skipped("the backend has no Batch");

/// All items succeeded, and there are as many as requested.
fn all<T>(probe: &Probe<'_>, results: BatchResults<T>, asked: usize) -> Result<Vec<T>, Failure> {
    probe.equals(&results.len(), &asked, "results, one for each item")?;
    results.into_iter().map(|result| probe.ok("each item", result)).collect()
}

fn entry<'a>(key: &'a str, value: &'static str) -> BatchEntry<'a> {
    BatchEntry::new(key, Bytes::from_static(value.as_bytes()))
}

/// Values and misses are at the positions of their keys, repeated keys included.
pub async fn results_come_in_order(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "batch::results_come_in_order");
    let Some(batch) = probe.backend().batch() else { return Ok(NOT_OFFERED) };
    let (a, b, absent) =
        (probe.absent("a").await?, probe.absent("b").await?, probe.absent("absent").await?);
    probe.set(&a, "value of a", &SetOptions::new()).await?;
    probe.set(&b, "value of b", &SetOptions::new()).await?;

    let keys = [b.as_str(), &absent, &a, &b];
    let found = all(&probe, batch.get_many(&keys).await, keys.len())?;
    let expected: [Option<&[u8]>; 4] =
        [Some(b"value of b"), None, Some(b"value of a"), Some(b"value of b")];
    for (found, expected) in found.iter().zip(expected) {
        probe.is_value(found.as_ref(), expected, "in the place of its key")?;
    }
    probe.passed().await
}

/// Each entry is stored, with its own options.
pub async fn set_many_sets_each(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "batch::set_many_sets_each");
    let Some(batch) = probe.backend().batch() else { return Ok(NOT_OFFERED) };
    let (brief, lasting) = (probe.absent("brief").await?, probe.absent("lasting").await?);
    let entries = [
        entry(&brief, "ends").with_options(probe.ttl(3)),
        entry(&lasting, "stays").with_options(SetOptions::new()),
    ];
    all(&probe, batch.set_many(&entries).await, entries.len())?;
    probe.finds(&brief, "ends", "after set_many").await?;
    probe.finds(&lasting, "stays", "after set_many").await?;
    if probe.can_advance() {
        probe.pass(4).await;
        probe.misses(&brief, "after its time to live").await?;
        probe.finds(&lasting, "stays", "without a time to live").await?;
    }
    probe.passed().await
}

/// Each key is deleted; a missing key is not an error.
pub async fn delete_many_deletes_each(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "batch::delete_many_deletes_each");
    let Some(batch) = probe.backend().batch() else { return Ok(NOT_OFFERED) };
    let (a, absent, kept) =
        (probe.absent("a").await?, probe.absent("absent").await?, probe.absent("kept").await?);
    probe.set(&a, "value", &SetOptions::new()).await?;
    probe.set(&kept, "kept", &SetOptions::new()).await?;
    let keys = [a.as_str(), &absent];
    let deleted = all(&probe, batch.delete_many(&keys).await, keys.len())?;
    probe.equals(&deleted[0], &true, "from deleting an entry")?;
    probe.misses(&a, "after delete_many").await?;
    probe.finds(&kept, "kept", "after others were deleted").await?;
    probe.passed().await
}

/// No items, no results.
pub async fn an_empty_batch_is_empty(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "batch::an_empty_batch_is_empty");
    let Some(batch) = probe.backend().batch() else { return Ok(NOT_OFFERED) };
    all(&probe, batch.get_many(&[]).await, 0)?;
    all(&probe, batch.set_many(&[]).await, 0)?;
    all(&probe, batch.delete_many(&[]).await, 0)?;
    probe.passed().await
}

/// A refused item does not affect the others.
pub async fn a_bad_item_spoils_no_other(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "batch::a_bad_item_spoils_no_other");
    let Some(batch) = probe.backend().batch() else { return Ok(NOT_OFFERED) };
    let (a, b) = (probe.absent("a").await?, probe.absent("b").await?);
    let entries = [entry(&a, "a"), entry("", "refused"), entry(&b, "b")];
    let mut results = batch.set_many(&entries).await;
    probe.equals(&results.len(), &3, "results, one for each item")?;
    probe.refused(BackendErrorKind::InvalidKey, "the empty key", results.remove(1))?;
    all(&probe, results, 2)?;

    let mut results = batch.get_many(&[&a, "", &b]).await;
    probe.equals(&results.len(), &3, "results, one for each item")?;
    probe.refused(BackendErrorKind::InvalidKey, "the empty key", results.remove(1))?;
    let found = all(&probe, results, 2)?;
    probe.is_value(found[0].as_ref(), Some(b"a"), "beside a refused item")?;
    probe.is_value(found[1].as_ref(), Some(b"b"), "beside a refused item")?;

    let mut results = batch.delete_many(&[&a, "", &b]).await;
    probe.equals(&results.len(), &3, "results, one for each item")?;
    probe.refused(BackendErrorKind::InvalidKey, "the empty key", results.remove(1))?;
    all(&probe, results, 2)?;
    probe.misses(&b, "after it was deleted beside a refused item").await?;
    probe.passed().await
}

/// Of two entries with the same key the later one is stored.
pub async fn the_last_of_equal_keys_wins(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "batch::the_last_of_equal_keys_wins");
    let Some(batch) = probe.backend().batch() else { return Ok(NOT_OFFERED) };
    let key = probe.absent("k").await?;
    let entries = [entry(&key, "earlier"), entry(&key, "later")];
    all(&probe, batch.set_many(&entries).await, entries.len())?;
    probe.finds(&key, "later", "set twice in one batch").await?;
    probe.passed().await
}
