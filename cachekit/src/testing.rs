//! Aids for testing code that uses cached functions: an isolated cache for a test, and a clock to turn.
//!
//! Tests run in parallel in one process, and cached functions keep their entries in statics. A test that
//! calls [`isolate`] gets fresh caches and its own clock instead, visible to its thread only:
//!
//! ```
//! use std::time::Duration;
//!
//! #[cachekit::cache::local(ttl = 60)]
//! fn rate(currency: &str) -> u32 { currency.len() as u32 }
//!
//! let test = cachekit::testing::isolate();
//! rate("EUR");
//! rate("EUR");
//! assert_eq!(rate::stats().hits, 1);
//!
//! test.clock().advance(Duration::from_secs(61));
//! rate("EUR");
//! assert_eq!(rate::stats().misses, 2);
//! ```
//!
//! Work that moves to other threads takes the [`Scope`] along: [`Scope::enter`] on a thread,
//! [`Scope::wrap`] around a future that a runtime may move.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
#[cfg(feature = "shared")]
use std::time::Duration;

use crate::front;
use crate::store::Store;

mod clock;
mod pending;
#[cfg(test)]
mod tests;

pub use clock::Clock;
pub(crate) use clock::ClockSource;
#[cfg(feature = "shared")]
pub(crate) use pending::Guard as PendingGuard;
pub(crate) use pending::Pending;
pub use pending::{settle, settled};

/// Notes that something goes on in the background, until the guard is dropped.
pub(crate) fn pending() -> pending::Guard {
    in_background().start()
}

/// The scope this thread is in.
pub(crate) fn current_scope() -> Option<Scope> {
    current().map(Scope)
}

/// The background of the scope this thread is in, or of the process.
pub(crate) fn in_background() -> Arc<Pending> {
    static PROCESS: std::sync::LazyLock<Arc<Pending>> = std::sync::LazyLock::new(Arc::default);
    current().map_or_else(|| Arc::clone(&PROCESS), |scope| Arc::clone(&scope.pending))
}

type Stores = HashMap<(usize, TypeId), Arc<Store>>;

struct Inner {
    id: u64,
    clock: Clock,
    disabled: bool,
    stores: Mutex<Stores>,
    #[cfg(feature = "shared")]
    backend: Mutex<Option<Arc<dyn cachekit_io::Backend>>>,
    #[cfg(feature = "shared")]
    budget: Mutex<Option<Duration>>,
    #[cfg(feature = "secure")]
    envelope: Mutex<Option<crate::secure::Envelope>>,
    /// What goes on in the background.
    pending: Arc<Pending>,
}

#[cfg(feature = "shared")]
impl Drop for Inner {
    fn drop(&mut self) {
        crate::shared::known::scope_ended(self.id);
    }
}

/// The shared backend as a test scope has it.
#[cfg(feature = "shared")]
pub(crate) enum ScopeBackend {
    /// This thread is in no scope: the process's backend counts.
    OutOfScope,
    /// The scope's own, or none.
    Scope(Option<Arc<dyn cachekit_io::Backend>>),
}

/// The backend of the scope this thread is in.
#[cfg(feature = "shared")]
pub(crate) fn backend() -> ScopeBackend {
    match current() {
        None => ScopeBackend::OutOfScope,
        Some(scope) => ScopeBackend::Scope(
            scope.backend.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        ),
    }
}

