//! [`Fencing`]: an invalidated value does not come back.

use super::probe::{NO_CLOCK, Probe};
use super::{CheckResult, Failure, Subject, Verdict};
use crate::{BatchEntry, FenceToken, Fencing, SetOptions};
use bytes::Bytes;

const NOT_OFFERED: Verdict = Verdict::Skipped("the backend has no Fencing");

async fn fence(probe: &Probe<'_>, fencing: &dyn Fencing, key: &str) -> Result<FenceToken, Failure> {
    probe.ok("fence", fencing.fence(key).await)
}

/// A fill with this fence must have this result.
async fn fills(
    probe: &Probe<'_>,
    fencing: &dyn Fencing,
    key: &str,
    token: &FenceToken,
    expected: bool,
    when: &str,
) -> Result<(), Failure> {
    let value = Bytes::from_static(b"filled");
    let stored = fencing.set_fenced(key, value, &SetOptions::new(), token).await;
    let stored = probe.ok("set_fenced", stored)?;
    probe.equals(&stored, &expected, when)
}

/// A fill that nothing overtook is stored, over an absent key and over an entry.
pub async fn an_unmoved_fence_stores(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "fencing::an_unmoved_fence_stores");
    let Some(fencing) = probe.backend().fencing() else { return Ok(NOT_OFFERED) };
    let key = probe.absent("k").await?;
    let token = fence(&probe, fencing, &key).await?;
    probe.misses(&key, "under a key that only has a fence").await?;
    fills(&probe, fencing, &key, &token, true, "from a fill of an absent key").await?;
    probe.finds(&key, "filled", "after the fill").await?;

    probe.set(&key, "replaced", &SetOptions::new()).await?;
    let token = fence(&probe, fencing, &key).await?;
    fills(&probe, fencing, &key, &token, true, "from a fill over an entry").await?;
    probe.finds(&key, "filled", "after the fill").await?;
    probe.passed().await
}

/// A fill loses against a delete of the entry.
pub async fn a_delete_moves_the_fence(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "fencing::a_delete_moves_the_fence");
    let Some(fencing) = probe.backend().fencing() else { return Ok(NOT_OFFERED) };
    let key = probe.absent("k").await?;
    probe.set(&key, "old", &SetOptions::new()).await?;
    let token = fence(&probe, fencing, &key).await?;
    probe.delete(&key).await?;
    fills(&probe, fencing, &key, &token, false, "from a fill overtaken by a delete").await?;
    probe.misses(&key, "after the refused fill").await?;
    probe.passed().await
}

/// A fill loses against a delete that found nothing, which is the usual case, because fills follow
/// misses.
pub async fn a_delete_of_nothing_moves_the_fence(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "fencing::a_delete_of_nothing_moves_the_fence");
    let Some(fencing) = probe.backend().fencing() else { return Ok(NOT_OFFERED) };
    let key = probe.absent("k").await?;
    let token = fence(&probe, fencing, &key).await?;
    probe.delete(&key).await?;
    fills(&probe, fencing, &key, &token, false, "from a fill overtaken by a delete").await?;
    probe.misses(&key, "after the refused fill").await?;

    let token = fence(&probe, fencing, &key).await?;
    fills(&probe, fencing, &key, &token, true, "from a fill that began after the delete").await?;
    probe.passed().await
}

/// A fill loses against a plain set.
pub async fn a_set_moves_the_fence(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "fencing::a_set_moves_the_fence");
    let Some(fencing) = probe.backend().fencing() else { return Ok(NOT_OFFERED) };
    let key = probe.absent("k").await?;
    let token = fence(&probe, fencing, &key).await?;
    probe.set(&key, "newer", &SetOptions::new()).await?;
    fills(&probe, fencing, &key, &token, false, "from a fill overtaken by a set").await?;
    probe.finds(&key, "newer", "after the refused fill").await?;
    probe.passed().await
}

