//! The list of all annotated functions.

use std::fmt;

use super::{Policy, Registered, Site, Tier};
use crate::stats::Stats;

/// An annotated function, as [`functions`] lists it.
#[derive(Clone, Copy)]
pub struct Function {
    site: &'static Site,
}

impl Function {
    #[cfg(feature = "shared")]
    pub(crate) fn site(self) -> &'static Site {
        self.site
    }

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
        self.site.info.place.file()
    }

    /// The line of the function's name.
    pub fn line(&self) -> u32 {
        self.site.info.place.line()
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
    all.sort_by_key(|function| function.site.info.place);
    all
}
