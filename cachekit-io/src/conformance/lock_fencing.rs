//! [`SetOptions::lock`]: a value computed under a lock does not overwrite a newer one.

use super::probe::{NO_CLOCK, Probe};
use super::{CheckResult, Failure, Subject, Verdict};
use crate::{BackendErrorKind, LockToken, Locks, SetOptions};
use bytes::Bytes;

const NOT_OFFERED: Verdict = Verdict::Skipped("the backend has no Locks");
const NOT_DECLARED: Verdict = Verdict::Skipped("the subject does not declare lock fencing");

/// The locks, if the backend under test wants them checked.
fn locks<'a>(probe: &Probe<'a>) -> Result<&'a dyn Locks, Verdict> {
    if !probe.has_lock_fencing() {
        return Err(NOT_DECLARED);
    }
    probe.backend().locks().ok_or(NOT_OFFERED)
}

/// Acquires a lock that is free.
async fn take(
    probe: &Probe<'_>,
    locks: &dyn Locks,
    key: &str,
    units: u32,
) -> Result<LockToken, Failure> {
    let token = probe.ok("try_acquire", locks.try_acquire(key, probe.units(units)).await)?;
    token.ok_or_else(|| {
        probe.failure("the lock, as it is free".to_owned(), "it contested".to_owned())
    })
}

/// A write under this lock must be refused and change nothing.
async fn is_superseded(
    probe: &Probe<'_>,
    key: &str,
    token: &LockToken,
    when: &str,
) -> Result<(), Failure> {
    let options = SetOptions::new().lock(token.clone());
    let late = Bytes::from_static(b"too late");
    let stored = probe.backend().set(key, late, &options).await;
    let doing = format!("a set under a lock {when}");
    probe.refused(BackendErrorKind::Superseded, &doing, stored)
}

/// The holder of the lock can write, and write again.
pub async fn the_holder_writes_as_often_as_it_likes(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "lock_fencing::the_holder_writes_as_often_as_it_likes");
    let locks = match locks(&probe) {
        Ok(locks) => locks,
        Err(verdict) => return Ok(verdict),
    };
    let key = probe.absent("k").await?;
    let token = take(&probe, locks, &key, 60).await?;
    let options = SetOptions::new().lock(token.clone());
    for value in ["first", "second"] {
        probe.set(&key, value, &options).await?;
        probe.finds(&key, value, "after a set under a held lock").await?;
    }
    probe.ok("release", locks.release(&key, &token).await)?;
    probe.passed().await
}

/// A released lock no longer allows a write.
pub async fn a_released_lock_writes_nothing(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "lock_fencing::a_released_lock_writes_nothing");
    let locks = match locks(&probe) {
        Ok(locks) => locks,
        Err(verdict) => return Ok(verdict),
    };
    let key = probe.absent("k").await?;
    let token = take(&probe, locks, &key, 60).await?;
    probe.ok("release", locks.release(&key, &token).await)?;
    is_superseded(&probe, &key, &token, "that was released").await?;
    probe.misses(&key, "after a refused set").await?;
    probe.passed().await
}

/// Nor does a lock whose lease has expired, whether or not another caller holds the lock by now.
pub async fn an_ended_lease_writes_nothing(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "lock_fencing::an_ended_lease_writes_nothing");
    let locks = match locks(&probe) {
        Ok(locks) => locks,
        Err(verdict) => return Ok(verdict),
    };
    if !probe.can_advance() {
        return Ok(NO_CLOCK);
    }
    let key = probe.absent("k").await?;
    let late = take(&probe, locks, &key, 2).await?;
    probe.pass(3).await;
    is_superseded(&probe, &key, &late, "whose lease ended").await?;
    let next = take(&probe, locks, &key, 60).await?;
    is_superseded(&probe, &key, &late, "that another holder has").await?;
    probe.misses(&key, "after refused sets").await?;
    probe.ok("release", locks.release(&key, &next).await)?;
    probe.passed().await
}

/// A delete since the lock was acquired invalidates what the holder read, even if there was nothing
/// to delete.
pub async fn a_delete_overtakes_the_holder(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "lock_fencing::a_delete_overtakes_the_holder");
    let locks = match locks(&probe) {
        Ok(locks) => locks,
        Err(verdict) => return Ok(verdict),
    };
    let key = probe.absent("k").await?;
    let token = take(&probe, locks, &key, 60).await?;
    probe.delete(&key).await?;
    is_superseded(&probe, &key, &token, "before a delete").await?;
    probe.misses(&key, "after a refused set").await?;
    probe.ok("release", locks.release(&key, &token).await)?;
    probe.passed().await
}

/// A write without the lock invalidates it too.
pub async fn a_write_overtakes_the_holder(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "lock_fencing::a_write_overtakes_the_holder");
    let locks = match locks(&probe) {
        Ok(locks) => locks,
        Err(verdict) => return Ok(verdict),
    };
    let key = probe.absent("k").await?;
    let token = take(&probe, locks, &key, 60).await?;
    probe.set(&key, "newer", &SetOptions::new()).await?;
    is_superseded(&probe, &key, &token, "before another writer's set").await?;
    probe.finds(&key, "newer", "after a refused set").await?;
    probe.ok("release", locks.release(&key, &token).await)?;
    probe.passed().await
}

/// What overtook one holder does not affect the next.
pub async fn the_next_holder_starts_afresh(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "lock_fencing::the_next_holder_starts_afresh");
    let locks = match locks(&probe) {
        Ok(locks) => locks,
        Err(verdict) => return Ok(verdict),
    };
    let key = probe.absent("k").await?;
    let token = take(&probe, locks, &key, 60).await?;
    probe.delete(&key).await?;
    probe.ok("release", locks.release(&key, &token).await)?;
    let next = take(&probe, locks, &key, 60).await?;
    probe.set(&key, "value", &SetOptions::new().lock(next.clone())).await?;
    probe.finds(&key, "value", "after a set by the next holder").await?;
    probe.ok("release", locks.release(&key, &next).await)?;
    probe.passed().await
}
