//! One call, from top to bottom:
//!
//! 1. this thread's front ([`crate::front`]), without a lock;
//! 2. the store ([`crate::store`]), under one shard's read lock;
//! 3. a flight ([`crate::flight`]): one caller goes on, the others wait for its result;
//! 4. the shared tier, if there is one ([`remote`]);
//! 5. the author's function;
//! 6. the outcome rules ([`crate::rules`]), then the shared tier, the store and the front are filled.
//!
//! Only steps 1 and 5 are compiled into every annotated function.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::clock::{self, Ticks};
use crate::entry::{AnyEntry, Entry, Owner};
use crate::flight::{Caller, Failure, Flight, FlightId, Flights, Join, Landing, Wait, chain};
use crate::front::{self, Hit};
use crate::key::{self, CacheKey};
use crate::rules::{Defaults, Judge, Rules, Verdict};
use crate::shape::Shape;
use crate::shareable::{Shareable, ShareableKey};
use crate::site::{SiteRef, StoreRef};
use crate::store::{Found, Store};
use crate::testing;

pub(crate) mod blocking;
#[cfg_attr(feature = "shared", path = "remote_enabled.rs")]
#[cfg_attr(not(feature = "shared"), path = "remote_disabled.rs")]
pub(crate) mod remote;

pub(crate) use remote::Remote;

/// Runs of the function that a caller waits for in vain before it runs the function itself.
///
/// More than one, so that a short failure is not answered by a stampede; few, so that callers do not
/// queue up behind one failing run after the other.
const MAX_FAILED_WAITS: u8 = 2;

/// Looks a call up in this process.
#[inline]
pub fn lookup<Q, S>(site: SiteRef, shape: S, key: Q) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    lookup_tiers(site, shape, key, |_, _| Remote::nowhere())
}

/// Looks a call up; on a miss the shared tier will be asked too.
#[inline]
pub fn lookup_shared<Q, S>(site: SiteRef, shape: S, key: Q) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    Q::Owned: ShareableKey,
    S: Shape,
    S::Stored: Shareable,
{
    lookup_tiers(site, shape, key, Remote::of::<Q>)
}

/// Makes what a call needs of the shared tier, on a miss.
type MakeRemote<Q, S> = fn(SiteRef, &Q) -> Remote<<Q as CacheKey>::Owned, <S as Shape>::Stored>;

#[inline]
fn lookup_tiers<Q, S>(
    site: SiteRef,
    _shape: S,
    key: Q,
    remote: MakeRemote<Q, S>,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    let function = site.function();
    let hash = Owner { function, instance: 0 }.mix(key::hash_of(&key));
    let hit = front::with(|front| {
        let scope = front.effective.get();
        front.get(
            Owner { function, instance: scope },
            hash,
            || if scope == 0 { clock::coarse_now() } else { testing::now() },
            |owned| key.matches(owned),
            S::Stored::clone,
        )
    });
    match hit {
        Some(Some(Hit { value, touch })) => {
            if touch {
                touch_site(site, hash);
            }
            Ok(S::restore(value))
        }
        _ => find_site(site, hash, &key, remote),
    }
}

#[cold]
#[inline(never)]
fn touch_site(site: SiteRef, hash: u64) {
    site.store().touch(hash);
}

#[inline(never)]
fn find_site<Q, S>(
    site: SiteRef,
    hash: u64,
    key: &Q,
    remote: MakeRemote<Q, S>,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    let store = site.store();
    let target = Target { store: &store, hash, ttl: site.site.ttl() };
    find(&target, key, remote(site, key), || store.clone())
}

/// Where a call's entry belongs.
pub(crate) struct Target<'a> {
    pub(crate) store: &'a Store,
    pub(crate) hash: u64,
    /// How long entries live if the attribute has nothing better to say.
    pub(crate) ttl: Ticks,
}

/// Looks into the store. A miss carries what a fill needs; `keep` holds the store for it.
pub(crate) fn find<Q, S>(
    target: &Target<'_>,
    key: &Q,
    remote: Remote<Q::Owned, S::Stored>,
    keep: impl FnOnce() -> StoreRef,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    let &Target { store, hash, ttl } = target;
    let forced = take_forced();
    let seen = Flights::global().landed(hash);
    if !store.is_disabled() {
        if !forced {
            if let Some(value) = stored::<Q, S>(store, hash, key) {
                return Ok(S::restore(value));
            }
        }
        store.count_miss();
    }
    let entry = store.entry(hash, key.to_owned_key());
    let store = keep();
    let shape = PhantomData;
    Err(Miss { entry, store, seen, forced, ttl, failed: 0, remote, weigh: None, shape })
}

