//! The list of all annotated functions.

use std::fmt;

use super::{CachedFunction, FunctionInfo, Policy, Tier};
use super::{owned, registry};
use crate::stats::Stats;

/// An annotated function, as [`functions`] lists it.
#[derive(Clone, Copy)]
pub struct Function {
    definition: &'static CachedFunction,
}

impl Function {
    pub(crate) fn of(definition: &'static CachedFunction) -> Self {
        Self { definition }
    }

    pub(crate) fn definition(self) -> &'static CachedFunction {
        self.definition
    }

    /// The function's name.
    pub fn name(&self) -> &'static str {
        self.definition.info.name
    }

    /// Its name with the `impl` or the functions that contain it, as seen from its module: `Shop::price`,
    /// `<Shop as Priced>::price`, `outer::inner`; for a function of the module, only its name. Generic
    /// parameters of an `impl` are `_`.
    ///
    /// For humans: the spelling is the compiler's, and may change with it.
    ///
    /// # Example
    ///
    /// ```
    /// struct Shop;
    ///
    /// impl Shop {
    ///     #[cachekit::cache::local(self = shared)]
    ///     pub fn price(&self, item: u64) -> u64 { item }
    /// }
    ///
    /// let all = cachekit::functions();
    /// let function = all.iter().find(|function| function.name() == "price").unwrap();
    /// assert!(function.path().ends_with("Shop::price"));
    /// ```
    pub fn path(&self) -> String {
        path_of(&self.definition.info)
    }

    /// The module that contains it.
    pub fn module(&self) -> &'static str {
        self.definition.info.module
    }

    /// The source file.
    pub fn file(&self) -> &'static str {
        self.definition.info.place.file()
    }

    /// The line of the function's name.
    pub fn line(&self) -> u32 {
        self.definition.info.place.line()
    }

    /// Which tiers its values may go to.
    pub fn tier(&self) -> Tier {
        self.definition.info.tier
    }

    /// What its attribute says.
    pub fn policy(&self) -> &'static Policy {
        &self.definition.info.policy
    }

    /// Its counters, over all generic instantiations. All zero if the attribute names a cache with
    /// `in = …`: that cache counts.
    pub fn stats(&self) -> Stats {
        self.definition.stats()
    }

    /// Drops its entries in this process. Returns how many there were.
    pub fn clear_local(&self) -> u64 {
        self.definition.clear()
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("path", &self.path())
            .field("module", &self.module())
            .field("file", &self.file())
            .field("line", &self.line())
            .field("policy", self.policy())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// The spelling of [`Function::path`].
pub(crate) fn path_of(info: &FunctionInfo) -> String {
    readable(info.path.get(), info.module, info.name)
}

/// From the path of the type in a function's static, without our own parts.
fn readable(path: &str, module: &str, name: &str) -> String {
    // In the companion of a function, `…::name::__cachekit_site::__CACHEKIT_SITE::__Here`; next to a method,
    // `…::__cachekit_site_name::__CACHEKIT_SITE::__Here`; in the function itself, also
    // `…::name::{{closure}}::__CACHEKIT_SITE::__Here`.
    let Some(at) = path.rfind("::__CACHEKIT_SITE") else { return name.to_owned() };
    let mut around = path[..at].replace("::{{closure}}", "");
    let mut parent = || around.truncate(around.rfind("::").unwrap_or(0));
    parent();
    if path[..at].ends_with("::__cachekit_site") || path[..at].ends_with("::__cachekit_static") {
        parent();
    }
    let in_module = format!("{module}::");
    let mut shown = String::with_capacity(around.len() + name.len() + 2);
    let mut rest = around.as_str();
    // Only at the beginning of a path, not in the middle of another one.
    while let Some(at) = rest.find(&in_module) {
        let before = &rest[..at];
        shown.push_str(before);
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            shown.push_str(&in_module);
        }
        rest = &rest[at + in_module.len()..];
    }
    shown.push_str(if rest == module { "" } else { rest });
    if !shown.is_empty() {
        shown.push_str("::");
    }
    shown.push_str(name);
    shown
}

/// Every annotated function linked into the program, called yet or not, in source order. A
/// `responses::CacheResponses` that was built counts as one.
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
    let all = registry::functions().into_iter().chain(owned::functions());
    let mut all: Vec<Function> = all.map(|definition| Function { definition }).collect();
    all.sort_by_key(|function| function.definition.info.place);
    all
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn what_is_ours_in_a_path_is_not_shown() {
        for (path, shown) in [
            ("a::b::f::__cachekit_static::__CACHEKIT_SITE::__Here", "f"),
            ("a::b::S::__cachekit_site_f::__CACHEKIT_SITE::__Here", "S::f"),
            ("a::b::S<_>::g::f::__cachekit_site::__CACHEKIT_SITE::__Here", "S<_>::g::f"),
            ("<a::b::S as a::b::T>::f::__CACHEKIT_SITE::__Here", "<S as T>::f"),
            (
                "<a::b::S as a::T>::f::{{closure}}::{{closure}}::__CACHEKIT_SITE::__Here",
                "<S as a::T>::f",
            ),
            (
                "a::b::<impl a::S<u8>>::__cachekit_site_f::__CACHEKIT_SITE::__Here",
                "<impl a::S<u8>>::f",
            ),
            ("<c::a::b::S as T>::f::__CACHEKIT_SITE::__Here", "<c::a::b::S as T>::f"),
            ("a::b::f::__CACHEKIT_SITE::__Here", "f"),
            ("", "f"),
        ] {
            assert_eq!(readable(path, "a::b", "f"), shown, "{path}");
        }
    }
}
