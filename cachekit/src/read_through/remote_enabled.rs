//! The shared tier as one function sees it. No failure leaves this file: a tier that is down, slow or
//! corrupt is a miss.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cachekit_io::{Backend, FenceToken, SetOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Purpose;
use crate::clock::{self, Ticks};
use crate::entry::Entry;
use crate::key::CacheKey;
use crate::rules::Verdict;
pub(crate) use crate::shared::Removal;
use crate::shared::fill_lock::{Held, LEASE, Waiting};
use crate::shared::frame::{Compression, Frame, Lifetime, Place, now_ms};
use crate::shared::key::storage_key;
use crate::shared::link::{Failed, Link, Written};
use crate::shared::{backend, codec};
use crate::site::{Site, SiteRef, Tier};
use crate::store::Store;

impl Removal {
    /// A backend cannot list a function's keys, so clearing is not confirmed where there is one.
    pub(crate) fn for_clear(site: &'static Site) -> Self {
        let tier = site.info.tier;
        let uses_one = site.info.policy.own_backend || !matches!(backend(tier), Ok(None));
        if tier != Tier::Local && uses_one { Self::Failed } else { Self::NotUsed }
    }
}

/// A value from the shared tier.
pub(crate) struct Fetched<V> {
    pub(crate) value: V,
    /// How long it may be served from here: `NEVER` without end, 0 not beyond this call.
    pub(crate) remaining: Ticks,
    /// For how long after that it may be served while the function runs again.
    pub(crate) window: Ticks,
    pub(crate) weight: u64,
}

/// What the tier has for a call.
pub(crate) enum Answer<V> {
    /// A fresh value.
    Fresh(Fetched<V>),
    /// One that may be served while the function runs again.
    Stale(Fetched<V>),
    /// Nothing: run the function.
    Run,
    /// Nothing, and another process is about to refresh it: leave it alone.
    StandDown,
}

/// How a value goes over the wire, as plain function pointers: one per type, not one per function.
struct Wire<V> {
    encode: fn(&V, codec::Choice) -> Option<codec::Encoded>,
    decode: fn(codec::EncodedRef<'_>) -> Option<V>,
}

/// The shared tier of one call: its place there, and the backend there was when it started.
struct Target<V> {
    /// The key names this call and no other. Else only removals go there: a value may have been written
    /// before the second owner of the name appeared, and removing is always safe.
    unambiguous: bool,
    link: Link,
    wire: Wire<V>,
    /// Taken before the value was computed; a removal since then makes the backend refuse the value.
    fence: Option<FenceToken>,
    /// The lock that keeps other processes from running the function meanwhile.
    lock: Option<Held>,
    /// The tier is left alone, because it is down or has used up this call's time.
    given_up: bool,
    /// Results may be served for so long after their time.
    window: Ticks,
    /// How long to wait for another process that runs the function.
    lock_wait: Option<Duration>,
    blocking: bool,
}

impl<V> Target<V> {
    fn place(&self) -> Place<'_> {
        Place { key: self.link.key(), type_name: std::any::type_name::<V>() }
    }

    /// Looks for a whole value that may be served.
    async fn look(&self, store: &Store, until: Instant) -> Result<Answer<V>, Failed> {
        let Some(fetched) = self.link.get(store, until).await? else { return Ok(Answer::Run) };
        Ok(self.read(&fetched).unwrap_or(Answer::Run))
    }

    fn read(&self, fetched: &cachekit_io::Fetched) -> Option<Answer<V>> {
        let frame = Frame::decode(fetched.value(), self.place())?;
        let now = now_ms();
        // What the backend calls stale is not for this process to keep, and what it bounds not beyond.
        let bound = if fetched.is_fresh() { clock::span(fetched.fresh_for()) } else { 0 };
        let lifetime = frame.lifetime(now);
        let (remaining, in_window) = match lifetime {
            Lifetime::Fresh(left) => (left.min(bound), true),
            // The writer's window and ours: the shorter one counts.
            Lifetime::Stale(_) => {
                (0, frame.age(now) < frame.fresh_ms.saturating_add(millis(self.window)))
            }
            Lifetime::Gone => (0, false),
        };
        let in_window = self.window > 0 && in_window;
        if remaining == 0 && !in_window {
            return None;
        }
        let value = (self.wire.decode)(frame.encoded())?;
        let window = if fetched.fresh_for().is_none() { self.window } else { 0 };
        let found = Fetched { value, remaining, window, weight: frame.weight };
        Some(if remaining > 0 { Answer::Fresh(found) } else { Answer::Stale(found) })
    }

