//! [`Locks`]: one holder at a time, until the lease expires.

use super::probe::{NO_CLOCK, Probe};
use super::{CheckResult, Failure, Subject, Verdict};
use crate::{BackendErrorKind, LockToken, Locks, SetOptions};
use std::time::Duration;

const NOT_OFFERED: Verdict = Verdict::Skipped("the backend has no Locks");

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

/// The lock must be held.
async fn is_contested(
    probe: &Probe<'_>,
    locks: &dyn Locks,
    key: &str,
    when: &str,
) -> Result<(), Failure> {
    let again = probe.ok("try_acquire", locks.try_acquire(key, probe.units(60)).await)?;
    probe.equals(&again.is_none(), &true, when)
}

/// While one caller holds the lock, no other gets it; once released, it can be acquired again.
pub async fn a_lock_is_exclusive(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "locks::a_lock_is_exclusive");
    let Some(locks) = probe.backend().locks() else { return Ok(NOT_OFFERED) };
    let key = probe.key("k");
    let first = take(&probe, locks, &key, 60).await?;
    is_contested(&probe, locks, &key, "for whether a held lock is contested").await?;
    let released = probe.ok("release", locks.release(&key, &first).await)?;
    probe.equals(&released, &true, "from the holder's release")?;
    let second = take(&probe, locks, &key, 60).await?;
    probe.equals(&(first != second), &true, "for whether each holder has its own token")?;
    probe.ok("release", locks.release(&key, &second).await)?;
    probe.passed().await
}

/// Holding the lock of one key leaves the locks of others free.
pub async fn each_key_has_its_own_lock(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "locks::each_key_has_its_own_lock");
    let Some(locks) = probe.backend().locks() else { return Ok(NOT_OFFERED) };
    let (key, other) = (probe.key("k"), probe.key("other"));
    let token = take(&probe, locks, &key, 60).await?;
    let other_token = take(&probe, locks, &other, 60).await?;
    let crossed = probe.ok("release", locks.release(&other, &token).await)?;
    probe.equals(&crossed, &false, "from a release with the token of another key")?;
    probe.ok("release", locks.release(&key, &token).await)?;
    probe.ok("release", locks.release(&other, &other_token).await)?;
    probe.passed().await
}

/// A token that does not hold the lock releases nothing.
pub async fn only_the_holder_releases(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "locks::only_the_holder_releases");
    let Some(locks) = probe.backend().locks() else { return Ok(NOT_OFFERED) };
    let key = probe.key("k");
    let former = take(&probe, locks, &key, 60).await?;
    probe.ok("release", locks.release(&key, &former).await)?;
    let holder = take(&probe, locks, &key, 60).await?;

    let released = probe.ok("release", locks.release(&key, &former).await)?;
    probe.equals(&released, &false, "from a release by a former holder")?;
    is_contested(&probe, locks, &key, "for whether the lock is still held after it").await?;
    let released = probe.ok("release", locks.release(&key, &holder).await)?;
    probe.equals(&released, &true, "from the holder's release")?;
    let released = probe.ok("release", locks.release(&key, &holder).await)?;
    probe.equals(&released, &false, "from a second release")?;
    probe.passed().await
}

/// A lease that expires frees the lock, and its former holder cannot release the next holder's.
pub async fn a_lease_ends(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "locks::a_lease_ends");
    let Some(locks) = probe.backend().locks() else { return Ok(NOT_OFFERED) };
    if !probe.can_advance() {
        return Ok(NO_CLOCK);
    }
    let key = probe.key("k");
    let late = take(&probe, locks, &key, 3).await?;
    probe.pass(1).await;
    is_contested(&probe, locks, &key, "for whether the lock is held within its lease").await?;
    probe.pass(3).await;
    let next = take(&probe, locks, &key, 60).await?;
    let released = probe.ok("release", locks.release(&key, &late).await)?;
    probe.equals(&released, &false, "from a release after the lease ended")?;
    is_contested(&probe, locks, &key, "for whether the next holder still holds the lock").await?;
    probe.ok("release", locks.release(&key, &next).await)?;
    probe.passed().await
}

/// A lock is not a value: writing or deleting the value leaves the lock held.
pub async fn locks_and_values_are_apart(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "locks::locks_and_values_are_apart");
    let Some(locks) = probe.backend().locks() else { return Ok(NOT_OFFERED) };
    let key = probe.absent("k").await?;
    let token = take(&probe, locks, &key, 60).await?;
    probe.misses(&key, "under a key that is only locked").await?;
    probe.set(&key, "value", &SetOptions::new()).await?;
    is_contested(&probe, locks, &key, "for whether the lock is held after a set").await?;
    probe.delete(&key).await?;
    is_contested(&probe, locks, &key, "for whether the lock is held after a delete").await?;
    probe.set(&key, "value", &SetOptions::new()).await?;
    probe.ok("release", locks.release(&key, &token).await)?;
    probe.finds(&key, "value", "after the release of its lock").await?;
    probe.passed().await
}

/// A lease of zero is refused.
pub async fn a_lease_of_zero_is_refused(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "locks::a_lease_of_zero_is_refused");
    let Some(locks) = probe.backend().locks() else { return Ok(NOT_OFFERED) };
    let acquired = locks.try_acquire(&probe.key("k"), Duration::ZERO).await;
    probe.refused(BackendErrorKind::InvalidOption, "a lease of zero", acquired)?;
    probe.passed().await
}
