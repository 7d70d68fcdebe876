//! One annotated function: what its attribute says, and where its entries are.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use crate::clock::{self, Ticks};
use crate::entry::Owner;
use crate::flight::Flights;
use crate::front;
use crate::stats::Stats;
use crate::store::{Capacity, DEFAULT_CAPACITY, Store};
use crate::testing::{self, ClockSource};

/// Which tiers a function's values may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tier {
    /// `#[cache::local]`: this process only.
    Local,
    /// `#[cache]`: also the shared backend, if one is installed.
    Shared,
    /// `#[cache::io]`: also the shared backend, which is the cachekit.io API unless another is installed.
    Io,
}

/// What the attribute says about expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TtlPolicy {
    /// Entries do not expire.
    Never,
    /// Every entry lives this long.
    Fixed(Duration),
    /// Computed for each entry.
    Dynamic,
}

/// What the attribute says.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, clippy::struct_excessive_bools)] // A list of what was written.
pub struct Policy {
    /// How long entries live.
    pub ttl: TtlPolicy,
    /// How much the cache holds, in entries or in weight; `None` is the default of 10,000 entries.
    pub capacity: Option<u64>,
    /// Whether entries have a weight of their own.
    pub weighted: bool,
    /// Whether results are stored under a condition only.
    pub conditional: bool,
    /// The schema version of the values.
    pub version: u32,
    /// The namespace in the shared tier.
    pub namespace: Option<&'static str>,
    /// Whether the function is `async`.
    pub is_async: bool,
    /// Whether the entries live in a [`crate::Cache`] that the attribute names.
    pub own_cache: bool,
    /// Whether the attribute names a backend.
    pub own_backend: bool,
    /// For how long after their time values are served while the function runs again.
    pub stale: Option<Duration>,
    /// How long a call waits for another process that runs the function; `None`: not at all, each process
    /// runs its own.
    pub fill_lock: Option<Duration>,
}

/// Where and what an annotated function is. Built by generated code.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct SiteInfo {
    /// The function's name.
    pub name: &'static str,
    /// The module it stands in.
    pub module: &'static str,
    /// The source file.
    pub file: &'static str,
    /// The line in it.
    pub line: u32,
    /// The column in that.
    pub column: u32,
    /// Which tiers its values may go to.
    pub tier: Tier,
    /// What the attribute says.
    pub policy: Policy,
}

/// The static behind one annotated function.
pub struct Site {
    pub(crate) info: SiteInfo,
    /// The first instantiation; the only one of a function that is not generic.
    first: OnceLock<(TypeId, Store)>,
    /// The others. They live as long as the process, like the function itself.
    more: RwLock<Option<HashMap<TypeId, &'static Store>>>,
}

