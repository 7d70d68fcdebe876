//! Entries live as long as their TTL, and no longer.

use super::probe::{NO_CLOCK, Probe};
use super::{CheckResult, Subject};
use crate::{BackendErrorKind, SetOptions};
use bytes::Bytes;
use std::time::Duration;

/// A TTL of zero and a stale window without a TTL are refused, and change nothing.
pub async fn impossible_options_are_refused(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "expiry::impossible_options_are_refused");
    let key = probe.absent("k").await?;
    probe.set(&key, "before", &SetOptions::new()).await?;
    let impossible = [
        ("a ttl of zero", SetOptions::new().ttl(Duration::ZERO)),
        ("a stale window without a ttl", SetOptions::new().stale_ttl(Duration::from_secs(5))),
    ];
    for (what, options) in impossible {
        let set = probe.backend().set(&key, Bytes::from_static(b"after"), &options).await;
        probe.refused(BackendErrorKind::InvalidOption, what, set)?;
        probe.finds(&key, "before", "after a refused set").await?;
    }
    probe.passed().await
}

/// An entry exists before the end of its TTL and is gone after it.
pub async fn an_entry_ends_with_its_ttl(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "expiry::an_entry_ends_with_its_ttl");
    if !probe.can_advance() {
        return Ok(NO_CLOCK);
    }
    let key = probe.absent("k").await?;
    probe.set(&key, "value", &probe.ttl(3)).await?;
    probe.pass(1).await;
    probe.finds(&key, "value", "within its time to live").await?;
    probe.pass(3).await;
    probe.misses(&key, "after its time to live").await?;
    let exists = probe.ok("exists", probe.backend().exists(&key).await)?;
    probe.equals(&exists, &false, "from exists after the time to live")?;
    probe.passed().await
}

/// Without a TTL an entry does not expire, even if it replaces one that would have.
pub async fn no_ttl_is_no_end(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "expiry::no_ttl_is_no_end");
    if !probe.can_advance() {
        return Ok(NO_CLOCK);
    }
    let (key, replaced) = (probe.absent("k").await?, probe.absent("replaced").await?);
    probe.set(&key, "value", &SetOptions::new()).await?;
    probe.set(&replaced, "ends", &probe.ttl(1)).await?;
    probe.set(&replaced, "stays", &SetOptions::new()).await?;
    probe.pass(4).await;
    probe.finds(&key, "value", "without a time to live").await?;
    probe.finds(&replaced, "stays", "set without a time to live over one that had one").await?;
    probe.passed().await
}

/// In the stale window an entry is stale or gone, never fresh; after it, it is gone.
pub async fn stale_is_never_passed_off_as_fresh(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "expiry::stale_is_never_passed_off_as_fresh");
    if !probe.can_advance() {
        return Ok(NO_CLOCK);
    }
    let key = probe.absent("k").await?;
    let options = probe.ttl(3).stale_ttl(probe.units(5));
    probe.set(&key, "value", &options).await?;
    probe.pass(1).await;
    let found = probe.get(&key).await?;
    probe.is_value(found.as_ref(), Some(b"value"), "within its time to live")?;
    let fresh = found.is_some_and(|found| found.is_fresh());
    probe.equals(&fresh, &true, "for whether it is fresh within its time to live")?;

    probe.pass(3).await;
    if let Some(found) = probe.get(&key).await? {
        probe.is_value(Some(&found), Some(b"value"), "in its stale window")?;
        probe.equals(&found.is_fresh(), &false, "for whether it is fresh in its stale window")?;
        let local = found.local_lifetime(probe.units(100));
        probe.equals(&local, &None, "for how long a copy of a stale value may be kept")?;
    }
    probe.pass(6).await;
    probe.misses(&key, "after its stale window").await?;
    probe.passed().await
}

/// The bound on how long a value stays fresh never exceeds its TTL.
pub async fn fresh_for_stays_within_the_ttl(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "expiry::fresh_for_stays_within_the_ttl");
    let key = probe.absent("k").await?;
    probe.set(&key, "value", &probe.ttl(60).stale_ttl(probe.units(600))).await?;
    let bound = probe.get(&key).await?.and_then(|found| found.fresh_for());
    probe.that(
        bound.is_none_or(|bound| bound <= probe.units(60)),
        || format!("no bound or one of at most {:?}", probe.units(60)),
        || format!("{bound:?}"),
    )?;
    probe.passed().await
}

/// A new value has its own windows, not the rest of the old ones.
pub async fn set_replaces_both_windows(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "expiry::set_replaces_both_windows");
    if !probe.can_advance() {
        return Ok(NO_CLOCK);
    }
    let (longer, shorter) = (probe.absent("longer").await?, probe.absent("shorter").await?);
    probe.set(&longer, "old", &probe.ttl(2)).await?;
    probe.set(&longer, "new", &probe.ttl(60)).await?;
    probe.set(&shorter, "old", &probe.ttl(60).stale_ttl(probe.units(60))).await?;
    probe.set(&shorter, "new", &probe.ttl(2)).await?;
    probe.pass(4).await;
    probe.finds(&longer, "new", "set with a longer time to live").await?;
    probe.misses(&shorter, "set with a shorter time to live and no stale window").await?;
    probe.passed().await
}