/// Of two fills that began at the same moment one is stored.
pub async fn one_of_two_fillers_stores(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "fencing::one_of_two_fillers_stores");
    let Some(fencing) = probe.backend().fencing() else { return Ok(NOT_OFFERED) };
    let key = probe.absent("k").await?;
    let one = fence(&probe, fencing, &key).await?;
    let two = fence(&probe, fencing, &key).await?;
    fills(&probe, fencing, &key, &two, true, "from the first fill to end").await?;
    fills(&probe, fencing, &key, &one, false, "from the second fill to end").await?;
    fills(&probe, fencing, &key, &two, false, "from a fence used twice").await?;
    probe.passed().await
}

/// Writing and deleting other keys does not affect a fill.
pub async fn other_keys_leave_the_fence(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "fencing::other_keys_leave_the_fence");
    let Some(fencing) = probe.backend().fencing() else { return Ok(NOT_OFFERED) };
    let (key, other) = (probe.absent("k").await?, probe.absent("other").await?);
    let token = fence(&probe, fencing, &key).await?;
    probe.set(&other, "value", &SetOptions::new()).await?;
    probe.delete(&other).await?;
    fence(&probe, fencing, &other).await?;
    probe.get(&key).await?;
    fills(&probe, fencing, &key, &token, true, "from a fill while other keys changed").await?;
    probe.passed().await
}

/// A refused fill does not change the entry's value or expiry.
pub async fn a_refused_value_changes_nothing(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "fencing::a_refused_value_changes_nothing");
    let Some(fencing) = probe.backend().fencing() else { return Ok(NOT_OFFERED) };
    if !probe.can_advance() {
        return Ok(NO_CLOCK);
    }
    let key = probe.absent("k").await?;
    let token = fence(&probe, fencing, &key).await?;
    probe.set(&key, "newer", &probe.ttl(3)).await?;
    fills(&probe, fencing, &key, &token, false, "from a fill overtaken by a set").await?;
    probe.finds(&key, "newer", "after the refused fill").await?;
    probe.pass(4).await;
    probe.misses(&key, "after its own time to live").await?;
    probe.passed().await
}

/// A fenced entry has its windows like any other.
pub async fn a_fenced_entry_ends_with_its_ttl(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "fencing::a_fenced_entry_ends_with_its_ttl");
    let Some(fencing) = probe.backend().fencing() else { return Ok(NOT_OFFERED) };
    if !probe.can_advance() {
        return Ok(NO_CLOCK);
    }
    let key = probe.absent("k").await?;
    let token = fence(&probe, fencing, &key).await?;
    let value = Bytes::from_static(b"brief");
    let stored = fencing.set_fenced(&key, value, &probe.ttl(3), &token).await;
    let stored = probe.ok("set_fenced", stored)?;
    probe.equals(&stored, &true, "from the fill")?;
    probe.pass(1).await;
    probe.finds(&key, "brief", "within its time to live").await?;
    probe.pass(3).await;
    probe.misses(&key, "after its time to live").await?;
    probe.passed().await
}

/// Writes in a batch move fences like any other.
pub async fn batches_move_the_fence(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "fencing::batches_move_the_fence");
    let Some(fencing) = probe.backend().fencing() else { return Ok(NOT_OFFERED) };
    let Some(batch) = probe.backend().batch() else {
        return Ok(Verdict::Skipped("the backend has no Batch"));
    };
    let (set, deleted) = (probe.absent("set").await?, probe.absent("deleted").await?);
    let set_token = fence(&probe, fencing, &set).await?;
    let deleted_token = fence(&probe, fencing, &deleted).await?;
    batch.set_many(&[BatchEntry::new(&set, Bytes::from_static(b"newer"))]).await;
    batch.delete_many(&[&deleted]).await;
    fills(&probe, fencing, &set, &set_token, false, "from a fill overtaken by set_many").await?;
    let overtaken = "from a fill overtaken by delete_many";
    fills(&probe, fencing, &deleted, &deleted_token, false, overtaken).await?;
    probe.passed().await
}