/// A function's listing in the registry.
pub struct Registered(pub &'static Site);

inventory::collect!(Registered);

impl Site {
    /// The static of a function.
    pub const fn new(info: SiteInfo) -> Self {
        Self { info, first: OnceLock::new(), more: RwLock::new(None) }
    }

    fn address(&'static self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    fn make(&self, function: TypeId, instance: u64, clock: ClockSource, disabled: bool) -> Store {
        let capacity = self.info.policy.capacity.unwrap_or(DEFAULT_CAPACITY);
        let capacity = if self.info.policy.weighted {
            Capacity::Weight(capacity)
        } else {
            Capacity::Entries(capacity)
        };
        Store::new(Owner { function, instance }, capacity, clock, disabled)
    }

    /// The general TTL of the attribute.
    pub(crate) fn ttl(&self) -> Ticks {
        match self.info.policy.ttl {
            TtlPolicy::Fixed(ttl) => clock::ticks(ttl),
            TtlPolicy::Never | TtlPolicy::Dynamic => clock::NEVER,
        }
    }

    /// For how long after their time entries may be served while the function runs again.
    pub(crate) fn window(&self) -> Ticks {
        self.info.policy.stale.map_or(0, clock::ticks)
    }

    /// Its place, in the order of the source, among the functions of its name in its module: blocks can
    /// hold several.
    #[cfg(feature = "shared")]
    pub(crate) fn ordinal(&'static self) -> u32 {
        let place = |site: &Site| (site.info.file, site.info.line, site.info.column);
        let before = inventory::iter::<Registered>().map(|entry| entry.0).filter(|other| {
            other.info.module == self.info.module
                && other.info.name == self.info.name
                && place(other) < place(self)
        });
        u32::try_from(before.count()).unwrap_or(u32::MAX)
    }

    fn store(&'static self, function: TypeId) -> StoreRef {
        if front::scope() != 0 {
            let make = |id, clock, disabled| self.make(function, id, clock, disabled);
            if let Some(store) = testing::store(self.address(), function, make) {
                return StoreRef::Shared(store);
            }
        }
        let make = || self.make(function, 0, ClockSource::Coarse, crate::disabled());
        let (first, store) = self.first.get_or_init(|| (function, make()));
        if *first == function {
            return StoreRef::Static(store);
        }
        let known = self.more.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = known.as_ref().and_then(|more| more.get(&function)) {
            return StoreRef::Static(store);
        }
        drop(known);
        let mut more = self.more.write().unwrap_or_else(PoisonError::into_inner);
        let store = more
            .get_or_insert_with(HashMap::new)
            .entry(function)
            .or_insert_with(|| Box::leak(Box::new(make())));
        StoreRef::Static(store)
    }

    /// The stores of all instantiations used so far.
    fn stores(&'static self) -> Vec<StoreRef> {
        if let Some(stores) = testing::stores(self.address()) {
            return stores.into_iter().map(StoreRef::Shared).collect();
        }
        let more = self.more.read().unwrap_or_else(PoisonError::into_inner);
        let more = more.iter().flat_map(|more| more.values()).copied();
        self.first
            .get()
            .map(|(_, store)| store)
            .into_iter()
            .chain(more)
            .map(StoreRef::Static)
            .collect()
    }

    pub(crate) fn stats(&'static self) -> Stats {
        let mut stats = Stats::default();
        for store in self.stores() {
            stats += store.stats();
        }
        stats
    }

    pub(crate) fn clear(&'static self) -> u64 {
        let mut removed = 0;
        for store in self.stores() {
            Flights::global().kill_owner(store.owner());
            store.count_invalidation();
            removed += store.clear();
        }
        removed
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("info", &self.info).finish_non_exhaustive()
    }
}

/// A store that is a function's for good, or shared by the clones of a cache or a test scope.
#[derive(Clone)]
pub(crate) enum StoreRef {
    Static(&'static Store),
    Shared(Arc<Store>),
}

impl Deref for StoreRef {
    type Target = Store;

    fn deref(&self) -> &Store {
        match self {
            Self::Static(store) => store,
            Self::Shared(store) => store,
        }
    }
}

/// An annotated function in one instantiation of all the generics around it.
#[derive(Clone, Copy)]
pub struct SiteRef {
    pub(crate) site: &'static Site,
    instantiation: &'static Instantiation,
}

/// Behind a reference, so that a `SiteRef` travels in two registers; the hit path sees through it.
struct Instantiation {
    function: fn() -> TypeId,
    path: fn() -> &'static str,
}

struct Of<F>(PhantomData<F>);

impl<F> Of<F> {
    const INSTANTIATION: Instantiation =
        Instantiation { function: typeid::of::<F>, path: std::any::type_name::<F> };
}

impl SiteRef {
    /// `closure` is written in the function itself: its type names every generic parameter around it.
    #[inline]
    pub fn new<F>(site: &'static Site, _closure: &F) -> Self {
        Self { site, instantiation: &Of::<F>::INSTANTIATION }
    }

    #[inline]
    pub(crate) fn function(self) -> TypeId {
        (self.instantiation.function)()
    }

    /// Names the function with its generics, the same in every process of one build.
    pub(crate) fn path(self) -> &'static str {
        (self.instantiation.path)()
    }

    pub(crate) fn store(self) -> StoreRef {
        self.site.store(self.function())
    }
}

impl fmt::Debug for SiteRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SiteRef").field(&self.path()).finish()
    }
}

/// An annotated function, as [`functions`] lists it.
#[derive(Clone, Copy)]
pub struct Function {
    site: &'static Site,
}

impl Function {
    /// The function's name.
    pub fn name(&self) -> &'static str {
        self.site.info.name
    }

    /// The module it stands in.
    pub fn module(&self) -> &'static str {
        self.site.info.module
    }

    /// The source file.
    pub fn file(&self) -> &'static str {
        self.site.info.file
    }

    /// The line of the function's name.
    pub fn line(&self) -> u32 {
        self.site.info.line
    }

    /// Which tiers its values may go to.
    pub fn tier(&self) -> Tier {
        self.site.info.tier
    }

    /// What its attribute says.
    pub fn policy(&self) -> &'static Policy {
        &self.site.info.policy
    }

    /// Its counters, over all generic instantiations. All zero where the attribute names a cache with
    /// `in = …`: that cache counts.
    pub fn stats(&self) -> Stats {
        self.site.stats()
    }

    /// Drops its entries in this process. Returns how many there were.
    pub fn clear_local(&self) -> u64 {
        self.site.clear()
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("name", &self.name())
            .field("module", &self.module())
            .field("file", &self.file())
            .field("line", &self.line())
            .field("policy", self.policy())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Every annotated function linked into the program, called yet or not, in the order of their source.
///
/// # Example
///
/// ```
/// #[cachekit::cache::local(ttl = "5m")]
/// fn listed(n: u64) -> u64 { n }
///
/// let all = cachekit::functions();
/// let function = all.iter().find(|function| function.name() == "listed").unwrap();
/// assert_eq!(function.policy().ttl, cachekit::TtlPolicy::Fixed(std::time::Duration::from_secs(300)));
/// assert_eq!(function.stats().misses, 0);
/// ```
pub fn functions() -> Vec<Function> {
    let mut all: Vec<Function> =
        inventory::iter::<Registered>().map(|entry| Function { site: entry.0 }).collect();
    all.sort_by_key(|function| (function.file(), function.line(), function.site.info.column));
    all
}