/// A copy of the value that the store has for a key.
fn stored<Q, S>(store: &Store, hash: u64, key: &Q) -> Option<S::Stored>
where
    Q: CacheKey,
    S: Shape,
{
    let Found::Alive(entry) = store.find(hash) else { return None };
    let value = value_of::<Q::Owned, S::Stored>(&*entry, |owned| key.matches(owned))?;
    store.count_hit(&entry);
    Some(value)
}

/// Whether the next call on this thread is to run its function; asked once.
fn take_forced() -> bool {
    front::with(|front| {
        let forced = front.is_forced();
        if forced {
            front.force(false);
        }
        forced
    })
    .unwrap_or(false)
}

/// A copy of an entry's value if its types and key are the ones asked for.
fn value_of<K: 'static, V: Clone + 'static>(
    entry: &dyn AnyEntry,
    same: impl FnOnce(&K) -> bool,
) -> Option<V> {
    let entry = entry.as_any().downcast_ref::<Entry<K, V>>()?;
    if same(&entry.key) { entry.value.get().cloned() } else { None }
}

/// A call that found nothing. It runs the author's function, or waits for somebody who does.
#[must_use]
pub struct Miss<K, S: Shape> {
    /// Not published yet; the flight, once there is one.
    entry: Arc<Entry<K, S::Stored>>,
    store: StoreRef,
    /// Landings when the store was looked into.
    seen: u64,
    /// Run the function whatever else is going on.
    forced: bool,
    ttl: Ticks,
    /// Failed runs waited for.
    failed: u8,
    remote: Remote<K, S::Stored>,
    /// What the cache says of an entry's weight, over what the attribute says.
    weigh: Option<Weigh<K, S::Stored>>,
    shape: PhantomData<S>,
}

/// Weight of an entry by its key and value.
pub(crate) type Weigh<K, V> = Arc<dyn Fn(&K, &V) -> u64 + Send + Sync>;

impl<K, S: Shape> std::fmt::Debug for Miss<K, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Miss").finish_non_exhaustive()
    }
}

/// How a miss goes on.
enum Begun<R> {
    /// Somebody else's result.
    Value(R),
    /// Run the function; the flight is ours.
    Lead(Flight),
    /// Run the function, tell nobody: caching is off.
    Disabled,
}

