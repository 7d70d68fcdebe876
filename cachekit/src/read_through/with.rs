//! A closure on a cached value in place, without a copy.

use super::find::drop_refused;
use crate::cached_function::FunctionRef;
use crate::clock;
use crate::key::{self, CacheKey};
use crate::shape::Shape;
use crate::stats::Refusal;
use crate::thread_cache::{self, ThreadCache, Wanted};

/// `f::with(…)` of a function whose return type is named `Result`: the closure sees the `Ok` value.
#[inline]
pub(crate) fn with_value<Q, S, T, R, F>(function: FunctionRef, key: &Q, look: F) -> Option<R>
where
    Q: CacheKey,
    S: Shape,
    T: 'static,
    F: FnOnce(&T) -> R,
{
    // It is the value's own type, unless the return type is another type named `Result`.
    on_stored::<Q, S, R, _>(function, key, |stored| match S::lies(stored) {
        Some(value) => Ok(value.downcast_ref().map(look)),
        // It is opened for the closure.
        None if S::SEALED => {
            let ret = S::read(stored)?;
            Ok(S::seen(&ret).and_then(|value| value.downcast_ref()).map(look))
        }
        None => Ok(None),
    })
}

/// `f::with(…)` of any other function: the closure sees the return value.
#[inline]
pub(crate) fn with_whole<Q, S, R, F>(function: FunctionRef, key: &Q, look: F) -> Option<R>
where
    Q: CacheKey,
    S: Shape,
    F: FnOnce(&S::Return) -> R,
{
    on_stored::<Q, S, R, _>(function, key, |stored| match S::lies_whole(stored) {
        Some(whole) => Ok(Some(look(whole))),
        // Sealed; or a `Result` under another name, of which only the value is stored.
        None => S::read(stored).map(|whole| Some(look(&whole))),
    })
}

#[inline]
fn on_stored<Q, S, R, F>(function: FunctionRef, key: &Q, look: F) -> Option<R>
where
    Q: CacheKey,
    S: Shape,
    F: FnOnce(&S::Stored) -> Result<Option<R>, Refusal>,
{
    let hash = function.place(key::hash_of(key));
    // One of the two calls uses it.
    let mut look = Some(look);
    let mut seen = None;
    thread_cache::with(|thread_cache| {
        let same = |owned: &Q::Owned| key.matches(owned);
        let read = |stored: &S::Stored| {
            seen = look.take().map(|look| look(stored));
            !S::SEALED || matches!(seen, Some(Ok(_)))
        };
        let wanted = Wanted { store: function.store_number(), hash, quietly: false };
        thread_cache.get(wanted, clock::coarse_now, same, read, |served| *served)
    });
    if seen.is_none()
        && let Some(look) = look
    {
        seen = Some(in_store::<Q, S, R, F>(function, hash, key, look));
    }
    // It may have killed the entry.
    thread_cache::with(ThreadCache::settle);
    match seen {
        Some(Ok(seen)) => seen,
        Some(Err(refusal)) => {
            refused::<Q, S>(function, hash, key, refusal);
            None
        }
        None => None,
    }
}

/// Separate, so that the look-up reserves no stack for it.
#[cold]
#[inline(never)]
fn refused<Q: CacheKey, S: Shape>(function: FunctionRef, hash: u64, key: &Q, refusal: Refusal) {
    let store = function.store();
    drop_refused::<Q, S>(&store, hash, key, refusal);
    store.count_miss(hash);
}

#[inline(never)]
fn in_store<Q, S, R, F>(
    function: FunctionRef,
    hash: u64,
    key: &Q,
    look: F,
) -> Result<Option<R>, Refusal>
where
    Q: CacheKey,
    S: Shape,
    F: FnOnce(&S::Stored) -> Result<Option<R>, Refusal>,
{
    let store = function.store();
    if store.is_disabled() {
        return Ok(None);
    }
    let Some(entry) = store.get(hash) else { return Ok(None) };
    match entry.of_key::<Q::Owned, S::Stored>(|owned| key.matches(owned)) {
        Some(typed) if store.serves(&*entry) => {
            let seen = look(&typed.value);
            // One that does not open is a miss.
            if seen.is_ok() {
                store.count_hit(hash, &entry, &typed.head);
            }
            seen
        }
        _ => {
            store.count_miss(hash);
            Ok(None)
        }
    }
}
