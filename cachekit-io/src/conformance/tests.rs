//! The suite passes what keeps the contract and catches what does not.

use super::*;
use crate::testing::{Fault, FaultyBackend};
use crate::{
    Backend, BackendError, Batch, BatchEntry, BatchResults, Capability, Expiry, FenceToken,
    Fencing, Fetched, Health, InvalidationEvents, InvalidationListener, LockToken, Locks,
    ManualClock, MemoryBackend, Operation, SetOptions, Subscription, TtlControl,
};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Runs the suite over a backend built on a memory backend whose clock moves by hand.
fn check<B: Backend>(build: impl FnOnce(MemoryBackend) -> B) -> Report {
    let hands = ManualClock::new();
    let backend = build(MemoryBackend::builder().clock(hands.clock()).build());
    let subject = Subject::new(&backend).with_lock_fencing().advance(move |by| {
        hands.advance(by);
        std::future::ready(())
    });
    pollster::block_on(check_all(&subject))
}

#[track_caller]
fn assert_fails(report: &Report, check: &str) {
    let failed: Vec<_> = report.failures().iter().map(Failure::check).collect();
    assert!(failed.contains(&check), "{check} is not among the failed checks {failed:?}");
}

#[test]
fn memory_backend_passes_every_check() {
    let report = check(|memory| memory);
    report.assert_passed();
    assert_eq!(report.skipped(), []);
    assert_eq!(report.passed().len(), CHECKS.len());
}

#[test]
fn pointers_to_a_backend_pass_every_check() {
    check(|memory| Arc::new(memory) as Arc<dyn Backend>).assert_passed();
    check(|memory| Box::new(Arc::new(memory)) as Box<dyn Backend>).assert_passed();
}

#[test]
fn suite_leaves_nothing_behind() {
    let backend = MemoryBackend::new();
    pollster::block_on(check_all(&Subject::new(&backend))).assert_passed();
    assert_eq!(backend.len(), 0);
}

#[test]
fn names_in_failures_are_those_in_the_list() {
    // A backend that fails at everything makes each check fail under the name it calls itself.
    let backend = FaultyBackend::new(MemoryBackend::new());
    backend.inject(Fault::fail(crate::BackendErrorKind::Transient));
    let subject = Subject::new(&backend).with_lock_fencing().advance(|_| std::future::ready(()));
    for (name, check) in CHECKS {
        match pollster::block_on(check(&subject)) {
            Err(failure) => assert_eq!(failure.check(), *name),
            // Nothing is asked for, so nothing fails.
            Ok(_) => assert_eq!(*name, "batch::an_empty_batch_is_empty"),
        }
    }
}

#[test]
fn absent_capabilities_and_an_absent_clock_are_skipped() {
    let backend = FaultyBackend::new(MemoryBackend::new());
    for &capability in Capability::ALL {
        backend.hide(capability);
    }
    let report = pollster::block_on(check_all(&Subject::new(&backend)));
    report.assert_passed();
    for section in ["ttl::", "locks::", "batch::", "fencing::", "events::"] {
        assert!(!report.passed().iter().any(|check| check.starts_with(section)), "{section}");
    }
    assert!(report.skipped().iter().any(|(check, _)| *check == "expiry::no_ttl_is_no_end"));
    assert!(report.to_string().contains("skipped locks::a_lease_ends"));
}

#[test]
fn lost_and_damaged_writes_are_caught() {
    let with = |fault: Fault| {
        check(|memory| {
            let backend = FaultyBackend::new(memory);
            backend.inject(fault);
            backend
        })
    };
    assert_fails(&with(Fault::corrupt()), "values::what_was_set_is_found");
    assert_fails(&with(Fault::corrupt()), "batch::results_come_in_order");
    assert_fails(&with(Fault::drop_write().on(Operation::Set)), "values::set_replaces");
    assert_fails(&with(Fault::drop_write().on(Operation::Delete)), "values::delete_removes");
    assert_fails(&with(Fault::drop_write().on(Operation::Refresh)), "ttl::refresh_extends");
    assert_fails(&with(Fault::drop_write().on(Operation::SetMany)), "batch::set_many_sets_each");
}

