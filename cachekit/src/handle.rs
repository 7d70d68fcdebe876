//! A cached call by its key: inspect its entry, replace it, remove it.

use std::fmt;
use std::sync::Arc;

use self::erased::{Call, ErasedCall, ErasedKey};
use crate::blocking;
use crate::cached_function::{CachedFunction, FunctionRef};
use crate::explain::Explanation;
use crate::key::{self, CacheKey};
use crate::read_through::{OwnedKey, Route};
use crate::route;
use crate::rules::{Defaults, Judge, Rules};
use crate::shape::Shape;
use crate::stats::Stats;

mod entry_key;
mod erased;
mod explaining;
mod invalidated;
mod operation;
mod placed;

pub use self::entry_key::EntryKey;
pub use self::invalidated::Invalidated;
pub use self::operation::{Clear, Operation};

type BoxFuture<'a, T> = cachekit_io::BoxFuture<'a, T>;

/// A handle for a call, or what becomes one.
pub(crate) fn make<H, R, Q, S, J>(function: FunctionRef, route: R, _shape: S, key: Q, judge: J) -> H
where
    H: From<Unplaced<S::Return>>,
    R: Route<Q, S>,
    Q: CacheKey,
    OwnedKey<R, Q, S>: Clone,
    S: Shape + 'static,
    J: Judge<OwnedKey<R, Q, S>, S> + Send + Sync + 'static,
{
    let key = route.key(key);
    let hash = function.place(key::hash_of(&key));
    let (key, judge) = (key.to_owned_key(), Box::new(judge));
    Unplaced(Box::new(Call::<_, S> { function, key, hash, judge, remote: R::remote })).into()
}

/// A handle for a call whose values are judged by the policy alone.
pub fn handle<H, R, Q, S>(function: FunctionRef, route: R, shape: S, key: Q) -> H
where
    H: From<Unplaced<S::Return>>,
    R: Route<Q, S>,
    Q: CacheKey,
    OwnedKey<R, Q, S>: Clone,
    S: Shape + 'static,
{
    make(function, route, shape, key, Defaults)
}

/// A handle for a call whose values are judged by rules. Separate, because a closure costs the compiler more
/// than a value.
pub fn handle_ruled<H, R, Q, S, F, J>(
    function: FunctionRef,
    route: R,
    shape: S,
    key: Q,
    rules: F,
) -> H
where
    H: From<Unplaced<S::Return>>,
    R: Route<Q, S>,
    Q: CacheKey,
    OwnedKey<R, Q, S>: Clone,
    S: Shape + 'static,
    F: FnOnce(Rules<Q::Owned, S>) -> J,
    J: Judge<OwnedKey<R, Q, S>, S> + Send + Sync + 'static,
{
    make(function, route, shape, key, rules(Rules::new()))
}

/// A call by its key, before its store is looked up.
pub struct Unplaced<R>(Box<dyn ErasedCall<R>>);

impl<R> fmt::Debug for Unplaced<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unplaced").finish_non_exhaustive()
    }
}

/// The parts of a handle.
pub(crate) struct Inner<R> {
    key: EntryKey,
    function: &'static CachedFunction,
    place: Arc<dyn ErasedKey<R>>,
}

impl<R> Inner<R> {
    pub(crate) fn erased(&self) -> Arc<dyn ErasedKey<R>> {
        Arc::clone(&self.place)
    }
}

/// One call of a sync cached method, by its key.
///
/// A method `fn price(&self, item: u32)` has a companion `fn price_cache(&self, item: &u32)` that
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
pub struct AsyncHandle<R>(pub(crate) Inner<R>);

impl<R> Handle<R> {
    /// Removes the entry and kills the running fills of this key.
    pub fn invalidate(&self) -> Invalidated {
        blocking::block_on(self.0.erased().invalidate())
    }

    /// The cached value, without running the function and without counting as a call.
    pub fn peek(&self) -> Option<R> {
        blocking::block_on(self.0.erased().peek()).map(|value| *value)
    }

    /// Whether there is a cached value.
    pub fn contains(&self) -> bool {
        blocking::block_on(self.0.erased().contains())
    }

    /// What would happen to the call, and why. Changes nothing; see [`Explanation`].
    pub fn explain(&self) -> Explanation {
        blocking::block_on(self.0.erased().explain())
    }

    /// Stores a value as if the function had returned it now, under the rules of its attribute. If the rules
    /// reject the value (an `Err`, unless they say otherwise), this only removes the entry. So does every value
    /// if an option, such as `ttl = limit * 2`, needs the arguments of a call.
    pub fn set(&self, value: R) {
        blocking::block_on(self.0.erased().set(value));
    }

    /// Runs `call`, a call of the cached function, so that the function runs and its result is stored.
    pub fn refresh(&self, call: impl FnOnce() -> R) -> R {
        crate::read_through::refresh(call)
    }

    /// Removes all entries of the function.
    pub fn clear(&self) -> Invalidated {
        function_clear(self.0.function)
    }
}

impl<R> AsyncHandle<R> {
    /// Removes the entry and kills the running fills of this key.
    pub async fn invalidate(&self) -> Invalidated {
        self.0.erased().invalidate().await
    }

    /// The cached value, without running the function and without counting as a call.
    pub async fn peek(&self) -> Option<R> {
        self.0.erased().peek().await.map(|value| *value)
    }

    /// Whether there is a cached value.
    pub async fn contains(&self) -> bool {
        self.0.erased().contains().await
    }

    /// What would happen to the call, and why. Changes nothing; see [`Explanation`].
    pub async fn explain(&self) -> Explanation {
        self.0.erased().explain().await
    }

    /// Stores a value as if the function had returned it now, under the rules of its attribute. If the rules
    /// reject the value (an `Err`, unless they say otherwise), this only removes the entry. So does every value
    /// if an option, such as `ttl = limit * 2`, needs the arguments of a call.
    pub async fn set(&self, value: R) {
        self.0.erased().set(value).await;
    }

    /// Awaits `call`, a call of the cached function, so that the function runs and its result is stored.
    pub async fn refresh(&self, call: impl Future<Output = R>) -> R {
        crate::read_through::refresh_async(call).await
    }

    /// Removes all entries of the function.
    #[allow(clippy::unused_async)] // As its siblings.
    pub async fn clear(&self) -> Invalidated {
        function_clear(self.0.function)
    }
}

/// What both handles can do.
macro_rules! handles {
    ($($handle:ident),*) => {$(
        impl<R> $handle<R> {
            /// Removes the function's expired entries in this process. Returns how many there were.
            pub fn purge(&self) -> u64 {
                function_purge(self.0.function)
            }

            /// Identifies the call.
            pub fn key(&self) -> EntryKey {
                self.0.key
            }

            /// The function's counters.
            pub fn stats(&self) -> Stats {
                self.0.function.stats()
            }
        }

        impl<R> From<Unplaced<R>> for $handle<R> {
            fn from(call: Unplaced<R>) -> Self {
                Self(call.0.placed())
            }
        }

        impl<R> fmt::Debug for $handle<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($handle)).field(&self.0.key).finish()
            }
        }
    )*};
}

handles!(Handle, AsyncHandle);

/// The counters of a function.
pub fn function_stats(function: &'static CachedFunction) -> Stats {
    function.stats()
}

/// Removes a function's expired entries in this process.
pub fn function_purge(function: &'static CachedFunction) -> u64 {
    function.purge()
}

/// Removes all entries of a function, in this process.
pub fn function_clear(function: &'static CachedFunction) -> Invalidated {
    let removed = function.clear();
    Invalidated { removed, shared: route::after_clear(function) }
}