/// What one attempt to begin came to.
enum Attempt<R> {
    Begun(Begun<R>),
    Wait(Arc<Wait>, Arc<dyn AnyEntry>),
}

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    pub(crate) fn weighed(mut self, weigh: Option<&Weigh<K, S::Stored>>) -> Self {
        self.weigh = weigh.cloned();
        self
    }

    /// Starts the options that need the value.
    pub fn rules(&self) -> Rules<K, S> {
        Rules::new()
    }

    /// Runs a sync function.
    // Out of line, so that the annotated function itself is little more than its hit path.
    #[inline(never)]
    pub fn run(self, f: impl FnOnce() -> S::Return) -> S::Return {
        self.run_with(Defaults, f)
    }

    /// Runs a sync function under rules.
    #[inline(never)]
    #[allow(clippy::needless_pass_by_value)] // A temporary of generated code.
    pub fn run_with(mut self, rules: impl Judge<K, S>, f: impl FnOnce() -> S::Return) -> S::Return {
        match self.begin_blocking() {
            Begun::Value(value) => value,
            Begun::Disabled => f(),
            Begun::Lead(flight) => {
                // The rules and the value's `Clone` belong to the run: they, too, may call the function.
                chain::run(flight.id(), || {
                    let ret = f();
                    let verdict = rules.judge(&self.entry.key, &ret, self.ttl);
                    self.finish_blocking(flight, &ret, verdict);
                    ret
                })
            }
        }
    }

    /// Runs an async function.
    pub async fn run_async(self, future: impl Future<Output = S::Return>) -> S::Return {
        self.run_async_with(Defaults, future).await
    }

    /// Runs an async function under rules.
    pub async fn run_async_with(
        self,
        rules: impl Judge<K, S>,
        future: impl Future<Output = S::Return>,
    ) -> S::Return {
        let mut this = self;
        match this.begin().await {
            Begun::Value(value) => value,
            Begun::Disabled => future.await,
            Begun::Lead(flight) => {
                let id = flight.id();
                let run = async {
                    let ret = future.await;
                    let verdict = rules.judge(&this.entry.key, &ret, this.ttl);
                    this.finish(flight, &ret, verdict).await;
                    ret
                };
                chain::drive(id, run).await
            }
        }
    }

    async fn begin(&mut self) -> Begun<S::Return> {
        loop {
            match self.attempt(true) {
                Attempt::Begun(Begun::Lead(flight)) => {
                    return chain::drive(flight.id(), self.ask_remote(flight)).await;
                }
                Attempt::Begun(begun) => return begun,
                Attempt::Wait(wait, leader) => {
                    if let Some(value) = self.wait(&wait, &leader).await {
                        return Begun::Value(value);
                    }
                }
            }
        }
    }

    fn begin_blocking(&mut self) -> Begun<S::Return> {
        loop {
            match self.attempt(false) {
                Attempt::Begun(Begun::Lead(flight)) if self.remote.is_some() => {
                    return chain::run(flight.id(), || blocking::block_on(self.ask_remote(flight)));
                }
                Attempt::Begun(begun) => return begun,
                Attempt::Wait(wait, leader) => {
                    if let Some(value) = blocking::block_on(self.wait(&wait, &leader)) {
                        return Begun::Value(value);
                    }
                }
            }
        }
    }

    /// Takes the lead, or finds out who has it.
    fn attempt(&mut self, asynchronous: bool) -> Attempt<S::Return> {
        if self.store.is_disabled() {
            return Attempt::Begun(Begun::Disabled);
        }
        let flights = Flights::global();
        let erased: Arc<dyn AnyEntry> = Arc::clone(&self.entry) as Arc<dyn AnyEntry>;
        if self.forced || self.failed >= MAX_FAILED_WAITS {
            return Attempt::Begun(Begun::Lead(flights.lead_alone(erased)));
        }
        let caller = Caller { asynchronous, seen: self.seen };
        let hash = self.entry.head.hash;
        match flights.join(erased, hash, caller, |other| self.entry.is_same(other)) {
            Join::Wait(wait, leader) => Attempt::Wait(wait, leader),
            Join::Lead { flight, recheck: false } => Attempt::Begun(Begun::Lead(flight)),
            Join::Lead { flight, recheck: true } => match self.look_again() {
                Some(value) => {
                    flight.land(Landing::Cancelled);
                    Attempt::Begun(Begun::Value(value))
                }
                None => Attempt::Begun(Begun::Lead(flight)),
            },
        }
    }

    /// Another fill may have landed between our look at the store and our taking the lead.
    fn look_again(&self) -> Option<S::Return> {
        let Found::Alive(entry) = self.store.find(self.entry.head.hash) else { return None };
        let value = value_of::<K, S::Stored>(&*entry, |key| *key == self.entry.key)?;
        Some(S::restore(value))
    }

    /// Waits for the leader. `None`: try again.
    async fn wait(&mut self, wait: &Wait, leader: &Arc<dyn AnyEntry>) -> Option<S::Return> {
        let Some(waiting) = chain::wait_for(FlightId::of(leader)) else {
            // Another caller closed the circle just now: go alone.
            self.failed = MAX_FAILED_WAITS;
            return None;
        };
        let landing = wait.landing().await;
        drop(waiting);
        // What the next attempt finds in the store is newer than this.
        self.seen = Flights::global().landed(self.entry.head.hash).wrapping_sub(1);
        match landing {
            Landing::Ready => {
                let value = value_of::<K, S::Stored>(&**leader, |_| true)?;
                Some(S::restore(value))
            }
            Landing::Failed(failure) => {
                self.failed += 1;
                match failure {
                    Failure::Shared(shared) => S::unshare(&*shared),
                    Failure::Unshared => None,
                }
            }
            Landing::Cancelled => None,
        }
    }

    /// Asks the shared tier before running the function.
    async fn ask_remote(&mut self, flight: Flight) -> Begun<S::Return> {
        // The fence stands before the look: a removal between the two is noticed.
        self.remote.fence(&self.store).await;
        if self.forced {
            return Begun::Lead(flight);
        }
        let Some(found) = self.remote.fetch(&self.store).await else {
            return Begun::Lead(flight);
        };
        let ttl = self.ttl.min(found.remaining);
        self.store.count_shared_hit();
        let ret = S::restore(found.value.clone());
        self.publish(&flight, found.value, Verdict { keep: true, ttl, weight: found.weight });
        flight.land(Landing::Ready);
        Begun::Value(ret)
    }

    /// Stores a leader's result and lets the waiters have it.
    async fn finish(&self, flight: Flight, ret: &S::Return, mut verdict: Verdict) {
        if self.remote.is_some() {
            if let (true, Some(stored)) = (verdict.keep, S::stored(ret)) {
                verdict.keep = self.remote.store(&self.entry, stored, verdict, &self.store).await;
            }
        }
        self.settle(flight, ret, verdict);
    }

    fn finish_blocking(&self, flight: Flight, ret: &S::Return, verdict: Verdict) {
        if self.remote.is_some() {
            blocking::block_on(self.finish(flight, ret, verdict));
        } else {
            self.settle(flight, ret, verdict);
        }
    }

    fn settle(&self, flight: Flight, ret: &S::Return, verdict: Verdict) {
        self.store.count_load();
        let landing = match (S::stored(ret), verdict.keep) {
            (Some(stored), true) => {
                self.publish(&flight, stored.clone(), verdict);
                Landing::Ready
            }
            // Not to be stored, but whoever waited for this very run gets it.
            (Some(stored), false) if flight.has_waiters() => {
                self.entry.head.kill();
                let _ = self.entry.value.set(stored.clone());
                Landing::Ready
            }
            (Some(_), false) => Landing::Cancelled,
            (None, _) if flight.has_waiters() => {
                Landing::Failed(S::share(ret).map_or(Failure::Unshared, Failure::Shared))
            }
            (None, _) => Landing::Failed(Failure::Unshared),
        };
        flight.land(landing);
    }

    /// Puts a value into the entry and the entry into the store, unless it was invalidated meanwhile.
    fn publish(&self, flight: &Flight, value: S::Stored, verdict: Verdict) {
        let head = &self.entry.head;
        if self.forced {
            flight.overtake(&|other| self.entry.is_same(other));
        }
        let weight =
            self.weigh.as_ref().map_or(verdict.weight, |weigh| weigh(&self.entry.key, &value));
        let _ = self.entry.value.set(value);
        let expires = clock::deadline(|| self.store.now(), verdict.ttl);
        head.set_expires(expires);
        head.set_weight(weight);
        // Not into the front yet: that is for entries that are used again.
        let entry: Arc<dyn AnyEntry> = Arc::clone(&self.entry) as Arc<dyn AnyEntry>;
        self.store.commit(&entry);
    }
}

