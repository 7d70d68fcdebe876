//! One annotated function: what its attribute says, and where its entries are.

use std::any::TypeId;
use std::fmt;
use std::panic::Location;
// Plain std on purpose: the compiler builds the ones in statics.
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::clock::{self, ClockSource, Ticks};
use crate::entry::{StoreNumber, mix};
use crate::observe::spans;
use crate::scope;
use crate::stats::Stats;
use crate::store::{Caller, Capacity, DEFAULT_CAPACITY, Store, StoreRef};
use crate::thread_cache;

mod listed;
mod owned;
mod policy;

pub use self::listed::{Function, functions};
use self::owned::Owned;
pub(crate) use self::owned::{Given, given};
pub use self::policy::{L1, OnTamper, POLICY, Policy, Tier, TtlPolicy};

/// The identity and the attribute of an annotated function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionInfo {
    /// The function's name.
    pub(crate) name: &'static str,
    /// The module that contains it.
    pub(crate) module: &'static str,
    /// Where its name is in the source.
    pub(crate) place: &'static Location<'static>,
    /// Which tiers its values may go to.
    pub(crate) tier: Tier,
    /// What the attribute says.
    pub(crate) policy: Policy,
    /// What distinguishes it from other functions.
    pub(crate) path: FunctionPath,
}

/// What distinguishes one cached function or layer from others; the same in every process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FunctionPath {
    /// For a function: the compiler's path of a type next to it, computed when it is needed. It names the functions and
    /// the `impl`s around it, which no macro sees.
    Compiled(fn() -> &'static str),
    /// For something that the program names itself.
    Given(&'static str),
}

impl FunctionPath {
    pub(crate) fn get(self) -> &'static str {
        match self {
            Self::Compiled(path) => path(),
            Self::Given(path) => path,
        }
    }
}

/// The static behind one annotated function. Small, because the compiler evaluates one for each function.
pub struct CachedFunction {
    pub(crate) info: FunctionInfo,
    /// The TTL of the attribute, in the form that look-ups read.
    ttl: Ticks,
    window: Ticks,
    idle: Ticks,
    /// The number of the first store, once there is one; hits of functions without generics compare it.
    number: AtomicU32,
    /// The stores of all instantiations in use. They live as long as the process, like the function itself.
    first: OnceLock<Box<Node>>,
    /// The stores of the objects that it represents, if it is not a function.
    owned: Owned,
}

/// The store of one instantiation. Every hit reads the list of them without a lock.
struct Node {
    instantiation: TypeId,
    store: Store,
    next: OnceLock<Box<Node>>,
}

