//! What is cached under a name that the program gives, and is no function: a layer. Its entries are in stores that belong to
//! objects and go with them; what is known of the name stays.

use std::panic::Location;
// Plain std on purpose, as for functions.
use std::sync::{Mutex, PoisonError};

use super::{CachedFunction, FunctionInfo, FunctionPath, Policy, Tier};
use crate::store::{StoreRef, WeakStoreRef};

/// The stores of the objects of one function, each with the number of the test scope that it was made in.
pub(super) type Owned = Mutex<Vec<(u64, WeakStoreRef)>>;

pub(super) const fn none() -> Owned {
    Mutex::new(Vec::new())
}

/// Those of a scope that are still there.
pub(super) fn of(owned: &Owned, scope: u64) -> Vec<StoreRef> {
    let owned = owned.lock().unwrap_or_else(PoisonError::into_inner);
    owned.iter().filter(|(of, _)| *of == scope).filter_map(|(_, store)| store.upgrade()).collect()
}

static GIVEN: Mutex<Vec<&'static CachedFunction>> = Mutex::new(Vec::new());

/// All functions of given names.
pub(super) fn functions() -> Vec<&'static CachedFunction> {
    GIVEN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// What the program says of something that it names.
pub(crate) struct Given {
    pub(crate) name: &'static str,
    pub(crate) module: &'static str,
    /// No path that the compiler makes.
    pub(crate) path: String,
    pub(crate) place: &'static Location<'static>,
    pub(crate) tier: Tier,
    pub(crate) policy: Policy,
}

/// The function of a name. One for each name and policy that stand in the program: functions stay as long as it runs.
pub(crate) fn given(given: Given) -> &'static CachedFunction {
    let Given { name, module, path, place, tier, policy } = given;
    let mut functions = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
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
    /// A store of an object that this function stands for.
    pub(crate) fn adopt(&self, scope: u64, store: &StoreRef) {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        owned.retain(|(_, store)| store.upgrade().is_some());
        owned.push((scope, store.downgrade()));
    }
}
