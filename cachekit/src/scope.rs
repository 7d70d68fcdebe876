//! Test scopes: a thread in a scope uses the scope's state instead of the process's.
//!
//! Everything that can be set for the process can be set for a scope. The order of look-up is: the scope that the
//! thread is in, the process, the environment. The public API is [`crate::testing`].

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::clock::{Clock, ClockSource};
use crate::contained::lock;
use crate::store::Store;
use crate::thread_cache;

pub(crate) mod pending;
pub(crate) mod settings;

use self::pending::Pending;

/// Neither the process nor the environment has a backend for `#[cache]`.
static NOWHERE: AtomicBool = AtomicBool::new(false);

/// Whether it is known that `#[cache]` functions outside of test scopes have no backend. Calls that miss read one flag
/// for that.
#[inline]
pub(crate) fn is_nowhere() -> bool {
    NOWHERE.load(Ordering::Relaxed)
}

/// Sets or clears that flag. Called under the lock of the process's backend.
pub(crate) fn note_nowhere(is_so: bool) {
    NOWHERE.store(is_so, Ordering::Relaxed);
}

type Stores = HashMap<(usize, TypeId), Arc<Store>>;

/// Empty caches and a clock that only the test advances, for code that runs inside the scope.
///
/// Cheap to clone; all clones are the same scope. The scope's entries are dropped with its last clone.
#[derive(Clone)]
pub struct Scope(Arc<Inner>);

struct Inner {
    number: u64,
    clock: Clock,
    disabled: bool,
    stores: Mutex<Stores>,
    settings: Mutex<settings::Settings>,
    /// Background work of the scope.
    pending: Arc<Pending>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let settings = self.settings.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(at_end) = settings.at_end.take() {
            at_end(self.number);
        }
    }
}

impl Scope {
    /// A scope with empty caches.
    pub fn new() -> Self {
        Self::of(false)
    }

    /// A scope in which every cached function runs its body at every call.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::sync::atomic::{AtomicU32, Ordering};
    /// static RUNS: AtomicU32 = AtomicU32::new(0);
    ///
    /// #[cachekit::cache::local]
    /// fn expensive() -> u32 { RUNS.fetch_add(1, Ordering::Relaxed) }
    ///
    /// let _test = cachekit::testing::Scope::disabled().enter();
    /// expensive();
    /// expensive();
    /// assert_eq!(RUNS.load(Ordering::Relaxed), 2);
    /// ```
    pub fn disabled() -> Self {
        Self::of(true)
    }

    fn of(disabled: bool) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(Arc::new(Inner {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            clock: Clock::new(),
            disabled: disabled || crate::disabled(),
            stores: Mutex::default(),
            settings: Mutex::default(),
            pending: Arc::default(),
        }))
    }

    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// The scope's clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Puts the current thread into the scope until the guard is dropped.
    pub fn enter(&self) -> Isolated {
        thread_cache::with(|thread_cache| thread_cache.enter(self.0.number));
        let _ = ENTERED.try_with(|entered| entered.borrow_mut().push(self.clone()));
        Isolated { scope: self.clone(), thread: PhantomData }
    }

    /// Runs `f` in the scope.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        f()
    }

    /// Runs a future in the scope, on whatever thread it is polled.
    ///
    /// # Example
    ///
    /// ```
    /// #[cachekit::cache::local]
    /// async fn answer() -> u32 { 42 }
    ///
    /// let scope = cachekit::testing::Scope::new();
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let task = runtime.spawn(scope.wrap(async { answer().await; answer().await }));
    /// runtime.block_on(task).unwrap();
    /// assert_eq!(scope.run(|| answer::stats()).hits, 1);
    /// ```
    pub fn wrap<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let scope = self.clone();
        async move {
            let mut future = pin!(future);
            std::future::poll_fn(|cx| {
                let _entered = scope.enter();
                future.as_mut().poll(cx)
            })
            .await
        }
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("id", &self.number())
            .field("clock", self.clock())
            .finish_non_exhaustive()
    }
}