/// The row of a function in the registry.
pub struct Registered(pub &'static CachedFunction);

inventory::collect!(Registered);

impl CachedFunction {
    /// The static of a function. The call has the location of the function's name. `path` is the
    /// `type_name` of a type next to the function.
    #[track_caller]
    pub const fn new(
        name: &'static str,
        module: &'static str,
        tier: Tier,
        policy: Policy,
        path: fn() -> &'static str,
    ) -> Self {
        let place = Location::caller();
        let path = FunctionPath::Compiled(path);
        Self::of(FunctionInfo { name, module, place, tier, policy, path })
    }

    const fn of(info: FunctionInfo) -> Self {
        let policy = &info.policy;
        let ttl = match policy.ttl {
            TtlPolicy::Fixed(ttl) => clock::ticks(ttl),
            TtlPolicy::Never | TtlPolicy::Dynamic => clock::NEVER,
        };
        let window = match policy.stale {
            Some(window) => clock::ticks(window),
            None => 0,
        };
        let idle = match policy.idle {
            Some(idle) => clock::ticks(idle),
            None => clock::NEVER,
        };
        let number = AtomicU32::new(0);
        Self { info, ttl, window, idle, number, first: OnceLock::new(), owned: owned::none() }
    }

    fn address(&'static self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    fn make(&self, clock: ClockSource, disabled: bool) -> Store {
        let capacity = self.info.policy.capacity.unwrap_or(DEFAULT_CAPACITY);
        let capacity = if self.info.policy.weighted {
            Capacity::Weight(capacity)
        } else {
            Capacity::Entries(capacity)
        };
        Store::new(capacity, clock, disabled)
            .named(self.info.module, self.info.name)
            .observed_as(|| self.label())
    }

    /// Its module and path, for labels. There are no more of them than annotated functions.
    pub(crate) fn label(&self) -> String {
        format!("{}::{}", self.info.module, listed::path_of(&self.info))
    }

    /// The general TTL of the attribute.
    #[inline]
    pub(crate) fn ttl(&self) -> Ticks {
        self.ttl
    }

    /// For how long after their TTL entries may be served while the function runs again.
    #[inline]
    pub(crate) fn window(&self) -> Ticks {
        self.window
    }

    /// How long unused entries stay.
    #[inline]
    pub(crate) fn idle(&self) -> Ticks {
        self.idle
    }

    /// Another function that would share this one's entries. Either both have the same compiler's path, because one
    /// macro wrote them or they are in two blocks of one function. Or both have the same operation for all languages,
    /// and at least one does not declare it as shared.
    pub(crate) fn twin(&'static self) -> Option<&'static Self> {
        let same = |other: &&'static Self| {
            let (own, other_info) = (&self.info, &other.info);
            !std::ptr::eq(*other, self)
                && other_info.tier != Tier::Local
                && other_info.policy.namespace == own.policy.namespace
                && other_info.policy.version == own.policy.version
                && match (own.policy.interop, other_info.policy.interop) {
                    (None, None) => other_info.path.get() == own.path.get(),
                    (own_operation, operation) => {
                        let agreed = own.policy.interop_shared && other_info.policy.interop_shared;
                        own_operation == operation && !agreed
                    }
                }
        };
        inventory::iter::<Registered>().map(|entry| entry.0).find(same)
    }

    /// The store of an instantiation, if it has one.
    #[inline]
    fn known(&'static self, instantiation: TypeId) -> Option<&'static Store> {
        let mut next = &self.first;
        // Usually the first is the only one.
        while let Some(node) = next.get() {
            if node.instantiation == instantiation {
                return Some(&node.store);
            }
            next = &node.next;
        }
        None
    }

    fn store(&'static self, instantiation: TypeId) -> StoreRef {
        if thread_cache::scope() != 0 {
            let make = |clock, disabled| self.make(clock, disabled);
            if let Some(store) = scope::store(self.address(), instantiation, make) {
                return StoreRef::Shared(store);
            }
        }
        self.process_store(instantiation)
    }

    fn process_store(&'static self, instantiation: TypeId) -> StoreRef {
        StoreRef::Static(self.known(instantiation).unwrap_or_else(|| self.add(instantiation)))
    }

    #[cold]
    fn add(&'static self, instantiation: TypeId) -> &'static Store {
        let mut next = &self.first;
        loop {
            let node = next.get_or_init(|| {
                let store = self.make(ClockSource::Coarse, crate::disabled());
                Box::new(Node { instantiation, store, next: OnceLock::new() })
            });
            if std::ptr::eq(next, &raw const self.first) {
                self.number.store(node.store.number(), Ordering::Relaxed);
            }
            if node.instantiation == instantiation {
                return &node.store;
            }
            next = &node.next;
        }
    }

    /// The stores of all instantiations used so far.
    pub(crate) fn stores(&'static self) -> Vec<StoreRef> {
        if let Some(stores) = scope::stores(self.address()) {
            let owned = owned::of(&self.owned, scope::number());
            return stores.into_iter().map(StoreRef::Shared).chain(owned).collect();
        }
        let nodes = std::iter::successors(self.first.get(), |node| node.next.get());
        nodes.map(|node| StoreRef::Static(&node.store)).chain(owned::of(&self.owned, 0)).collect()
    }

    pub(crate) fn stats(&'static self) -> Stats {
        let mut stats = Stats::default();
        for store in self.stores() {
            stats += store.stats();
        }
        stats
    }

    pub(crate) fn purge(&'static self) -> u64 {
        self.stores().iter().map(|store| store.purge()).sum()
    }

    pub(crate) fn clear(&'static self) -> u64 {
        let mut removed = 0;
        for store in self.stores() {
            store.count_invalidation();
            removed += store.clear();
        }
        removed
    }
}

impl fmt::Debug for CachedFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedFunction").field("info", &self.info).finish_non_exhaustive()
    }
}

/// An annotated function in one instantiation of all the generics around it.
#[derive(Clone, Copy)]
pub struct FunctionRef {
    /// Its static.
    pub definition: &'static CachedFunction,
    /// A type that names the instantiation.
    instantiation: TypeId,
    /// Its name, if there can be several.
    path: Option<fn() -> &'static str>,
}

impl FunctionRef {
    /// A function without generics around it; `function` is its own type.
    #[inline]
    pub fn new(definition: &'static CachedFunction, instantiation: TypeId) -> Self {
        Self { definition, instantiation, path: None }
    }

    /// `closure` is inside the function: its type names every generic parameter around it.
    #[inline]
    pub fn generic<F>(definition: &'static CachedFunction, _closure: &F) -> Self {
        Self { definition, instantiation: typeid::of::<F>(), path: Some(std::any::type_name::<F>) }
    }

    #[inline]
    pub(crate) fn instantiation(self) -> TypeId {
        self.instantiation
    }

    /// Names the instantiation, the same in every process of one build; `None` if there is only one.
    pub(crate) fn path(self) -> Option<&'static str> {
        self.path.map(|path| path())
    }

    pub(crate) fn store(self) -> StoreRef {
        self.definition.store(self.instantiation())
    }

    /// The same, if it exists already: outside of test scopes a look-up creates none.
    pub(crate) fn found_store(self) -> Option<StoreRef> {
        match thread_cache::scope() {
            0 => self.static_store().map(StoreRef::Static),
            _ => Some(self.store()),
        }
    }

    /// Its store outside of test scopes.
    pub(crate) fn process_store(self) -> StoreRef {
        self.definition.process_store(self.instantiation())
    }

    /// Its store outside of test scopes, once there is one.
    #[inline]
    pub(crate) fn static_store(self) -> Option<&'static Store> {
        match self.path {
            // Without generics around it, the function has one store.
            None => self.definition.first.get().map(|node| &node.store),
            Some(_) => self.definition.known(self.instantiation()),
        }
    }

    /// The number of that store; 0 until there is one.
    #[inline]
    pub(crate) fn store_number(self) -> StoreNumber {
        match self.path {
            // With an outdated 0 the thread cache misses, and the store answers.
            None => self.definition.number.load(Ordering::Relaxed),
            Some(_) => self.static_store().map_or(0, Store::number),
        }
    }

    /// Describes a call of the function, wherever it is made.
    #[inline]
    pub(crate) fn caller(self) -> Caller {
        let info = &self.definition.info;
        let asks = cfg!(feature = "shared") && info.tier != Tier::Local;
        Caller { asynchronous: info.policy.is_async, asks }
    }

    /// A hit in this thread's cache. Traces may show it.
    pub(crate) fn observe_hit(self) {
        spans::sampled_hit(|| self.definition.label(), false);
    }

    /// Where an entry with this hash of its key is.
    #[inline]
    pub(crate) fn place(self, hash: u64) -> u64 {
        mix(hash, self.instantiation(), 0)
    }
}

impl fmt::Debug for FunctionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FunctionRef").field(&self.definition.info.name).finish()
    }
}
