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

use crate::clock::{self, Ticks};
use crate::entry::{AnyEntry, Entry, Owner};
use crate::flight::Flights;
use crate::front::{self, Hit};
use crate::key::{self, CacheKey};
use crate::shape::Shape;
use crate::shareable::{Shareable, ShareableKey};
use crate::site::{SiteRef, StoreRef};
use crate::store::{Found, Store};
use crate::testing;

pub(crate) mod blocking;
mod miss;
mod refresh;
#[cfg_attr(feature = "shared", path = "remote_enabled.rs")]
#[cfg_attr(not(feature = "shared"), path = "remote_disabled.rs")]
pub(crate) mod remote;

pub use miss::Miss;
pub(crate) use miss::Weigh;
pub use refresh::{refresh, refresh_async};
pub(crate) use remote::Remote;

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
