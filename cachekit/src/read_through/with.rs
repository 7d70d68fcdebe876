//! A closure on a cached value where it lies, without a copy.

use crate::clock;
use crate::front::{self, Front};
use crate::key::{self, CacheKey};
use crate::shape::Shape;
use crate::site::SiteRef;

/// `f::with(…)` of a function that returns a `Result` by name: the closure sees what is `Ok`.
#[inline]
pub(crate) fn with_value<Q, S, T, R, F>(site: SiteRef, key: &Q, look: F) -> Option<R>
where
    Q: CacheKey,
    S: Shape,
    T: 'static,
    F: FnOnce(&T) -> R,
{
    // It is the value's own type, unless the return type is only called `Result`.
    on_stored::<Q, S, R, _>(site, key, |stored| match S::lies(stored) {
        Some(value) => value.downcast_ref().map(look),
        // Sealed: it is opened for the closure.
        None => S::read(stored).ok().and_then(|ret| S::seen(&ret)?.downcast_ref().map(look)),
    })
}

/// `f::with(…)` of any other function: the closure sees the return value.
#[inline]
pub(crate) fn with_whole<Q, S, R, F>(site: SiteRef, key: &Q, look: F) -> Option<R>
where
    Q: CacheKey,
    S: Shape,
    F: FnOnce(&S::Return) -> R,
{
    on_stored::<Q, S, R, _>(site, key, |stored| match S::lies_whole(stored) {
        Some(whole) => Some(look(whole)),
        // Sealed; or a `Result` by another name, of which only the value is stored.
        None => S::read(stored).ok().map(|whole| look(&whole)),
    })
}

#[inline]
fn on_stored<Q, S, R, F>(site: SiteRef, key: &Q, look: F) -> Option<R>
where
    Q: CacheKey,
    S: Shape,
    F: FnOnce(&S::Stored) -> Option<R>,
{
    let hash = site.place(key::hash_of(key));
    // One of the two calls it.
    let mut look = Some(look);
    let mut seen = None;
    front::with(|front| {
        let same = |owned: &Q::Owned| key.matches(owned);
        let read = |stored: &S::Stored| seen = Some(look.take().and_then(|look| look(stored)));
        front.get(site.store_number(), hash, clock::coarse_now, same, read)
    });
    if seen.is_none()
        && let Some(look) = look
    {
        seen = Some(in_store::<Q, S, R, F>(site, hash, key, look));
    }
    // It may have ended the entry.
    front::with(Front::settle);
    seen.flatten()
}

#[inline(never)]
fn in_store<Q, S, R, F>(site: SiteRef, hash: u64, key: &Q, look: F) -> Option<R>
where
    Q: CacheKey,
    S: Shape,
    F: FnOnce(&S::Stored) -> Option<R>,
{
    let store = site.store();
    let entry = store.peek(hash)?;
    let typed = entry.typed::<Q::Owned, S::Stored>()?;
    if !store.serves(&*entry) || !key.matches(&typed.key) {
        return None;
    }
    store.count_hit(hash, &entry, &typed.head);
    look(&typed.value)
}
