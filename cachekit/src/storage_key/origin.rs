//! The identity of a function, for the storage keys of its calls: the same in every process, and never that of
//! another function.
//!
//! A function's identity is the compiler's own path of an item inside it, which names every function and `impl`
//! around it. It depends neither on the order of the source nor on what else is linked. If two functions have
//! the same path, neither shares its values.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::{Hash as _, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use blake2b_simd::Params;

use super::stays::{self, Reason};
use crate::cached_function::FunctionRef;
use crate::contained::lock;

/// Readable characters of the function's path. With the longest namespace the key stays below 250.
const MAX_PATH: usize = 96;

/// Bytes of a digest.
pub(super) const DIGEST: usize = 32;

/// The namespace of functions that name none.
const DEFAULT_NAMESPACE: &str = "default";

/// Blake2b-256.
fn hash() -> Params {
    let mut hash = Params::new();
    hash.hash_length(DIGEST);
    hash
}

/// The common part of the keys of one function, in one instantiation.
pub(crate) struct Origin {
    /// The parameters of the digest of a call.
    pub(super) hash: Params,
    /// Digest of everything before the arguments.
    pub(super) digest: [u8; DIGEST],
    /// The text up to the hash.
    pub(super) start: String,
    function: FunctionRef,
    /// Whether no other instantiation seen so far has the same path.
    sole: Arc<AtomicBool>,
    /// Whether the arguments of a call were found to be written incompletely, and that was logged.
    said: AtomicBool,
}

impl Origin {
    pub(super) fn new(function: FunctionRef) -> Self {
        let info = &function.definition.info;
        let version = info.policy.version.to_be_bytes();
        let own = info.path.get();
        // Without generics the function's own path is enough.
        let path = function.path().unwrap_or_default();
        let types =
            if may_name_foreign_types(own, path) { number(function.instantiation()) } else { 0 };
        let hash = hash();
        let mut told = hash.to_state();
        for part in [own.as_bytes(), path.as_bytes(), &types.to_be_bytes(), &version] {
            // Lengths separate neighbouring parts.
            told.update(&(part.len() as u64).to_be_bytes());
            told.update(part);
        }
        let mut digest = [0; DIGEST];
        digest.copy_from_slice(told.finalize().as_bytes());
        let namespace = info.policy.namespace.unwrap_or(DEFAULT_NAMESPACE);
        Self {
            hash,
            digest,
            start: format!("ns:{namespace}:func:{}:args:", readable(info.module, info.name)),
            function,
            sole: sole_owner(function),
            said: AtomicBool::new(false),
        }
    }

    /// Whether other processes agree on what the function's path names. If not, its values stay in this one.
    pub(super) fn is_unambiguous(&self) -> bool {
        self.sole.load(Ordering::Relaxed)
    }

    /// Logs once that a call's values stay here because of its arguments.
    pub(super) fn say_partly_written(&self) {
        if !self.said.swap(true, Ordering::Relaxed) {
            stays::note(self.function.definition, Reason::Arguments);
        }
    }
}

/// For a function and a path: the first instantiation of that path, and whether it is still the only one.
type Seen = HashMap<(usize, &'static str), (TypeId, Arc<AtomicBool>)>;

/// Whether the function's path names one function, in one instantiation. Closures have no names, and types in
/// different blocks can have the same name: such calls stay in the process.
fn sole_owner(function: FunctionRef) -> Arc<AtomicBool> {
    static SEEN: Mutex<Option<Seen>> = Mutex::new(None);
    if function.definition.twin().is_some() {
        stays::note(function.definition, stays::of_twins(function.definition));
        return Arc::default();
    }
    let Some(path) = function.path() else { return Arc::new(AtomicBool::new(true)) };
    let info = &function.definition.info;
    // The macro takes care of the parameters of the function itself.
    let undecided = info.policy.interop.is_some() && !info.policy.interop_types;
    if undecided && has_parameters_around(info.path.get(), path) {
        stays::note(function.definition, Reason::Undecided);
        return Arc::default();
    }
    if has_closures_for_types(path) {
        stays::note(function.definition, Reason::Types);
        return Arc::default();
    }
    let mut seen = lock(&SEEN);
    let place = (std::ptr::from_ref(function.definition) as usize, path);
    let (instantiation, sole) = seen
        .get_or_insert_with(HashMap::new)
        .entry(place)
        .or_insert_with(|| (function.instantiation(), Arc::new(AtomicBool::new(true))));
    if *instantiation != function.instantiation() {
        // From here on neither of the two may be shared.
        sole.store(false, Ordering::Relaxed);
        stays::note(function.definition, Reason::Types);
    }
    Arc::clone(sole)
}

/// Whether a generic parameter is a closure, which has no name. There may be closures around the function:
/// the body of an async function is one.
fn has_closures_for_types(path: &str) -> bool {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in path.char_indices() {
        match c {
            '<' => depth += 1,
            // Not that of `fn(u8) -> u8`.
            '>' if before != '-' => depth = depth.saturating_sub(1),
            '{' if depth > 0 && path[at..].starts_with("{{closure}}") => return true,
            _ => {}
        }
        before = c;
    }
    false
}

/// Whether the items around the function have type parameters: the paths differ in more than the function's own.
fn has_parameters_around(own: &str, path: &str) -> bool {
    fn outermost(mut path: &str) -> &str {
        while let Some(around) = path.strip_suffix("::{{closure}}") {
            path = around;
        }
        path
    }
    let own = own.split("::__CACHEKIT_SITE").next().unwrap_or(own);
    // The two items are in the same scope.
    let own = outermost(own).replace("::__cachekit_static", "::__cachekit_site");
    match outermost(path).strip_prefix(&own) {
        Some(generics) => !(generics.is_empty() || is_one_list(generics)),
        None => true,
    }
}

/// Whether this is `<…>`, and nothing else.
fn is_one_list(generics: &str) -> bool {
    let (mut depth, mut before) = (0_usize, ' ');
    let closing = generics.char_indices().find_map(|(at, c)| {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = c;
        (depth == 0).then_some(at)
    });
    generics.starts_with('<') && closing == Some(generics.len() - 1)
}

/// Whether generic parameters may be types outside the standard library. A type inside a function has the
/// path of that function, and a second type of the same name has the same path.
fn may_name_foreign_types(own: &str, path: &str) -> bool {
    let around = own.split("::__CACHEKIT_SITE").next();
    if around == path.strip_suffix("::{{closure}}") {
        // There is no parameter.
        return false;
    }
    let generics = path.find('<').map_or("", |at| &path[at..]);
    generics
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':')))
        .filter(|word| word.contains("::") && !word.starts_with("::"))
        .any(|word| !["core::", "alloc::", "std::"].iter().any(|library| word.starts_with(library)))
}

