//! One call, from top to bottom:
//!
//! 1. this thread's cache ([`crate::thread_cache`]), without a lock;
//! 2. the store ([`crate::store`]), under one shard's lock: an entry, or the lead of a fill, or the fill that another caller
//!    leads (`find`);
//! 3. what was not found is a miss (`miss`); it joins: one caller leads, the others wait for its result (`join`);
//! 4. the leader asks the tier behind this process, if there is one (`consult`, [`remote`], [`behind`]);
//! 5. the author's function fills (`lead`, and `drive` for one that is async);
//! 6. the outcome rules ([`crate::rules`]); then the result is published: to the tier, the store and the waiters (`publish`).
//!
//! Only steps 1 and 5 are compiled into every annotated function, and step 1 only with optimization.

use std::marker::PhantomData;

use crate::cached_function::FunctionRef;
use crate::clock;
pub(crate) use crate::flight::Purpose;
use crate::key::{self, CacheKey};
use crate::shape::Shape;
use crate::stats::Refusal;
use crate::thread_cache::{self, Wanted};

pub(crate) mod behind;
mod consult;
mod drive;
mod find;
mod join;
mod lead;
mod miss;
mod order;
mod pauses;
mod plain;
mod publish;
mod rare;
mod refresh;
pub(crate) mod remote;
mod revalidate;
mod route;
mod run;
mod with;

#[cfg(all(test, not(feature = "tokio"), not(cachekit_model)))]
mod tests;

pub use drive::{Drive, Driving, unboxed};
pub(crate) use find::{Lookup, Turn, find};
use find::{drop_refused, find_of_function};
pub(crate) use join::read;
pub use lead::{Asked, Lead};
pub use miss::Miss;
pub(crate) use rare::Plans;
pub use refresh::{Forcing, force, refresh, refresh_async, refresh_async_of};
use remote::MakeRemote;
pub use revalidate::Ticket;
pub use route::{InProcess, OwnedKey, Route};
pub(crate) use with::{with_value, with_whole};

/// What a look-up comes to.
pub(crate) type Found<Q, S> = Result<<S as Shape>::Return, Miss<<Q as CacheKey>::Owned, S>>;

/// What a look-up is compiled for besides its key and its value.
pub trait Own {
    /// With optimization this type, which is one function's own: the look-up becomes a part of the function, and so does
    /// what it calls on the way of a hit. Shared by several, it would be a call into a thread-local's closure, and cost a
    /// fifth more. Without optimization nothing is inlined, and all functions of a key and a value share one.
    type Type;
}

impl<F> Own for F {
    #[cfg(not(debug_assertions))]
    type Type = F;
    #[cfg(debug_assertions)]
    type Type = ();
}

/// The type of a closure, as [`Own`] has it.
#[inline]
pub fn own<F>(_closure: F) -> PhantomData<<F as Own>::Type> {
    PhantomData
}

/// Looks a call up in this process; on a miss the tier that its route leads to will be asked too. See [`Own`] for `F`.
#[inline]
pub fn lookup<F, R, Q, S>(
    function: FunctionRef,
    _own: PhantomData<F>,
    route: R,
    _shape: S,
    key: Q,
) -> Found<R::Key, S>
where
    R: Route<Q, S>,
    Q: CacheKey,
    S: Shape,
{
    let key = route.key(key);
    let hash = function.place(key::hash_of(&key));
    // Read to here, and not handed up through the calls: a large value is copied once.
    let mut hit = None;
    thread_cache::with(|thread_cache| {
        let same = |owned: &OwnedKey<R, Q, S>| key.matches(owned);
        let read = |stored: &S::Stored| {
            let opened = S::read(stored);
            let is_served = !S::SEALED || opened.is_ok();
            hit = Some(opened);
            is_served
        };
        let wanted = Wanted { store: function.store_number(), hash, quietly: true };
        thread_cache.get(wanted, clock::coarse_now, same, read, |served| *served)
    });
    match hit {
        Some(Ok(ret)) => Ok(ret),
        Some(Err(refusal)) => refused_of_function(function, hash, key, R::remote, refusal),
        None => find_of_function(function, hash, key, R::remote),
    }
}

/// An entry did not open: it goes, and the call is a miss.
///
/// The key is handed on whole, here and below: a hit then need not lay it out in memory.
#[cold]
#[inline(never)]
fn refused_of_function<Q: CacheKey, S: Shape>(
    function: FunctionRef,
    hash: u64,
    key: Q,
    remote: MakeRemote<Q::Owned, S>,
    refusal: Refusal,
) -> Found<Q, S> {
    drop_refused::<Q, S>(&function.store(), hash, &key, refusal);
    find_of_function(function, hash, key, remote)
}
