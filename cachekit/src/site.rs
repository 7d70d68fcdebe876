//! One annotated function: what its attribute says, and where its entries are.

use std::any::TypeId;
use std::fmt;
use std::panic::Location;
// Plain std on purpose: a static's are made by the compiler.
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::clock::{self, ClockSource, Ticks};
use crate::entry::{StoreNumber, mix};
use crate::front;
use crate::scope;
use crate::stats::Stats;
use crate::store::{Caller, Capacity, DEFAULT_CAPACITY, Store, StoreRef};

mod function;
mod owned;

pub use self::function::{Function, functions};
use self::owned::Owned;
#[cfg(feature = "tower")]
pub(crate) use self::owned::{Given, given};

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
    /// `#[cache::secure]`: also the shared backend, if one is installed; everything that goes there is
    /// sealed.
    Secure,
}

/// What a `#[cache::secure]` function keeps in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum L1 {
    /// `l1 = sealed`, the default: the sealed bytes, opened and decoded at each hit.
    Sealed,
    /// `l1 = typed`: the values themselves. So do all other functions.
    Typed,
    /// `l1 = off`: nothing. Callers at the same time still share one run.
    Off,
}

/// What a `#[cache::secure]` function does when the shared tier answers with an entry that was not sealed for
/// the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnTamper {
    /// `on_tamper = recompute`, the default: runs, and overwrites the entry.
    Recompute,
    /// `on_tamper = error`: returns an error of kind [`Refused`](crate::ErrorKind::Refused).
    Error,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // A list of what was written.
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
    /// How long values stay that nothing uses.
    pub idle: Option<Duration>,
    /// How long a call waits for another process that runs the function; `None`: not at all, each process
    /// runs its own.
    pub fill_lock: Option<Duration>,
    /// What is kept in this process; anything but `Typed` for `#[cache::secure]` only.
    pub l1: L1,
    /// What a refused entry leads to; for `#[cache::secure]`.
    pub on_tamper: OnTamper,
    /// The operation of `interop = …`, by which other languages find the function's entries.
    pub interop: Option<&'static str>,
}

/// An attribute without options.
pub const POLICY: Policy = Policy {
    ttl: TtlPolicy::Never,
    capacity: None,
    weighted: false,
    conditional: false,
    version: 0,
    namespace: None,
    is_async: false,
    own_cache: false,
    own_backend: false,
    stale: None,
    idle: None,
    fill_lock: Some(Duration::from_secs(5)),
    l1: L1::Typed,
    on_tamper: OnTamper::Recompute,
    interop: None,
};

