//! A cache that is not a function and has a name that the program gives: a layer. Its entries are in stores that belong
//! to objects and are dropped with them; the name and its counters stay.

use std::panic::Location;
// Plain std on purpose, as for functions.
use std::sync::Mutex;

use super::{CachedFunction, FunctionInfo, FunctionPath, Policy, Tier};
use crate::contained::lock;
use crate::store::{StoreRef, WeakStoreRef};

/// The stores of the objects of one function, each with the number of the test scope that it was created in.
pub(super) type Owned = Mutex<Vec<(u64, WeakStoreRef)>>;

pub(super) const fn none() -> Owned {
    Mutex::new(Vec::new())
}

/// The stores of a scope that still exist.
pub(super) fn of(owned: &Owned, scope: u64) -> Vec<StoreRef> {
    let owned = lock(owned);
    owned.iter().filter(|(of, _)| *of == scope).filter_map(|(_, store)| store.upgrade()).collect()
}

static GIVEN: Mutex<Vec<&'static CachedFunction>> = Mutex::new(Vec::new());

/// All functions with names that the program gave.
pub(super) fn functions() -> Vec<&'static CachedFunction> {
    lock(&GIVEN).clone()
}

/// What the program says about a cache that it names.
pub(crate) struct Given {
    pub(crate) name: &'static str,
    pub(crate) module: &'static str,
    /// A path that the compiler never produces.
    pub(crate) path: String,
    pub(crate) place: &'static Location<'static>,
    pub(crate) tier: Tier,
    pub(crate) policy: Policy,
}

/// The function with a name. There is one for each name and policy in the program, and it lives as long as the process.
pub(crate) fn given(given: Given) -> &'static CachedFunction {
    let Given { name, module, path, place, tier, policy } = given;
    let mut functions = lock(&GIVEN);
    let same = |function: &&&'static CachedFunction| {
        let info = &function.info;
        (info.path.get(), info.module, info.tier, info.policy) == (&path, module, tier, policy)
    };
    if let Some(function) = functions.iter().find(same) {
        return function;
    }
    let path = FunctionPath::Given(String::leak(path));
    let info = FunctionInfo { name, module, place, tier, policy, path };
    let function: &'static CachedFunction = Box::leak(Box::new(CachedFunction::of(info)));
    functions.push(function);
    function
}

impl CachedFunction {
    /// Registers the store of an object that this function represents.
    pub(crate) fn adopt(&self, scope: u64, store: &StoreRef) {
        let mut owned = lock(&self.owned);
        owned.retain(|(_, store)| store.upgrade().is_some());
        owned.push((scope, store.downgrade()));
    }
}