    async fn take_fence(&mut self, store: &Store, until: Instant) -> Result<(), Failed> {
        self.fence = self.link.fence(store, until).await?;
        Ok(())
    }

    /// All steps before the function runs.
    async fn consult(&mut self, store: &Store, purpose: Purpose) -> Result<Answer<V>, Failed> {
        let until = self.link.deadline();
        // The fence stands before the look: a removal between the two is noticed.
        if self.take_fence(store, until).await == Err(Failed::Late) {
            return Err(Failed::Late);
        }
        match purpose {
            Purpose::Forced => Ok(Answer::Run),
            Purpose::Refresh => self.refresh(store, until).await,
            Purpose::Alone => self.look(store, until).await,
            Purpose::Fill => match self.look(store, until).await? {
                Answer::Run => self.lead(store, until).await,
                found => Ok(found),
            },
        }
    }

    /// For a refresh: nobody waits for it, so it yields to any other process that is at it.
    async fn refresh(&mut self, store: &Store, until: Instant) -> Result<Answer<V>, Failed> {
        if self.lock_wait.is_some() && self.link.has_locks() {
            match self.link.try_acquire(store, until, LEASE).await {
                Ok(Some(token)) => self.lock = Some(Held::new(&self.link, token)),
                Ok(None) | Err(_) => return Ok(Answer::StandDown),
            }
        }
        Ok(match self.look(store, until).await? {
            // Another process was faster.
            Answer::Fresh(found) => Answer::Fresh(found),
            _ => Answer::Run,
        })
    }

    /// For a miss: one process runs the function, the others wait for its value, up to a time.
    async fn lead(&mut self, store: &Store, mut until: Instant) -> Result<Answer<V>, Failed> {
        let Some(most) = self.lock_wait.filter(|_| self.link.has_locks()) else {
            return Ok(Answer::Run);
        };
        let mut waiting = None;
        loop {
            let token = match self.link.try_acquire(store, until, LEASE).await {
                Ok(token) => token,
                Err(Failed::Late) => return Err(Failed::Late),
                // A lock that cannot be asked for keeps nobody from running.
                Err(_) => return Ok(Answer::Run),
            };
            if let Some(token) = token {
                self.lock = Some(Held::new(&self.link, token));
                if waiting.is_some() {
                    // Who had the lock before may have written meanwhile.
                    self.take_fence(store, until).await?;
                }
                let answer = self.look(store, until).await?;
                if !matches!(answer, Answer::Run) {
                    self.lock = None;
                }
                return Ok(answer);
            }
            let waiting = waiting.get_or_insert_with(|| {
                store.count_lock_wait();
                Waiting::new(most)
            });
            if !waiting.pause(self.blocking).await {
                return Ok(Answer::Run);
            }
            // A budget of their own for each round: what is cut short here would count as a failure.
            until = self.link.deadline();
            match self.look(store, until).await? {
                Answer::Run => {}
                found => return Ok(found),
            }
        }
    }
}

fn millis(span: Ticks) -> u64 {
    u64::try_from(clock::duration(span).as_millis()).unwrap_or(u64::MAX)
}

/// The shared tier of one call, if there is one. Boxed: most calls carry none.
pub(crate) struct Remote<K, V>(Option<Box<Target<V>>>, PhantomData<fn() -> K>);

impl<K, V> Remote<K, V> {
    /// For values that stay in the process.
    #[inline]
    pub(crate) fn nowhere() -> Self {
        Self(None, PhantomData)
    }

    /// At the backend that is configured, if there is one.
    pub(crate) fn of<Q>(site: SiteRef, key: &Q) -> Self
    where
        Q: CacheKey<Owned: Serialize>,
        V: Serialize + DeserializeOwned,
    {
        match backend(site.site.info.tier) {
            Ok(Some(backend)) => Self::at(site, key, backend),
            Ok(None) => Self::nowhere(),
            Err(_) => {
                // Asked for and not to be had; `check` says why.
                site.store().count_shared_error();
                Self::nowhere()
            }
        }
    }