/// What is wrong with a [`Broken`] backend.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    OneSlotForAll,
    FoldsCase,
    TrimsKeys,
    TruncatesKeys,
    TakesTheEmptyKey,
    DeleteDoesNothing,
    TtlIgnored,
    StaleLooksFresh,
    ActsBeforePolled,
    ExistsIsGuessed,
    RefreshCreates,
    LockNotExclusive,
    AnyTokenReleases,
    LeaseIgnored,
    LockOfWriteIgnored,
    FenceIgnored,
    FenceMovedByEntriesOnly,
    BatchReversed,
    BatchFailsAsOne,
    EventsLost,
    EventsEndless,
}

/// A memory backend with one flaw.
#[derive(Debug)]
struct Broken {
    memory: MemoryBackend,
    flaw: Flaw,
}

impl Broken {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn key(&self, key: &str) -> String {
        match self.flaw {
            Flaw::OneSlotForAll => "slot".to_owned(),
            Flaw::FoldsCase => key.to_lowercase(),
            Flaw::TrimsKeys => key.trim().to_owned(),
            Flaw::TruncatesKeys => key.chars().take(255).collect(),
            Flaw::TakesTheEmptyKey if key.is_empty() => "empty".to_owned(),
            _ => key.to_owned(),
        }
    }

    fn options(&self, options: &SetOptions) -> SetOptions {
        match (self.flaw, options.ttl) {
            (Flaw::TtlIgnored, _) => SetOptions::new(),
            (Flaw::LockOfWriteIgnored, _) => SetOptions { lock: None, ..options.clone() },
            (Flaw::StaleLooksFresh, Some(ttl)) => {
                SetOptions::new().ttl(ttl + options.stale_ttl.unwrap_or_default())
            }
            _ => options.clone(),
        }
    }
}

impl Backend for Broken {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        Box::pin(async move { self.memory.get(&self.key(key)).await })
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        if self.has(Flaw::ActsBeforePolled) {
            let done = pollster::block_on(self.memory.set(key, value, options));
            return Box::pin(std::future::ready(done));
        }
        Box::pin(
            async move { self.memory.set(&self.key(key), value, &self.options(options)).await },
        )
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let key = self.key(key);
            match self.flaw {
                Flaw::DeleteDoesNothing => self.memory.exists(&key).await,
                // Without touching the fence.
                Flaw::FenceMovedByEntriesOnly if !self.memory.exists(&key).await? => Ok(false),
                _ => self.memory.delete(&key).await,
            }
        })
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let exists = self.memory.exists(&self.key(key)).await?;
            Ok(exists || self.has(Flaw::ExistsIsGuessed))
        })
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        self.memory.health()
    }

    fn locks(&self) -> Option<&dyn Locks> {
        Some(self)
    }

    fn ttl(&self) -> Option<&dyn TtlControl> {
        Some(self)
    }

    fn batch(&self) -> Option<&dyn Batch> {
        Some(self)
    }

    fn fencing(&self) -> Option<&dyn Fencing> {
        Some(self)
    }

    fn events(&self) -> Option<&dyn InvalidationEvents> {
        Some(self)
    }
}

impl Locks for Broken {
    fn try_acquire<'a>(
        &'a self,
        key: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<LockToken>, BackendError>> {
        Box::pin(async move {
            let lease = if self.has(Flaw::LeaseIgnored) { Duration::MAX } else { lease };
            let token = self.memory.try_acquire(key, lease).await?;
            let invented = self.has(Flaw::LockNotExclusive).then(|| LockToken::new("invented"));
            Ok(token.or(invented))
        })
    }

    fn release<'a>(
        &'a self,
        key: &'a str,
        token: &'a LockToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let released = self.memory.release(key, token).await?;
            Ok(released || self.has(Flaw::AnyTokenReleases))
        })
    }
}

impl TtlControl for Broken {
    fn expiry<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Expiry, BackendError>> {
        self.memory.expiry(key)
    }

    fn refresh<'a>(
        &'a self,
        key: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            if self.has(Flaw::RefreshCreates) && !self.memory.exists(key).await? {
                self.memory.set(key, Bytes::new(), &SetOptions::new()).await?;
            }
            self.memory.refresh(key, ttl).await
        })
    }
}

impl Batch for Broken {
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<Option<Fetched>>> {
        Box::pin(async move {
            let mut results = self.memory.get_many(keys).await;
            if self.has(Flaw::BatchReversed) {
                results.reverse();
            }
            results
        })
    }

