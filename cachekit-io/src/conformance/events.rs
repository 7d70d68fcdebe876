//! [`InvalidationEvents`](crate::InvalidationEvents): deletes send events, as long as there is a
//! listener.

use super::probe::Probe;
use super::{CheckResult, Subject, Verdict};
use crate::{InvalidationEvent, SetOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const NOT_OFFERED: Verdict = Verdict::Skipped("the backend has no InvalidationEvents");

/// How many steps of time an event may take.
const PATIENCE: u32 = 5;

/// Counts how often a key is reported invalid, by itself or together with all others.
fn count_of(key: &str) -> (Arc<AtomicUsize>, crate::InvalidationListener) {
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, key) = (Arc::clone(&count), key.to_owned());
    let listener = move |event: &InvalidationEvent| {
        if event.key().is_none_or(|invalid| invalid == key) {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    };
    (count, Arc::new(listener))
}

/// Deleting an entry, and deleting one that does not exist, sends an event to a subscriber.
pub async fn a_delete_is_told(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "events::a_delete_is_told");
    let Some(events) = probe.backend().events() else { return Ok(NOT_OFFERED) };
    let key = probe.absent("k").await?;
    let (count, listener) = count_of(&key);
    let subscription = events.subscribe(listener);
    for when in ["of nothing", "of an entry"] {
        let before = count.load(Ordering::SeqCst);
        probe.delete(&key).await?;
        for _ in 0..PATIENCE {
            if count.load(Ordering::SeqCst) == before && probe.can_advance() {
                probe.pass(1).await;
            }
        }
        probe.that(
            count.load(Ordering::SeqCst) > before,
            || format!("an event for the delete {when}"),
            || "none".to_owned(),
        )?;
        probe.set(&key, "value", &SetOptions::new()).await?;
    }
    drop(subscription);
    probe.passed().await
}

/// A listener gets no events after its subscription is dropped.
pub async fn a_dropped_subscription_is_silent(subject: &Subject<'_>) -> CheckResult {
    let probe = Probe::new(subject, "events::a_dropped_subscription_is_silent");
    let Some(events) = probe.backend().events() else { return Ok(NOT_OFFERED) };
    let key = probe.absent("k").await?;
    let (count, listener) = count_of(&key);
    drop(events.subscribe(listener));
    let before = count.load(Ordering::SeqCst);
    probe.delete(&key).await?;
    probe.pass(2).await;
    let heard = count.load(Ordering::SeqCst) - before;
    probe.equals(&heard, &0, "events after the subscription was dropped")?;
    probe.passed().await
}