/// Puts the current thread into a new [`Scope`] until the guard is dropped.
pub fn isolate() -> Isolated {
    Scope::new().enter()
}

thread_local! {
    /// The scopes that this thread has entered; the last one counts.
    static ENTERED: RefCell<Vec<Scope>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the current thread in a [`Scope`]. Dropping it restores the state before.
#[must_use = "the thread leaves the scope when the guard is dropped"]
pub struct Isolated {
    scope: Scope,
    /// The guard must be dropped on the thread that entered.
    thread: PhantomData<*const ()>,
}

impl Isolated {
    /// The scope, to take to other threads.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The scope's clock.
    pub fn clock(&self) -> &Clock {
        self.scope.clock()
    }
}

impl fmt::Debug for Isolated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Isolated").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Drop for Isolated {
    fn drop(&mut self) {
        let _ = ENTERED.try_with(|entered| {
            let left = {
                let mut entered = entered.borrow_mut();
                // Guards may be dropped out of order: take out one entry of this scope.
                let at = entered.iter().rposition(|scope| Arc::ptr_eq(&scope.0, &self.scope.0));
                at.map(|at| entered.remove(at))
            };
            let now = entered.borrow().last().map_or(0, Scope::number);
            thread_cache::with(|thread_cache| thread_cache.enter(now));
            drop(left);
        });
    }
}

/// Runs `f` in a scope, or in none, whatever scope the thread is in.
pub(crate) fn within<R>(scope: Option<&Scope>, f: impl FnOnce() -> R) -> R {
    /// Returns to the scope that the thread was in.
    struct Back(u64);
    impl Drop for Back {
        fn drop(&mut self) {
            thread_cache::with(|thread_cache| thread_cache.enter(self.0));
        }
    }
    match scope {
        Some(scope) => scope.run(f),
        None if thread_cache::scope() == 0 => f(),
        None => {
            let _back = Back(thread_cache::scope());
            thread_cache::with(|thread_cache| thread_cache.enter(0));
            f()
        }
    }
}

/// The scope this thread is in.
pub(crate) fn current() -> Option<Scope> {
    if thread_cache::scope() == 0 {
        return None;
    }
    ENTERED.try_with(|entered| entered.borrow().last().cloned()).ok().flatten()
}

/// Its number, 0 outside of any scope. Never reused.
pub(crate) fn number() -> u64 {
    thread_cache::scope()
}

/// Its clock, or the system's.
pub(crate) fn clock() -> ClockSource {
    current().map_or(ClockSource::Coarse, |scope| ClockSource::Manual(scope.clock().clone()))
}

/// Whether nothing is cached in it.
pub(crate) fn is_disabled() -> bool {
    current().is_some_and(|scope| scope.0.disabled)
}

/// The background work of the scope that this thread is in, or of the process.
pub(crate) fn background() -> Arc<Pending> {
    static PROCESS: LazyLock<Arc<Pending>> = LazyLock::new(Arc::default);
    current().map_or_else(|| Arc::clone(&PROCESS), |scope| Arc::clone(&scope.0.pending))
}

/// Registers background work until the guard is dropped.
pub(crate) fn pending() -> pending::Guard {
    background().start()
}

/// The store of a function inside the scope this thread is in.
pub(crate) fn store(
    function: usize,
    instantiation: TypeId,
    make: impl FnOnce(ClockSource, bool) -> Store,
) -> Option<Arc<Store>> {
    let Scope(scope) = current()?;
    let mut stores = lock(&scope.stores);
    let store = stores.entry((function, instantiation)).or_insert_with(|| {
        Arc::new(make(ClockSource::Manual(scope.clock.clone()), scope.disabled))
    });
    Some(Arc::clone(store))
}

/// The stores of a function inside the scope that this thread is in; `None` outside of any.
pub(crate) fn stores(function: usize) -> Option<Vec<Arc<Store>>> {
    let Scope(scope) = current()?;
    let stores = lock(&scope.stores);
    let of_function = stores.iter().filter(|((at, _), _)| *at == function);
    Some(of_function.map(|(_, store)| Arc::clone(store)).collect())
}
