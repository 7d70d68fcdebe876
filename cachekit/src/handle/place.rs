//! One key's place in one store: what is done with its entry, in this process and in the tier behind it.

use std::sync::Arc;

use super::{BoxFuture, EntryKey, Inner, Invalidated};
use crate::clock::{self, Ticks};
use crate::entry::{self, AnyEntry, Entry, Fate, Plan};
use crate::key::{self, CacheKey};
use crate::read_through::remote::{Prepared, Windows};
use crate::read_through::{Remote, read};
use crate::rules::{Judge, Verdict};
use crate::shape::{Kind, Shape};
use crate::site::{Site, SiteRef};
use crate::store::{Flight, Newcomer, Store, StoreRef};

/// One key's place in one store, with the types hidden. Values are boxed: large ones are moved by their address.
pub(super) trait Place<R>: Send + Sync {
    fn peek(self: Arc<Self>) -> BoxFuture<'static, Option<Box<R>>>;
    fn contains(self: Arc<Self>) -> BoxFuture<'static, bool>;
    fn set(self: Arc<Self>, value: R) -> BoxFuture<'static, ()>;
    fn invalidate(self: Arc<Self>) -> BoxFuture<'static, Invalidated>;
}

struct Typed<K, S: Shape> {
    key: K,
    hash: u64,
    store: StoreRef,
    site: &'static Site,
    judge: Box<dyn Judge<K, S> + Send + Sync>,
    remote: Remote<K, S>,
}

impl<K, S> Typed<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    fn local(&self) -> Option<Box<S::Return>> {
        let entry = self.store.fresh(self.hash)?;
        read::<S>(&self.own(&*entry)?.value).ok()
    }

    /// The entry, if it is that of this call.
    fn own<'a>(&self, entry: &'a dyn AnyEntry) -> Option<&'a Entry<K, S::Stored>> {
        entry.typed::<K, S::Stored>().filter(|entry| entry.key == self.key)
    }

    fn remove_local(&self) -> bool {
        self.store.remove(self.hash, &|other| self.own(other).is_some()).is_some()
    }
}

impl<K, S> Typed<K, S>
where
    K: Clone + Eq + Send + Sync + 'static,
    S: Shape + Send + Sync + 'static,
{
    async fn stored(&self) -> Option<Box<S::Return>> {
        if self.store.is_disabled() {
            return None;
        }
        if let Some(value) = self.local() {
            return Some(value);
        }
        if self.remote.is_none() { None } else { self.fetched().await }
    }

    // What follows stands apart from the futures that call it: these have no place for a value.

    #[inline(never)]
    fn fetched(&self) -> BoxFuture<'_, Option<Box<S::Return>>> {
        Box::pin(async { self.remote.peek(&self.store).await.map(S::restore).map(Box::new) })
    }

    #[inline(never)]
    #[allow(clippy::unnecessary_box_returns)] // It is moved by its address.
    fn prepared(&self, value: &S::Value, windows: Windows) -> Box<Prepared<S>> {
        Box::new(self.remote.prepare(value, windows))
    }

    /// Stores what this process is to keep of a value, and gives it the lead of its key.
    #[inline(never)]
    fn put(
        &self,
        prepared: &mut Prepared<S>,
        verdict: Verdict,
        window: Ticks,
        fate: Option<&Arc<Fate>>,
    ) -> Option<Flight> {
        let kept = prepared.kept.take()?;
        let plan = Plan {
            window,
            weight: verdict.weight,
            fate: fate.cloned(),
            idle: self.site.idle(),
            now: self.store.now(),
            ..Plan::until(clock::deadline(|| self.store.now(), verdict.ttl))
        };
        let entry = Arc::new(self.store.entry(self.key.clone(), kept, plan));
        Some(Store::put_flying(&self.store, self.hash, Newcomer::new(entry)))
    }

    /// `stored` is what can be stored of the value, if anything.
    fn set_stored(
        self: Arc<Self>,
        stored: Option<Box<S::Value>>,
        verdict: Verdict,
        is_error: bool,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let keep = verdict.keep && !self.store.is_disabled() && !self.remote.stores_nothing();
            let (Some(stored), true) = (stored, keep) else {
                // What is not kept, by the rules or because caching is off here, still outdates what is
                // there.
                self.invalidate().await.ignore();
                return;
            };
            // First here: a value that is written there last wins there, and this process agrees.
            let fate = if self.remote.is_some() { entry::fate(self.hash) } else { None };
            let window = if is_error { 0 } else { self.site.window() };
            let mut prepared = self.prepared(&stored, (verdict, window));
            // In flight until it is written there, too: a run that started later may be faster, and wins.
            let flight = self.put(&mut prepared, verdict, window, fate.as_ref());
            if flight.is_none() {
                self.remove_local();
            }
            if let Some(fate) = &fate {
                self.remote.replace(fate, &prepared, &self.store).await;
            }
            drop(flight);
        })
    }
}

/// What can be stored of a value.
#[inline(never)]
fn stored<S: Shape>(value: &S::Return) -> Option<Box<S::Value>> {
    S::stored(value).cloned().map(Box::new)
}

impl<K, S> Place<S::Return> for Typed<K, S>
where
    K: Clone + Eq + Send + Sync + 'static,
    S: Shape + Send + Sync + 'static,
{
    fn peek(self: Arc<Self>) -> BoxFuture<'static, Option<Box<S::Return>>> {
        Box::pin(async move { self.stored().await })
    }

    fn contains(self: Arc<Self>) -> BoxFuture<'static, bool> {
        Box::pin(async move { self.stored().await.is_some() })
    }

    fn set(self: Arc<Self>, value: S::Return) -> BoxFuture<'static, ()> {
        let verdict = self.judge.judge(&self.key, &value, self.site.ttl());
        let stored = stored::<S>(&value);
        let is_error = S::kind(&value) == Kind::Err;
        drop(value);
        self.set_stored(stored, verdict, is_error)
    }

    fn invalidate(self: Arc<Self>) -> BoxFuture<'static, Invalidated> {
        Box::pin(async move {
            self.store.count_invalidation();
            let removed = self.remove_local();
            let shared = self.remote.remove(&self.store).await;
            if self.remote.is_some() {
                // A call that came in between may have found the old value still there.
                self.remove_local();
            }
            Invalidated { removed: u64::from(removed), shared }
        })
    }
}

/// The place of a call, with what a handle has besides.
pub(super) fn place<Q, S>(
    site: SiteRef,
    key: &Q,
    judge: Box<dyn Judge<Q::Owned, S> + Send + Sync>,
    remote: Remote<Q::Owned, S>,
) -> Inner<S::Return>
where
    Q: CacheKey,
    Q::Owned: Clone,
    S: Shape + Send + Sync + 'static,
{
    let hash = site.place(key::hash_of(key));
    let store = site.store();
    let owned = key.to_owned_key();
    let info = &site.site.info;
    let blinded = remote.blinded();
    Inner {
        key: EntryKey { module: info.module, name: info.name, hash, blinded },
        site: site.site,
        place: Arc::new(Typed::<Q::Owned, S> {
            key: owned,
            hash,
            store,
            site: site.site,
            judge,
            remote,
        }),
    }
}
