//! One key in one store: operations on its entry, in this process and in the tier behind it.

use std::sync::Arc;

use super::placed::Placed;
use super::{BoxFuture, EntryKey, Inner, Invalidated};
use crate::cached_function::{CachedFunction, FunctionRef};
use crate::clock;
use crate::entry::{AnyEntry, Entry, Fate, Plan};
use crate::explain::Explanation;
use crate::read_through::behind::{Prepared, Removal};
use crate::read_through::read;
use crate::read_through::remote::{MakeRemote, Remote};
use crate::rules::{Judge, Verdict};
use crate::shape::{Kind, Shape};
use crate::store::{Flight, Store};

/// One key in one store, with the types hidden. Values are boxed, so that large ones are moved by address.
pub(crate) trait ErasedKey<R>: Send + Sync {
    fn peek(self: Arc<Self>) -> BoxFuture<'static, Option<Box<R>>>;
    fn contains(self: Arc<Self>) -> BoxFuture<'static, bool>;
    fn set(self: Arc<Self>, value: R) -> BoxFuture<'static, ()>;
    fn invalidate(self: Arc<Self>) -> BoxFuture<'static, Invalidated>;
    fn explain(self: Arc<Self>) -> BoxFuture<'static, Explanation>;
}

pub(super) struct Typed<K, S: Shape> {
    key: K,
    pub(super) hash: u64,
    pub(super) store: Placed,
    pub(super) function: &'static CachedFunction,
    judge: Box<dyn Judge<K, S> + Send + Sync>,
    /// The tier behind this process, if the call has one.
    pub(super) remote: Option<Remote<S>>,
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

    /// The entry, if it belongs to this call.
    pub(super) fn own<'a>(&self, entry: &'a dyn AnyEntry) -> Option<&'a Entry<K, S::Stored>> {
        entry.of_key(|key| *key == self.key)
    }

    /// The tier, if it has a backend.
    fn backed(&self) -> Option<&Remote<S>> {
        self.remote.as_ref().filter(|remote| remote.has_backend())
    }

    fn remove_local(&self) -> bool {
        self.store.remove(self.hash, &|other| self.own(other).is_some()).is_some()
    }
}

