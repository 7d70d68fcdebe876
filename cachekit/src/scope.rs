//! Test scopes: what a thread that is in one finds there instead of what the process has.
//!
//! Whatever can be set for the process can be set for a scope. It is looked for in this order: the scope the thread is
//! in, the process, the environment. The public face of it is [`crate::testing`].

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::clock::{Clock, ClockSource};
use crate::store::Store;
use crate::thread_cache;

pub(crate) mod pending;
pub(crate) mod settings;

use self::pending::Pending;

/// Neither the process nor the environment has a backend for `#[cache]`.
static NOWHERE: AtomicBool = AtomicBool::new(false);

/// Whether it is known that `#[cache]` functions outside of test scopes have no backend: one look at a flag, for calls
/// that miss.
#[inline]
pub(crate) fn is_nowhere() -> bool {
    NOWHERE.load(Ordering::Relaxed)
}

/// Says so, or takes it back. Called under the lock of the process's backend.
pub(crate) fn note_nowhere(is_so: bool) {
    NOWHERE.store(is_so, Ordering::Relaxed);
}

type Stores = HashMap<(usize, TypeId), Arc<Store>>;

/// A scope. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Scope(Arc<Inner>);

struct Inner {
    number: u64,
    clock: Clock,
    disabled: bool,
    stores: Mutex<Stores>,
    settings: Mutex<settings::Settings>,
    /// What goes on in the background.
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
    /// A scope with empty caches, or one in which nothing is cached.
    pub(crate) fn new(disabled: bool) -> Self {
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

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Puts the thread into the scope until the guard is dropped.
    pub(crate) fn enter(&self) -> Entered {
        thread_cache::with(|thread_cache| thread_cache.enter(self.0.number));
        let _ = ENTERED.try_with(|entered| entered.borrow_mut().push(self.clone()));
        Entered { scope: self.clone(), thread: PhantomData }
    }

    pub(crate) fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        f()
    }

    /// Runs a future in the scope, on whatever thread it is polled.
    pub(crate) fn wrap<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
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

thread_local! {
    /// The scopes this thread has entered; the last one counts.
    static ENTERED: RefCell<Vec<Scope>> = const { RefCell::new(Vec::new()) };
}

/// Keeps a thread in a scope.
pub(crate) struct Entered {
    scope: Scope,
    /// Leaving has to happen on the thread that entered.
    thread: PhantomData<*const ()>,
}

impl Drop for Entered {
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

/// Runs `f` in a scope, or in none, whatever the thread is in.
pub(crate) fn within<R>(scope: Option<&Scope>, f: impl FnOnce() -> R) -> R {
    /// Back to where the thread was.
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

/// Its number, 0 outside of any. Never given twice.
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

/// The background of the scope this thread is in, or of the process.
pub(crate) fn background() -> Arc<Pending> {
    static PROCESS: LazyLock<Arc<Pending>> = LazyLock::new(Arc::default);
    current().map_or_else(|| Arc::clone(&PROCESS), |scope| Arc::clone(&scope.0.pending))
}

/// Notes that something goes on in the background, until the guard is dropped.
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
    let mut stores = scope.stores.lock().unwrap_or_else(PoisonError::into_inner);
    let store = stores.entry((function, instantiation)).or_insert_with(|| {
        Arc::new(make(ClockSource::Manual(scope.clock.clone()), scope.disabled))
    });
    Some(Arc::clone(store))
}

/// The stores of a function inside the scope this thread is in; `None` outside of any.
pub(crate) fn stores(function: usize) -> Option<Vec<Arc<Store>>> {
    let Scope(scope) = current()?;
    let stores = scope.stores.lock().unwrap_or_else(PoisonError::into_inner);
    let of_function = stores.iter().filter(|((at, _), _)| *at == function);
    Some(of_function.map(|(_, store)| Arc::clone(store)).collect())
}