    /// At this backend.
    pub(crate) fn at<Q>(site: SiteRef, key: &Q, backend: Arc<dyn Backend>) -> Self
    where
        Q: CacheKey<Owned: Serialize>,
        V: Serialize + DeserializeOwned,
    {
        let Some((key, unambiguous)) = storage_key(site, key) else { return Self::nowhere() };
        let policy = &site.site.info.policy;
        let target = Target {
            unambiguous,
            link: Link::new(backend, key, policy.is_async),
            wire: Wire { encode: codec::encode, decode: codec::decode },
            fence: None,
            lock: None,
            given_up: false,
            window: site.site.window(),
            lock_wait: policy.fill_lock,
            blocking: !policy.is_async,
        };
        Self(Some(Box::new(target)), PhantomData)
    }

    /// The tier, if it may hold this call's value.
    fn holding(&self) -> Option<&Target<V>> {
        self.0.as_deref().filter(|target| target.unambiguous)
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// The value, if the tier has a whole and fresh one.
    pub(crate) async fn peek(&self, store: &Store) -> Option<V> {
        let target = self.holding()?;
        if !target.link.admits(store) {
            return None;
        }
        match target.look(store, target.link.deadline()).await {
            Ok(Answer::Fresh(found)) => Some(found.value),
            _ => None,
        }
    }

    /// Asks the tier before the function runs.
    pub(crate) async fn consult(&mut self, store: &Store, purpose: Purpose) -> Answer<V> {
        let Some(target) = self.0.as_deref_mut().filter(|target| target.unambiguous) else {
            return Answer::Run;
        };
        // Who forces a run wants the old value gone there, too: that is tried in any case.
        if purpose != Purpose::Forced && !target.link.admits(store) {
            target.given_up = true;
            return Answer::Run;
        }
        match target.consult(store, purpose).await {
            Ok(answer) => answer,
            Err(failed) => {
                target.given_up = failed == Failed::Late;
                Answer::Run
            }
        }
    }

    /// Writes a value, unless it was invalidated meanwhile. False if the backend knows of an
    /// invalidation: the value is not to be kept here either.
    pub(crate) async fn store(
        &self,
        entry: &Arc<Entry<K, V>>,
        value: &V,
        (verdict, window): (Verdict, Ticks),
        store: &Store,
    ) -> bool {
        let Some(target) = self.holding() else { return true };
        if entry.head.is_dead() {
            return false;
        }
        if target.given_up {
            return true;
        }
        let Some(encoded) = (target.wire.encode)(value, codec::Choice::Auto) else {
            store.count_shared_error();
            return true;
        };
        let ttl = (verdict.ttl != clock::NEVER).then(|| clock::duration(verdict.ttl));
        let fresh_ms =
            ttl.map_or(0, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1));
        let frame = Frame {
            created_ms: now_ms(),
            fresh_ms,
            stale_ms: if ttl.is_some() { millis(window) } else { 0 },
            cost_us: 0,
            weight: verdict.weight,
            codec: encoded.stamp,
            payload: encoded.bytes.into(),
        };
        let bytes = frame.encode(target.place(), Compression::Lz4);
        let Some(bytes) = bytes.map(Bytes::from) else { return true };
        let mut options = SetOptions::new();
        if let Some(ttl) = ttl {
            options = options.ttl(ttl);
            if window > 0 {
                options = options.stale_ttl(clock::duration(window));
            }
        }
        if let Some(token) = target.lock.as_ref().and_then(Held::token) {
            options = options.lock(token);
        }
        let until = target.link.deadline();
        let written = target.link.set(store, until, bytes, (options, target.fence.clone())).await;
        // An invalidation that came while the write was under way may have reached the backend before
        // it: take the value back. A refused one is not there.
        if entry.head.is_dead() && written != Written::Refused {
            self.remove(store).await;
        }
        written != Written::Refused
    }

    pub(crate) async fn remove(&self, store: &Store) -> Removal {
        let Some(target) = self.0.as_deref() else { return Removal::NotUsed };
        match target.link.delete(store).await {
            Ok(_) => Removal::Confirmed,
            Err(_) => Removal::Failed,
        }
    }
}