impl<K, S> Typed<K, S>
where
    K: Clone + Eq + Send + Sync + 'static,
    S: Shape + 'static,
{
    async fn stored(&self) -> Option<Box<S::Return>> {
        if self.store.is_disabled() {
            return None;
        }
        if let Some(value) = self.local() {
            return Some(value);
        }
        self.fetched(self.backed()?).await
    }

    // The following is separate from the futures that call it, which have no space for a value.

    #[inline(never)]
    fn fetched<'a>(&'a self, remote: &'a Remote<S>) -> BoxFuture<'a, Option<Box<S::Return>>> {
        Box::pin(async { remote.peek(&self.store).await.map(S::restore).map(Box::new) })
    }

    // The window of a verdict is that of the entry, in both.

    /// What this process keeps of a value, and what the backend gets.
    #[inline(never)]
    fn prepared(
        &self,
        value: &S::Value,
        verdict: Verdict,
    ) -> (Option<Box<S::Stored>>, Option<Prepared>) {
        match &self.remote {
            Some(remote) => {
                let (prepared, kept) = remote.prepare(value, verdict);
                (kept.map(Box::new), Some(prepared))
            }
            None => (Some(Box::new(S::kept(value))), None),
        }
    }

    /// Stores what this process keeps of a value, and makes it take the lead of its key.
    #[inline(never)]
    #[allow(clippy::boxed_local)] // It is moved by its address.
    fn put(
        &self,
        kept: Box<S::Stored>,
        verdict: Verdict,
        kind: Kind,
        fate: Option<&Arc<Fate>>,
    ) -> Flight {
        let plan = Plan {
            window: verdict.window,
            weight: verdict.weight,
            fate: fate.cloned(),
            idle: self.function.idle(),
            now: self.store.now(),
            negative: kind != Kind::Value,
            ..Plan::until(clock::deadline(|| self.store.now(), verdict.ttl))
        };
        let entry = Arc::new(self.store.entry(self.key.clone(), *kept, plan));
        Store::put_flying(&self.store, self.hash, entry)
    }

    /// `stored` is what can be stored of the value, if anything.
    fn set_stored(
        self: Arc<Self>,
        stored: Option<Box<S::Value>>,
        verdict: Verdict,
        kind: Kind,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let stores_nothing = self.remote.as_ref().is_some_and(Remote::stores_nothing);
            let keep = verdict.keep && !self.store.is_disabled() && !stores_nothing;
            let (Some(stored), true) = (stored, keep) else {
                // A value that is not kept, because of the rules or because caching is off here, still
                // outdates the existing one.
                self.invalidate().await.ignore();
                return;
            };
            // Here first: a value that is written there last wins there, and this process agrees.
            let backed = self.backed();
            let fate = backed.map(|_| Fate::new(self.hash));
            let window = if kind == Kind::Err { 0 } else { self.function.window() };
            let verdict = Verdict { window, ..verdict };
            let (kept, prepared) = self.prepared(&stored, verdict);
            // In flight until it is written there, too: a run that started later may be faster, and then
            // wins.
            let flight = kept.map(|kept| self.put(kept, verdict, kind, fate.as_ref()));
            if flight.is_none() {
                self.remove_local();
            }
            if let (Some(remote), Some(fate), Some(prepared)) = (backed, &fate, &prepared) {
                remote.replace(fate, prepared, &self.store).await;
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

impl<K, S> ErasedKey<S::Return> for Typed<K, S>
where
    K: Clone + Eq + Send + Sync + 'static,
    S: Shape + 'static,
{
    fn peek(self: Arc<Self>) -> BoxFuture<'static, Option<Box<S::Return>>> {
        Box::pin(async move { self.stored().await })
    }

    fn contains(self: Arc<Self>) -> BoxFuture<'static, bool> {
        Box::pin(async move { self.stored().await.is_some() })
    }

    fn set(self: Arc<Self>, value: S::Return) -> BoxFuture<'static, ()> {
        let verdict = self.judge.judge(&self.key, &value, self.function.ttl());
        let stored = stored::<S>(&value);
        let kind = S::kind(&value);
        drop(value);
        self.set_stored(stored, verdict, kind)
    }

    fn invalidate(self: Arc<Self>) -> BoxFuture<'static, Invalidated> {
        Box::pin(async move {
            self.store.count_invalidation();
            let removed = self.remove_local();
            let Some(remote) = &self.remote else {
                return Invalidated { removed: u64::from(removed), shared: Removal::NotUsed };
            };
            let shared = remote.remove(&self.store).await;
            if remote.has_backend() {
                // A call in between may have found the old value there.
                self.remove_local();
            }
            Invalidated { removed: u64::from(removed), shared }
        })
    }

    fn explain(self: Arc<Self>) -> BoxFuture<'static, Explanation> {
        Box::pin(async move { self.explained().await })
    }
}

/// A call by its key, with the key's type hidden, before its store is looked up.
pub(super) trait ErasedCall<R>: Send + Sync {
    /// Looks up the store, in the process or in the current test scope.
    fn placed(self: Box<Self>) -> Inner<R>;
}

/// The types behind it.
pub(super) struct Call<K, S: Shape> {
    pub(super) function: FunctionRef,
    pub(super) key: K,
    pub(super) hash: u64,
    pub(super) judge: Box<dyn Judge<K, S> + Send + Sync>,
    pub(super) remote: MakeRemote<K, S>,
}

impl<K, S> ErasedCall<S::Return> for Call<K, S>
where
    K: Clone + Eq + Send + Sync + 'static,
    S: Shape + 'static,
{
    fn placed(self: Box<Self>) -> Inner<S::Return> {
        let Call { function, key, hash, judge, remote } = *self;
        let store = Placed::of(function);
        let info = &function.definition.info;
        let remote = remote(function, store.found(), &key);
        let blinded = remote.as_ref().and_then(Remote::blinded);
        Inner {
            key: EntryKey { module: info.module, name: info.name, hash, blinded },
            function: function.definition,
            place: Arc::new(Typed::<K, S> {
                key,
                hash,
                store,
                function: function.definition,
                judge,
                remote,
            }),
        }
    }
}