    fn set_many<'a>(&'a self, entries: &'a [BatchEntry<'a>]) -> BoxFuture<'a, BatchResults<()>> {
        Box::pin(async move {
            if self.has(Flaw::BatchFailsAsOne) && entries.iter().any(|entry| entry.key.is_empty()) {
                let error = self.memory.get("").await.expect_err("the empty key");
                return entries.iter().map(|_| Err(error.clone())).collect();
            }
            self.memory.set_many(entries).await
        })
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<bool>> {
        self.memory.delete_many(keys)
    }
}

impl Fencing for Broken {
    fn fence<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<FenceToken, BackendError>> {
        self.memory.fence(key)
    }

    fn set_fenced<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
        token: &'a FenceToken,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            if self.has(Flaw::FenceIgnored) {
                return self.memory.set(key, value, options).await.map(|()| true);
            }
            self.memory.set_fenced(key, value, options, token).await
        })
    }
}

impl InvalidationEvents for Broken {
    fn subscribe(&self, listener: InvalidationListener) -> Subscription {
        match self.flaw {
            Flaw::EventsLost => Subscription::new(|| ()),
            Flaw::EventsEndless => {
                std::mem::forget(self.memory.subscribe(listener));
                Subscription::new(|| ())
            }
            _ => self.memory.subscribe(listener),
        }
    }
}

#[test]
fn each_flaw_is_caught_by_the_check_made_for_it() {
    let table = [
        (Flaw::OneSlotForAll, "values::each_key_has_its_own_value"),
        (Flaw::FoldsCase, "values::each_key_has_its_own_value"),
        (Flaw::TrimsKeys, "keys::unusual_keys_are_faithful_or_refused"),
        (Flaw::TruncatesKeys, "keys::long_keys_differ_at_the_end"),
        (Flaw::TakesTheEmptyKey, "keys::the_empty_key_is_refused"),
        (Flaw::DeleteDoesNothing, "values::delete_removes"),
        (Flaw::TtlIgnored, "expiry::an_entry_ends_with_its_ttl"),
        (Flaw::TtlIgnored, "expiry::impossible_options_are_refused"),
        (Flaw::StaleLooksFresh, "expiry::stale_is_never_passed_off_as_fresh"),
        (Flaw::ActsBeforePolled, "values::futures_are_lazy"),
        (Flaw::ExistsIsGuessed, "values::exists_agrees_with_get"),
        (Flaw::RefreshCreates, "ttl::refresh_creates_nothing"),
        (Flaw::LockNotExclusive, "locks::a_lock_is_exclusive"),
        (Flaw::AnyTokenReleases, "locks::only_the_holder_releases"),
        (Flaw::LeaseIgnored, "locks::a_lease_ends"),
        (Flaw::LockOfWriteIgnored, "lock_fencing::a_released_lock_writes_nothing"),
        (Flaw::LockOfWriteIgnored, "lock_fencing::an_ended_lease_writes_nothing"),
        (Flaw::LockOfWriteIgnored, "lock_fencing::a_delete_overtakes_the_holder"),
        (Flaw::LockOfWriteIgnored, "lock_fencing::a_write_overtakes_the_holder"),
        (Flaw::FenceIgnored, "fencing::a_delete_moves_the_fence"),
        (Flaw::FenceMovedByEntriesOnly, "fencing::a_delete_of_nothing_moves_the_fence"),
        (Flaw::BatchReversed, "batch::results_come_in_order"),
        (Flaw::BatchFailsAsOne, "batch::a_bad_item_spoils_no_other"),
        (Flaw::EventsLost, "events::a_delete_is_told"),
        (Flaw::EventsEndless, "events::a_dropped_subscription_is_silent"),
    ];
    for (flaw, check_name) in table {
        assert_fails(&check(|memory| Broken { memory, flaw }), check_name);
    }
}

#[test]
fn a_failure_names_the_check_and_the_expectation() {
    let report = check(|memory| Broken { memory, flaw: Flaw::DeleteDoesNothing });
    let failure = report.failures().iter().find(|f| f.check() == "values::delete_removes");
    let message = failure.expect("it fails").to_string();
    let expected = "values::delete_removes: expected no value after it was deleted, found ";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
#[should_panic(expected = "the backend does not keep its contract")]
fn a_failed_report_ends_a_test() {
    check(|memory| Broken { memory, flaw: Flaw::FenceIgnored }).assert_passed();
}
