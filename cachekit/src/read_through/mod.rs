//! One call, from top to bottom:
//!
//! 1. this thread's front ([`crate::front`]), without a lock;
//! 2. the store ([`crate::store`]), under one shard's read lock;
//! 3. a flight ([`crate::flight`]): one caller goes on, the others wait for its result (`turn`);
//! 4. the shared tier, if there is one (`asking`, [`remote`]);
//! 5. the author's function;
//! 6. the outcome rules ([`crate::rules`]), then the shared tier, the store and the front are filled.
//!
//! Only steps 1 and 5 are compiled into every annotated function.

use std::marker::PhantomData;
use std::sync::Arc;

#[cfg(feature = "shared")]
use crate::backend_option::{BackendPin, IntoBackend};
use crate::clock::{self, Ticks};
use crate::entry::{AnyEntry, Owner};
use crate::flight::Flights;
use crate::front::{self, Hit};
use crate::key::{self, CacheKey};
#[cfg(feature = "shared")]
use crate::pinned::{At, LookedUp};
use crate::shape::Shape;
use crate::shareable::{Shareable, ShareableKey};
use crate::site::{SiteRef, StoreRef};
use crate::stats::Refusal;
use crate::store::{self, Found, Store};
use crate::testing;

mod asking;
pub(crate) mod blocking;
mod land;
mod lead;
mod miss;
mod pauses;
mod refresh;
mod refresh_ahead;
#[cfg_attr(feature = "shared", path = "remote_enabled.rs")]
#[cfg_attr(not(feature = "shared"), path = "remote_disabled.rs")]
pub(crate) mod remote;
mod turn;

#[cfg(all(test, not(feature = "tokio"), not(cachekit_model)))]
mod tests;

pub use lead::{Asked, Lead};
pub use miss::Miss;
pub(crate) use miss::Weigh;
pub use refresh::{refresh, refresh_async};
pub use refresh_ahead::Ticket;
pub(crate) use remote::Remote;

/// Why the shared tier is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "shared"), allow(dead_code))]
pub(crate) enum Purpose {
    /// A call found nothing here.
    Fill,
    /// So did this one, and beside another of its key: it must not wait for what that one holds.
    Alone,
    /// The function is to run whatever is cached.
    Forced,
    /// A stale value is being replaced, and no caller waits for it.
    Refresh,
}

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
    S::Value: Shareable,
{
    lookup_tiers(site, shape, key, Remote::of::<Q>)
}

/// Looks a call up for the backend that its attribute names; on a miss that will be asked too.
#[cfg(feature = "shared")]
#[inline]
pub fn lookup_at<Q, S, B>(
    site: SiteRef,
    backend: &B,
    shape: S,
    key: Q,
) -> LookedUp<Q, BackendPin, S>
where
    Q: CacheKey,
    Q::Owned: ShareableKey,
    S: Shape,
    S::Value: Shareable,
    B: IntoBackend + ?Sized,
{
    lookup_tiers(site, shape, At { key, spot: backend }, |site, at| {
        Remote::at(site, &at.key, at.spot.to_backend())
    })
}

/// Makes what a call needs of the shared tier, on a miss.
type MakeRemote<Q, S> = fn(SiteRef, &Q) -> Remote<<Q as CacheKey>::Owned, S>;

#[inline]
pub(crate) fn lookup_tiers<Q, S>(
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
            S::read,
        )
    });
    match hit {
        Some(Some(Hit { value, touch })) => {
            if touch {
                touch_site(site, hash);
            }
            match value {
                Ok(ret) => Ok(ret),
                Err(refusal) => refused_site(site, hash, &key, remote, refusal),
            }
        }
        _ => find_site(site, hash, &key, remote),
    }
}

/// An entry did not open: it goes, and the call is a miss.
#[cold]
#[inline(never)]
fn refused_site<Q, S>(
    site: SiteRef,
    hash: u64,
    key: &Q,
    remote: MakeRemote<Q, S>,
    refusal: Refusal,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    drop_refused::<Q, S>(&site.store(), hash, key, refusal);
    find_site(site, hash, key, remote)
}