/// Runs a cached call so that its function runs whatever is cached, and the result is stored.
///
/// The first cached function that `call` enters is refreshed: compute arguments that are cached calls
/// themselves before.
///
/// # Example
///
/// ```
/// # use std::sync::atomic::{AtomicU32, Ordering};
/// static VERSION: AtomicU32 = AtomicU32::new(1);
///
/// #[cachekit::cache::local]
/// fn version() -> u32 { VERSION.load(Ordering::Relaxed) }
///
/// assert_eq!(version(), 1);
/// VERSION.store(2, Ordering::Relaxed);
/// assert_eq!(version(), 1);
/// assert_eq!(cachekit::refresh(|| version()), 2);
/// assert_eq!(version(), 2);
/// ```
pub fn refresh<R>(call: impl FnOnce() -> R) -> R {
    let _forcing = Forcing::new();
    call()
}

/// Drives a cached call so that its function runs whatever is cached, and the result is stored. See
/// [`refresh`].
///
/// # Example
///
/// ```
/// #[cachekit::cache::local]
/// async fn answer() -> u32 { 42 }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(cachekit::refresh_async(answer()).await, 42);
/// assert_eq!(answer::stats().loads, 1);
/// # });
/// ```
pub async fn refresh_async<F: Future>(call: F) -> F::Output {
    let mut call = std::pin::pin!(call);
    let mut pending = true;
    std::future::poll_fn(|cx| {
        if !pending {
            return call.as_mut().poll(cx);
        }
        let _forcing = Forcing::new();
        let polled = call.as_mut().poll(cx);
        // Taken by the call's look-up, or still to be.
        pending = front::with(front::Front::is_forced).unwrap_or(false);
        polled
    })
    .await
}

/// Forces the thread's next cached call; takes the order back if there was none.
struct Forcing;

impl Forcing {
    fn new() -> Self {
        front::with(|front| front.force(true));
        Self
    }
}

impl Drop for Forcing {
    fn drop(&mut self) {
        front::with(|front| front.force(false));
    }
}
