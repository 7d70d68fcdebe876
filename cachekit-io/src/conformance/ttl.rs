//! [`TtlControl`](crate::TtlControl): the expiry of an entry can be read and extended.

use super::probe::{NO_CLOCK, Probe};
use super::{CheckResult, Subject, Verdict};
use crate::{BackendErrorKind, Expiry, SetOptions};
use std::time::Duration;

const NOT_OFFERED: Verdict = Verdict::Skipped("the backend has no TtlControl");

/// Absent, never, or the time until the end of the stale window.
pub async fn expiry_is_told(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "ttl::expiry_is_told");
    let Some(control) = probe.backend().ttl() else { return Ok(NOT_OFFERED) };
    let key = probe.absent("k").await?;
    let told = probe.ok("expiry", control.expiry(&key).await)?;
    probe.equals(&told, &Expiry::Absent, "for a key that was never written")?;
    probe.set(&key, "value", &SetOptions::new()).await?;
    let told = probe.ok("expiry", control.expiry(&key).await)?;
    probe.equals(&told, &Expiry::Never, "for an entry without a time to live")?;

    probe.set(&key, "value", &probe.ttl(60)).await?;
    let told = probe.ok("expiry", control.expiry(&key).await)?;
    let (least, most) = (probe.units(30), probe.units(60));
    probe.that(
        matches!(told, Expiry::In(left) if left >= least && left <= most),
        || format!("about {most:?} for a time to live of as much"),
        || format!("{told:?}"),
    )?;
    probe.delete(&key).await?;
    let told = probe.ok("expiry", control.expiry(&key).await)?;
    probe.equals(&told, &Expiry::Absent, "for a deleted entry")?;
    probe.passed().await
}

/// A refreshed entry lives longer, with the same value.
pub async fn refresh_extends(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "ttl::refresh_extends");
    let Some(control) = probe.backend().ttl() else { return Ok(NOT_OFFERED) };
    if !probe.can_advance() {
        return Ok(NO_CLOCK);
    }
    let key = probe.absent("k").await?;
    probe.set(&key, "value", &probe.ttl(3)).await?;
    probe.pass(1).await;
    let refreshed = probe.ok("refresh", control.refresh(&key, probe.units(6)).await)?;
    probe.equals(&refreshed, &true, "from refreshing a fresh entry")?;
    probe.pass(4).await;
    probe.finds(&key, "value", "within its refreshed time to live").await?;
    probe.pass(3).await;
    probe.misses(&key, "after its refreshed time to live").await?;
    probe.passed().await
}

/// Refreshing a missing entry does not create it.
pub async fn refresh_creates_nothing(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "ttl::refresh_creates_nothing");
    let Some(control) = probe.backend().ttl() else { return Ok(NOT_OFFERED) };
    let key = probe.absent("k").await?;
    probe.ok("refresh", control.refresh(&key, probe.units(60)).await)?;
    probe.misses(&key, "after refreshing nothing").await?;
    let told = probe.ok("expiry", control.expiry(&key).await)?;
    probe.equals(&told, &Expiry::Absent, "after refreshing nothing")?;
    probe.passed().await
}

/// An entry past its TTL is not made fresh again.
pub async fn refresh_leaves_stale_entries_stale(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "ttl::refresh_leaves_stale_entries_stale");
    let Some(control) = probe.backend().ttl() else { return Ok(NOT_OFFERED) };
    if !probe.can_advance() {
        return Ok(NO_CLOCK);
    }
    let key = probe.absent("k").await?;
    probe.set(&key, "value", &probe.ttl(1).stale_ttl(probe.units(30))).await?;
    probe.pass(3).await;
    probe.ok("refresh", control.refresh(&key, probe.units(60)).await)?;
    let fresh = probe.get(&key).await?.is_some_and(|found| found.is_fresh());
    probe.equals(&fresh, &false, "for whether a stale entry is fresh after a refresh")?;
    probe.passed().await
}

/// A TTL of zero is refused.
pub async fn a_refresh_of_zero_is_refused(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "ttl::a_refresh_of_zero_is_refused");
    let Some(control) = probe.backend().ttl() else { return Ok(NOT_OFFERED) };
    let key = probe.absent("k").await?;
    probe.set(&key, "value", &SetOptions::new()).await?;
    let refresh = control.refresh(&key, Duration::ZERO).await;
    probe.refused(BackendErrorKind::InvalidOption, "a refresh of zero", refresh)?;
    probe.finds(&key, "value", "after a refused refresh").await?;
    probe.passed().await
}