fn drop_refused<Q: CacheKey, S: Shape>(store: &Store, hash: u64, key: &Q, refusal: Refusal) {
    store.drop_refused(hash, refusal, &|other| {
        let other = other.body_as::<Q::Owned, S::Stored>();
        other.is_some_and(|other| key.matches(&other.key))
    });
}

#[cold]
#[inline(never)]
fn touch_site(site: SiteRef, hash: u64) {
    if store::notes_uses() {
        site.store().touch(hash);
    }
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
    let target = Target { store: &store, hash, ttl: site.site.ttl(), window: site.site.window() };
    find(&target, key, || remote(site, key), || store.clone())
}

/// Where a call's entry belongs.
pub(crate) struct Target<'a> {
    pub(crate) store: &'a Store,
    pub(crate) hash: u64,
    /// How long entries live if the attribute has nothing better to say.
    pub(crate) ttl: Ticks,
    /// For how long after that they may be served while the function runs again.
    pub(crate) window: Ticks,
}

/// Looks into the store. A miss carries what a fill needs; `keep` holds the store for it.
pub(crate) fn find<Q, S>(
    target: &Target<'_>,
    key: &Q,
    remote: impl FnOnce() -> Remote<Q::Owned, S>,
    keep: impl FnOnce() -> StoreRef,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    let &Target { store, hash, ttl, window } = target;
    let forced = take_forced();
    let order = if forced { refresh_ahead::take_order() } else { None };
    let forced = forced && order.is_none();
    // An order for another call than this one, which should not have come here, is dropped.
    let refresh = order.map(Box::new).filter(|ticket| {
        let own = ticket.entry_of::<Q::Owned, S::Stored>(store.owner(), |owned| key.matches(owned));
        own.is_some()
    });
    let seen = Flights::global().landed(hash);
    let mut stale = None;
    if !store.is_disabled() && refresh.is_none() {
        if forced {
            store.count_miss();
        } else {
            match stored::<Q, S>(store, hash, key, window) {
                Stored::Fresh(Ok(ret)) => return Ok(ret),
                Stored::Fresh(Err(refusal)) => {
                    drop_refused::<Q, S>(store, hash, key, refusal);
                    store.count_miss();
                }
                Stored::Stale(entry) => stale = Some(entry),
                Stored::Nothing => store.count_miss(),
            }
        }
    }
    let entry = store.entry(hash, key.to_owned_key());
    let store = keep();
    let stale = stale.map(|entry| Box::new(Ticket::resident(entry, store.clone())));
    let shape = PhantomData;
    Err(Miss {
        entry,
        store,
        seen,
        forced,
        ttl,
        window,
        stale,
        refresh,
        in_place: false,
        failed: 0,
        remote: remote(),
        weigh: None,
        shape,
    })
}

/// What the store has for a key.
enum Stored<R> {
    /// A value, or why it did not open.
    Fresh(Result<R, Refusal>),
    /// An entry past its time that may be served, and that this call is to refresh.
    Stale(Arc<AnyEntry>),
    Nothing,
}

fn stored<Q, S>(store: &Store, hash: u64, key: &Q, window: Ticks) -> Stored<S::Return>
where
    Q: CacheKey,
    S: Shape,
{
    let (entry, stale) = match store.find(hash) {
        Found::Alive(entry) => (entry, false),
        Found::Stale(entry) if window > 0 => (entry, true),
        Found::Stale(_) | Found::Expired | Found::Nothing => return Stored::Nothing,
    };
    let held = held_by::<Q::Owned, S>(&entry, |owned| key.matches(owned));
    let Some(held) = held else { return Stored::Nothing };
    store.count_hit(&entry);
    if stale {
        store.count_stale_hit();
        if entry.head.claim_refresh(store.now()) {
            return Stored::Stale(entry);
        }
    }
    Stored::Fresh(S::read(held))
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

/// What an entry holds, if its types and key are the ones asked for.
fn held_by<K: 'static, S: Shape>(
    entry: &AnyEntry,
    same: impl FnOnce(&K) -> bool,
) -> Option<&S::Stored> {
    let entry = entry.body_as::<K, S::Stored>()?;
    if same(&entry.key) { entry.value.get() } else { None }
}