/// The budget of the scope this thread is in, if it has one of its own.
#[cfg(feature = "shared")]
pub(crate) fn budget() -> Option<Duration> {
    current().and_then(|scope| *scope.budget.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The keys of the scope this thread is in, if it has some of its own.
#[cfg(feature = "secure")]
pub(crate) fn envelope() -> Option<crate::secure::Envelope> {
    current()
        .and_then(|scope| scope.envelope.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// The number of the scope this thread is in, 0 outside.
#[cfg(feature = "shared")]
pub(crate) fn scope() -> u64 {
    front::scope()
}

thread_local! {
    /// The scopes this thread has entered; the last one counts.
    static ENTERED: RefCell<Vec<Scope>> = const { RefCell::new(Vec::new()) };
}

fn current() -> Option<Arc<Inner>> {
    if front::scope() == 0 {
        return None;
    }
    ENTERED
        .try_with(|entered| entered.borrow().last().map(|scope| Arc::clone(&scope.0)))
        .ok()
        .flatten()
}

/// The store of a function inside the scope this thread is in.
pub(crate) fn store(
    site: usize,
    function: TypeId,
    make: impl FnOnce(ClockSource, bool) -> Store,
) -> Option<Arc<Store>> {
    let scope = current()?;
    let mut stores = scope.stores.lock().unwrap_or_else(PoisonError::into_inner);
    let store = stores.entry((site, function)).or_insert_with(|| {
        Arc::new(make(ClockSource::Manual(scope.clock.clone()), scope.disabled))
    });
    Some(Arc::clone(store))
}

/// The stores of a function inside the scope this thread is in; `None` outside of any.
pub(crate) fn stores(site: usize) -> Option<Vec<Arc<Store>>> {
    let scope = current()?;
    let stores = scope.stores.lock().unwrap_or_else(PoisonError::into_inner);
    Some(
        stores
            .iter()
            .filter(|((at, _), _)| *at == site)
            .map(|(_, store)| Arc::clone(store))
            .collect(),
    )
}

/// Fresh caches and a standing clock for code that runs inside it.
///
/// Cheap to clone; all clones are the same scope. The scope's entries are dropped with its last clone.
#[derive(Clone)]
pub struct Scope(Arc<Inner>);

impl Scope {
    /// A scope with empty caches.
    pub fn new() -> Self {
        Self::with(false)
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
        Self::with(true)
    }

    fn with(disabled: bool) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(Arc::new(Inner {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            clock: Clock::new(),
            disabled: disabled || crate::disabled(),
            stores: Mutex::default(),
            #[cfg(feature = "shared")]
            backend: Mutex::default(),
            #[cfg(feature = "shared")]
            budget: Mutex::default(),
            #[cfg(feature = "secure")]
            envelope: Mutex::default(),
            pending: Arc::default(),
        }))
    }

    /// The scope's clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Gives the scope a shared backend of its own. Without it, functions in the scope have none.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::MemoryBackend;
    /// use std::sync::Arc;
    ///
    /// #[cachekit::cache(ttl = 60)]
    /// fn double(n: u32) -> u32 { n * 2 }
    ///
    /// let backend = Arc::new(MemoryBackend::new());
    /// let machine_a = cachekit::testing::Scope::new().with_backend(backend.clone());
    /// let machine_b = cachekit::testing::Scope::new().with_backend(backend);
    /// machine_a.run(|| double(4));
    /// machine_b.run(|| double(4));
    /// assert_eq!(machine_b.run(double::stats).shared_hits, 1);
    /// ```
    #[cfg(feature = "shared")]
    #[must_use]
    pub fn with_backend(self, backend: Arc<dyn cachekit_io::Backend>) -> Self {
        let mut own = self.0.backend.lock().unwrap_or_else(PoisonError::into_inner);
        let before = own.replace(backend);
        drop(own);
        if let Some(before) = before {
            crate::shared::known::replaced(&before, self.0.id);
        }
        self
    }

    /// Gives the scope a budget of its own for the shared tier; see `cachekit::set_shared_budget`.
    #[cfg(feature = "shared")]
    #[must_use]
    pub fn with_shared_budget(self, budget: Duration) -> Self {
        *self.0.budget.lock().unwrap_or_else(PoisonError::into_inner) = Some(budget);
        self
    }

    /// Gives the scope keys of its own for `#[cache::secure]` functions. Without them, those of the process
    /// count. Given anew, they take the place of the ones before.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit::secure::{KeySet, Keyring, MasterKey};
    ///
    /// #[cachekit::cache::secure(ttl = 60, namespace = "sensitive")]
    /// fn secret(n: u32) -> u32 { n * 2 }
    ///
    /// let keyring = Keyring::new(KeySet::new(MasterKey::generate()?, [])?);
    /// let scope = cachekit::testing::Scope::new().with_keyring(keyring);
    /// assert_eq!(scope.run(|| (secret(2), secret(2), secret::stats().hits)), (4, 4, 1));
    /// # Ok::<(), cachekit::secure::EnvelopeError>(())
    /// ```
    #[cfg(feature = "secure")]
    #[must_use]
    pub fn with_keyring(self, keyring: impl Into<Arc<crate::secure::Keyring>>) -> Self {
        self.with_envelope(crate::secure::Envelope::new(keyring))
    }

    /// As [`with_keyring`](Self::with_keyring), with the settings of the envelope.
    #[cfg(feature = "secure")]
    #[must_use]
    pub fn with_envelope(self, envelope: crate::secure::Envelope) -> Self {
        *self.0.envelope.lock().unwrap_or_else(PoisonError::into_inner) = Some(envelope);
        self
    }

    /// Puts the current thread into the scope until the guard is dropped.
    pub fn enter(&self) -> Isolated {
        front::with(|front| front.enter(self.0.id));
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
            .field("id", &self.0.id)
            .field("clock", &self.0.clock)
            .finish_non_exhaustive()
    }
}

/// Puts the current thread into a new [`Scope`] until the guard is dropped.
pub fn isolate() -> Isolated {
    Scope::new().enter()
}

/// Keeps the current thread in a [`Scope`]. Dropping it goes back to what was before.
#[must_use = "the thread leaves the scope when the guard is dropped"]
pub struct Isolated {
    scope: Scope,
    /// Leaving has to happen on the thread that entered.
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

impl Drop for Isolated {
    fn drop(&mut self) {
        let _ = ENTERED.try_with(|entered| {
            let left = {
                let mut entered = entered.borrow_mut();
                // Guards may be dropped out of order: take out one entry of this scope.
                let at = entered.iter().rposition(|scope| Arc::ptr_eq(&scope.0, &self.scope.0));
                at.map(|at| entered.remove(at))
            };
            let now = entered.borrow().last().map_or(0, |scope| scope.0.id);
            front::with(|front| front.enter(now));
            drop(left);
        });
    }
}

impl fmt::Debug for Isolated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Isolated").field("scope", &self.scope).finish_non_exhaustive()
    }
}
