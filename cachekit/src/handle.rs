//! A cached call by its key: look at its entry, replace it, remove it.

use std::fmt;
use std::sync::Arc;

use crate::answer::Removal;
use crate::blocking;
use crate::clock::{self, Ticks};
use crate::entry::{self, AnyEntry, Entry, Fate, Plan};
use crate::key::{self, CacheKey};
use crate::read_through::remote::{Prepared, Windows};
use crate::read_through::{OwnedKey, Remote, Route, read};
use crate::rules::{Judge, Rules, Verdict};
use crate::shape::{Kind, Shape};
use crate::site::{Site, SiteRef};
use crate::stats::Stats;
use crate::store::{Flight, Newcomer, Store, StoreRef};

mod entry_key;
mod invalidated;
mod operation;

pub use self::entry_key::EntryKey;
pub use self::invalidated::Invalidated;
pub(crate) use self::operation::Operation;

type BoxFuture<'a, T> = cachekit_io::BoxFuture<'a, T>;

/// One key's place in one store, with the types hidden. Values are boxed: large ones are moved by their address.
trait Place<R>: Send + Sync {
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

/// A handle on a call.
pub fn handle<H, R, Q, S, J>(site: SiteRef, route: R, _shape: S, key: Q, judge: J) -> H
where
    H: From<Inner<S::Return>>,
    R: Route<Q, S>,
    Q: CacheKey,
    OwnedKey<R, Q, S>: Clone,
    S: Shape + Send + Sync + 'static,
    J: Judge<OwnedKey<R, Q, S>, S> + Send + Sync + 'static,
{
    let key = route.key(key);
    let remote = R::remote(site, &key);
    place::<R::Key, S>(site, &key, Box::new(judge), remote).into()
}

/// A handle on a call whose values are judged by rules. Apart: a closure costs the compiler more than a value.
pub fn handle_ruled<H, R, Q, S, F, J>(site: SiteRef, route: R, shape: S, key: Q, rules: F) -> H
where
    H: From<Inner<S::Return>>,
    R: Route<Q, S>,
    Q: CacheKey,
    OwnedKey<R, Q, S>: Clone,
    S: Shape + Send + Sync + 'static,
    F: FnOnce(Rules<Q::Owned, S>) -> J,
    J: Judge<OwnedKey<R, Q, S>, S> + Send + Sync + 'static,
{
    handle(site, route, shape, key, rules(Rules::new()))
}

fn place<Q, S>(
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

/// What a handle is made of.
#[allow(unreachable_pub)] // Named by what generated code calls.
pub struct Inner<R> {
    key: EntryKey,
    site: &'static Site,
    place: Arc<dyn Place<R>>,
}

impl<R> Inner<R> {
    fn place(&self) -> Arc<dyn Place<R>> {
        Arc::clone(&self.place)
    }
}

/// One call of a sync cached method, by its key.
///
/// A public method `fn price(&self, item: u32)` has a companion `fn price_cache(&self, item: &u32)` that
/// returns this.
///
/// # Example
///
/// ```
/// struct Shop;
///
/// impl Shop {
///     #[cachekit::cache::local(ttl = 60, self = shared)]
///     pub fn price(&self, item: u32) -> u32 { item * 100 }
/// }
///
/// let shop = Shop;
/// shop.price(7);
/// let cached = shop.price_cache(&7);
/// assert_eq!(cached.peek(), Some(700));
/// cached.set(650);
/// assert_eq!(shop.price(7), 650);
/// cached.invalidate().ignore();
/// assert!(!cached.contains());
/// assert_eq!(cached.refresh(|| shop.price(7)), 700);
/// ```
pub struct Handle<R>(Inner<R>);

/// One call of an async cached method, by its key. See [`Handle`].
///
/// # Example
///
/// ```
/// struct Shop;
///
/// impl Shop {
///     #[cachekit::cache::local(ttl = 60, self = shared)]
///     pub async fn price(&self, item: u32) -> u32 { item * 100 }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let shop = Shop;
/// shop.price(7).await;
/// assert_eq!(shop.price_cache(&7).peek().await, Some(700));
/// # });
/// ```
pub struct AsyncHandle<R>(Inner<R>);

impl<R> From<Inner<R>> for Handle<R> {
    fn from(inner: Inner<R>) -> Self {
        Self(inner)
    }
}

impl<R> From<Inner<R>> for AsyncHandle<R> {
    fn from(inner: Inner<R>) -> Self {
        Self(inner)
    }
}

impl<R> Handle<R> {
    /// Removes the entry. Running fills of this key will not be stored.
    pub fn invalidate(&self) -> Invalidated {
        blocking::block_on(self.0.place().invalidate())
    }

    /// The cached value, without running the function and without counting as a call.
    pub fn peek(&self) -> Option<R> {
        blocking::block_on(self.0.place().peek()).map(|value| *value)
    }

    /// Whether there is a cached value.
    pub fn contains(&self) -> bool {
        blocking::block_on(self.0.place().contains())
    }

    /// Stores a value as if the function had returned it now, under the rules of its attribute. What those
    /// do not keep (an `Err`, unless they say otherwise) only removes the entry; so does every value where
    /// an option, such as `ttl = limit * 2`, needs the arguments of a call.
    pub fn set(&self, value: R) {
        blocking::block_on(self.0.place().set(value));
    }

    /// Runs `call`, a call of the cached function, so that the function runs and its result is stored.
    pub fn refresh(&self, call: impl FnOnce() -> R) -> R {
        crate::read_through::refresh(call)
    }

    /// Removes all entries of the function.
    pub fn clear(&self) -> Invalidated {
        site_clear(self.0.site)
    }

    /// Removes what has expired of the function's entries, in this process. Returns how many entries that were.
    pub fn purge(&self) -> u64 {
        site_purge(self.0.site)
    }

    /// Identifies the call.
    pub fn key(&self) -> EntryKey {
        self.0.key
    }

    /// The function's counters.
    pub fn stats(&self) -> Stats {
        self.0.site.stats()
    }
}

impl<R> AsyncHandle<R> {
    /// Removes the entry. Running fills of this key will not be stored.
    pub async fn invalidate(&self) -> Invalidated {
        self.0.place().invalidate().await
    }

    /// The cached value, without running the function and without counting as a call.
    pub async fn peek(&self) -> Option<R> {
        self.0.place().peek().await.map(|value| *value)
    }

    /// Whether there is a cached value.
    pub async fn contains(&self) -> bool {
        self.0.place().contains().await
    }

    /// Stores a value as if the function had returned it now, under the rules of its attribute. What those
    /// do not keep (an `Err`, unless they say otherwise) only removes the entry; so does every value where
    /// an option, such as `ttl = limit * 2`, needs the arguments of a call.
    pub async fn set(&self, value: R) {
        self.0.place().set(value).await;
    }

    /// Awaits `call`, a call of the cached function, so that the function runs and its result is stored.
    pub async fn refresh(&self, call: impl Future<Output = R>) -> R {
        crate::read_through::refresh_async(call).await
    }

    /// Removes all entries of the function.
    #[allow(clippy::unused_async)] // As its siblings.
    pub async fn clear(&self) -> Invalidated {
        site_clear(self.0.site)
    }

    /// Removes what has expired of the function's entries, in this process. Returns how many entries that were.
    pub fn purge(&self) -> u64 {
        site_purge(self.0.site)
    }

    /// Identifies the call.
    pub fn key(&self) -> EntryKey {
        self.0.key
    }

    /// The function's counters.
    pub fn stats(&self) -> Stats {
        self.0.site.stats()
    }
}

/// What companions do with the handle of one call, which is theirs.
impl<R> AsyncHandle<R> {
    pub(crate) fn into_invalidate(self) -> BoxFuture<'static, Invalidated> {
        self.0.place.invalidate()
    }

    pub(crate) fn into_contains(self) -> BoxFuture<'static, bool> {
        self.0.place.contains()
    }

    pub(crate) fn into_set(self, value: R) -> BoxFuture<'static, ()> {
        self.0.place.set(value)
    }
}

impl<R: 'static> AsyncHandle<R> {
    pub(crate) fn into_peek(self) -> BoxFuture<'static, Option<R>> {
        let peeked = self.0.place.peek();
        Box::pin(async move { peeked.await.map(|value| *value) })
    }
}

macro_rules! debug {
    ($($handle:ident),*) => {$(
        impl<R> fmt::Debug for $handle<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($handle)).field(&self.0.key).finish()
            }
        }
    )*};
}

debug!(Handle, AsyncHandle);

/// The counters of a function.
pub fn site_stats(site: &'static Site) -> Stats {
    site.stats()
}

/// Removes the entries of a function whose time is over, in this process.
pub fn site_purge(site: &'static Site) -> u64 {
    site.purge()
}

/// Removes all entries of a function, in this process.
pub fn site_clear(site: &'static Site) -> Invalidated {
    let removed = site.clear();
    Invalidated { removed, shared: Removal::for_clear(site) }
}