/// A number for the types of an instantiation, the same in every process of one build.
fn number(instantiation: TypeId) -> u64 {
    struct Take(u64);
    impl Hasher for Take {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for chunk in bytes.chunks(8) {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                self.0 = self.0.rotate_left(5) ^ u64::from_le_bytes(word);
            }
        }
    }
    let mut taken = Take(0);
    instantiation.hash(&mut taken);
    taken.finish()
}

fn readable(module: &str, name: &str) -> String {
    let path = format!("{}.{name}", module.replace("::", "."));
    path.chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') { c } else { '_' })
        .take(MAX_PATH)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the compiler writes for generics of each kind, and for none.
    #[test]
    fn types_that_could_have_a_namesake_are_known_by_their_path() {
        let here = "::__CACHEKIT_SITE::__Here";
        let cases = [
            ("a::user::__cachekit_static", "a::user::__cachekit_site<u8>::{{closure}}", false),
            (
                "a::user::__cachekit_static",
                "a::user::__cachekit_site<&str, [u8; 3]>::{{closure}}",
                false,
            ),
            (
                "a::user::__cachekit_static",
                "a::user::__cachekit_site<alloc::vec::Vec<u8>>::{{closure}}",
                false,
            ),
            (
                "a::user::__cachekit_static",
                "a::user::__cachekit_site<alloc::vec::Vec<a::T>>::{{closure}}",
                true,
            ),
            (
                "a::user::__cachekit_static",
                "a::user::__cachekit_site<dyn a::Tr>::{{closure}}",
                true,
            ),
            ("a::Shop<_>::price", "a::Shop<u8>::price::{{closure}}", false),
            ("a::Shop<_>::price", "a::Shop<a::T>::price::{{closure}}", true),
            ("a::Shop<a::T>::price", "a::Shop<a::T>::price::{{closure}}", false),
            ("<a::O as a::Tr>::get", "<a::O as a::Tr>::get::{{closure}}", false),
            ("a::free", "a::free::{{closure}}", false),
        ];
        for (own, path, expected) in cases {
            let own = format!("{own}{here}");
            assert_eq!(may_name_foreign_types(&own, path), expected, "{path}");
        }
    }

    #[test]
    fn parameters_around_a_function_are_known_by_its_path() {
        for (own, path, expected) in [
            ("a::f::__cachekit_static", "a::f::__cachekit_site<u8>::{{closure}}", false),
            (
                "a::f::__cachekit_static",
                "a::f::__cachekit_site<fn(u8) -> a::T<u8>>::{{closure}}",
                false,
            ),
            ("a::f", "a::f::{{closure}}", false),
            ("a::S::f", "a::S::f<u8, a::T>::{{closure}}", false),
            ("a::S<a::T>::f", "a::S<a::T>::f::{{closure}}", false),
            (
                "<a::S as a::T>::f::{{closure}}",
                "<a::S as a::T>::f::{{closure}}::{{closure}}",
                false,
            ),
            ("a::S::f::{{closure}}", "a::S::f<u8>::{{closure}}::{{closure}}", false),
            ("a::S<_>::f", "a::S<u8>::f::{{closure}}", true),
            ("a::S<_>::f", "a::S<u8>::f<u8>::{{closure}}", true),
            ("<_ as a::T>::f", "<u8 as a::T>::f::{{closure}}", true),
            ("a::T::f", "a::T::f<u8>::g::{{closure}}", true),
            ("a::T::f", "a::T::fg::{{closure}}", true),
        ] {
            let own = format!("{own}::__CACHEKIT_SITE::__Here");
            assert_eq!(has_parameters_around(&own, path), expected, "{own} {path}");
        }
    }

    #[test]
    fn closures_count_where_they_stand_for_types() {
        for (path, expected) in [
            ("a::f<a::main::{{closure}}>::{{closure}}", true),
            ("a::f<(u8, alloc::vec::Vec<a::main::{{closure}}>)>::{{closure}}", true),
            ("a::f<fn(u8) -> u8, a::main::{{closure}}>::{{closure}}", true),
            ("<a::S as a::T>::f::{{closure}}::{{closure}}", false),
            ("<a::S<u8> as a::T>::f<fn(u8) -> u8>::{{closure}}::{{closure}}", false),
            ("a::f::{{closure}}", false),
        ] {
            assert_eq!(has_closures_for_types(path), expected, "{path}");
        }
    }
}
