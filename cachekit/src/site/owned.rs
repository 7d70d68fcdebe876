//! What is cached under a name that the program gives, and is no function: a layer. Its entries are in stores that belong to
//! objects and go with them; what is known of the name stays.

#[cfg(feature = "tower")]
use std::panic::Location;
// Plain std on purpose, as for functions.
use std::sync::{Mutex, PoisonError};

use super::Site;
#[cfg(feature = "tower")]
use super::{Policy, SiteInfo, SitePath, Tier};
use crate::store::{StoreRef, WeakStoreRef};

/// The stores of the objects of one site, each with the number of the test scope that it was made in.
pub(super) type Owned = Mutex<Vec<(u64, WeakStoreRef)>>;

pub(super) const fn none() -> Owned {
    Mutex::new(Vec::new())
}

/// Those of a scope that are still there.
pub(super) fn of(owned: &Owned, scope: u64) -> Vec<StoreRef> {
    let owned = owned.lock().unwrap_or_else(PoisonError::into_inner);
    owned.iter().filter(|(of, _)| *of == scope).filter_map(|(_, store)| store.upgrade()).collect()
}

static SITES: Mutex<Vec<&'static Site>> = Mutex::new(Vec::new());

/// All sites of given names.
pub(super) fn sites() -> Vec<&'static Site> {
    SITES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// What the program says of something that it names.
#[cfg(feature = "tower")]
pub(crate) struct Given {
    pub(crate) name: &'static str,
    pub(crate) module: &'static str,
    /// No path that the compiler makes.
    pub(crate) path: String,
    pub(crate) place: &'static Location<'static>,
    pub(crate) tier: Tier,
    pub(crate) policy: Policy,
}

/// The site of a name. One for each name and policy that stand in the program: sites stay as long as it runs.
#[cfg(feature = "tower")]
pub(crate) fn given(given: Given) -> &'static Site {
    let Given { name, module, path, place, tier, policy } = given;
    let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |site: &&&'static Site| {
        let info = &site.info;
        (info.path.get(), info.module, info.tier, info.policy) == (&path, module, tier, policy)
    };
    if let Some(site) = sites.iter().find(same) {
        return site;
    }
    let path = SitePath::Given(String::leak(path));
    let info = SiteInfo { name, module, place, tier, policy, path };
    let site: &'static Site = Box::leak(Box::new(Site::of(info)));
    sites.push(site);
    site
}

impl Site {
    /// A store of an object that this site stands for.
    #[cfg(feature = "tower")]
    pub(crate) fn adopt(&self, scope: u64, store: &StoreRef) {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        owned.retain(|(_, store)| store.upgrade().is_some());
        owned.push((scope, store.downgrade()));
    }
}