/// What the attributes set, one after the other.
macro_rules! setters {
    ($($setter:ident($field:ident: $type:ty);)*) => {
        #[doc(hidden)]
        #[allow(missing_docs)] // Called by generated code: each sets one field.
        impl Policy {
            $(
                #[must_use]
                pub const fn $setter(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

setters! {
    with_ttl(ttl: TtlPolicy);
    with_capacity(capacity: Option<u64>);
    with_weighted(weighted: bool);
    with_conditional(conditional: bool);
    with_version(version: u32);
    with_namespace(namespace: Option<&'static str>);
    with_is_async(is_async: bool);
    with_own_cache(own_cache: bool);
    with_own_backend(own_backend: bool);
    with_stale(stale: Option<Duration>);
    with_idle(idle: Option<Duration>);
    with_fill_lock(fill_lock: Option<Duration>);
    with_l1(l1: L1);
    with_on_tamper(on_tamper: OnTamper);
    with_interop(interop: Option<&'static str>);
}

/// Where and what an annotated function is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SiteInfo {
    /// The function's name.
    pub(crate) name: &'static str,
    /// The module it stands in.
    pub(crate) module: &'static str,
    /// Where its name stands.
    pub(crate) place: &'static Location<'static>,
    /// Which tiers its values may go to.
    pub(crate) tier: Tier,
    /// What the attribute says.
    pub(crate) policy: Policy,
    /// What tells it from others.
    pub(crate) path: SitePath,
}

/// What tells one cached thing from others, the same in every process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SitePath {
    /// Of a function: the compiler's path of a type beside it, asked for when it is needed. It names the functions and the
    /// `impl`s around, which no macro sees.
    Compiled(fn() -> &'static str),
    /// Of what the program names itself.
    #[cfg_attr(not(feature = "tower"), allow(dead_code))]
    Given(&'static str),
}

impl SitePath {
    pub(crate) fn get(self) -> &'static str {
        match self {
            Self::Compiled(path) => path(),
            Self::Given(path) => path,
        }
    }
}

/// The static behind one annotated function. Small, because the compiler evaluates one for each function.
pub struct Site {
    pub(crate) info: SiteInfo,
    /// What the attribute says of times, as look-ups read it.
    ttl: Ticks,
    window: Ticks,
    idle: Ticks,
    /// The number of the first store, once there is one; what hits of functions without generics compare.
    number: AtomicU32,
    /// The stores of all instantiations in use. They live as long as the process, like the function itself.
    first: Link,
    /// The stores of the objects that it stands for, where it is no function.
    owned: Owned,
}

/// The next of a function's stores, if there is one. Read without a lock, at every hit.
type Link = OnceLock<Box<Node>>;

/// The store of one instantiation.
struct Node {
    function: TypeId,
    store: Store,
    next: Link,
}

/// A function's listing in the registry.
pub struct Registered(pub &'static Site);

inventory::collect!(Registered);

impl Site {
    /// The static of a function. The call stands where the function's name does. `path` is the
    /// `type_name` of a type beside the function.
    #[track_caller]
    pub const fn new(
        name: &'static str,
        module: &'static str,
        tier: Tier,
        policy: Policy,
        path: fn() -> &'static str,
    ) -> Self {
        let place = Location::caller();
        let path = SitePath::Compiled(path);
        Self::of(SiteInfo { name, module, place, tier, policy, path })
    }

    const fn of(info: SiteInfo) -> Self {
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

    /// Its module and path, for labels. Bounded by the number of annotated functions.
    pub(crate) fn label(&self) -> String {
        format!("{}::{}", self.info.module, function::path_of(&self.info))
    }

    /// The general TTL of the attribute.
    #[inline]
    pub(crate) fn ttl(&self) -> Ticks {
        self.ttl
    }

    /// For how long after their time entries may be served while the function runs again.
    #[inline]
    pub(crate) fn window(&self) -> Ticks {
        self.window
    }

    /// How long entries stay that nothing uses.
    #[inline]
    pub(crate) fn idle(&self) -> Ticks {
        self.idle
    }

    /// Another function that the compiler's path does not tell from this one, and that would share its
    /// entries: written by one macro, or in two blocks of one function.
    pub(crate) fn twin(&'static self) -> Option<&'static Self> {
        let same = |other: &&'static Self| {
            let (own, other_info) = (&self.info, &other.info);
            !std::ptr::eq(*other, self)
                && other_info.tier != Tier::Local
                && other_info.policy.namespace == own.policy.namespace
                && other_info.policy.version == own.policy.version
                && other_info.path.get() == own.path.get()
        };
        inventory::iter::<Registered>().map(|entry| entry.0).find(same)
    }

    /// The store of an instantiation, if it has one.
    #[inline]
    fn known(&'static self, function: TypeId) -> Option<&'static Store> {
        let mut link = &self.first;
        // Mostly the first is the only one.
        while let Some(node) = link.get() {
            if node.function == function {
                return Some(&node.store);
            }
            link = &node.next;
        }
        None
    }

    fn store(&'static self, function: TypeId) -> StoreRef {
        if front::scope() != 0 {
            let make = |clock, disabled| self.make(clock, disabled);
            if let Some(store) = scope::store(self.address(), function, make) {
                return StoreRef::Shared(store);
            }
        }
        StoreRef::Static(self.known(function).unwrap_or_else(|| self.add(function)))
    }

    #[cold]
    fn add(&'static self, function: TypeId) -> &'static Store {
        let mut link = &self.first;
        loop {
            let node = link.get_or_init(|| {
                let store = self.make(ClockSource::Coarse, crate::disabled());
                Box::new(Node { function, store, next: OnceLock::new() })
            });
            if std::ptr::eq(link, &raw const self.first) {
                self.number.store(node.store.number(), Ordering::Relaxed);
            }
            if node.function == function {
                return &node.store;
            }
            link = &node.next;
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

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("info", &self.info).finish_non_exhaustive()
    }
}

/// An annotated function in one instantiation of all the generics around it.
#[derive(Clone, Copy)]
pub struct SiteRef {
    /// Its static.
    pub site: &'static Site,
    /// A type that names the instantiation.
    function: TypeId,
    /// Its name, where there can be several.
    path: Option<fn() -> &'static str>,
}

impl SiteRef {
    /// A function without generics around it; `function` is a type of its own.
    #[inline]
    pub fn new(site: &'static Site, function: TypeId) -> Self {
        Self { site, function, path: None }
    }

    /// `closure` is written in the function itself: its type names every generic parameter around it.
    #[inline]
    pub fn generic<F>(site: &'static Site, _closure: &F) -> Self {
        Self { site, function: typeid::of::<F>(), path: Some(std::any::type_name::<F>) }
    }

    #[inline]
    pub(crate) fn function(self) -> TypeId {
        self.function
    }

    /// Names the instantiation, the same in every process of one build; `None` if there is only one.
    pub(crate) fn path(self) -> Option<&'static str> {
        self.path.map(|path| path())
    }

    pub(crate) fn store(self) -> StoreRef {
        self.site.store(self.function())
    }

    /// Its store outside of test scopes, once there is one.
    #[inline]
    pub(crate) fn static_store(self) -> Option<&'static Store> {
        match self.path {
            // Without generics around it, the function has one store.
            None => self.site.first.get().map(|node| &node.store),
            Some(_) => self.site.known(self.function()),
        }
    }

    /// The number of that store; 0 as long as there is none.
    #[inline]
    pub(crate) fn store_number(self) -> StoreNumber {
        match self.path {
            // With an old 0 nothing is found in a front, and the store answers.
            None => self.site.number.load(Ordering::Relaxed),
            Some(_) => self.static_store().map_or(0, Store::number),
        }
    }

    /// Describes a call of the function, wherever it is made.
    #[inline]
    pub(crate) fn caller(self) -> Caller {
        let info = &self.site.info;
        let asks = cfg!(feature = "shared") && info.tier != Tier::Local;
        Caller { asynchronous: info.policy.is_async, asks }
    }

    /// A hit that this thread's front served. Traces may show it.
    #[inline]
    #[cfg_attr(not(feature = "tracing"), allow(clippy::unused_self))]
    pub(crate) fn observe_hit(self) {
        #[cfg(feature = "tracing")]
        if crate::observe::spans::samples_hits() {
            crate::observe::spans::sampled_hit(|| self.site.label(), false);
        }
    }

    /// Where an entry with this hash of its key is.
    #[inline]
    pub(crate) fn place(self, hash: u64) -> u64 {
        mix(hash, self.function(), 0)
    }
}

impl fmt::Debug for SiteRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SiteRef").field(&self.site.info.name).finish()
    }
}
