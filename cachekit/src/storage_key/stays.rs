//! Functions whose values stay in this process although there is a shared tier, and why: logged once, and
//! listed by `check`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Mutex;

use crate::cached_function::{CachedFunction, Function};
use crate::contained::lock;
use crate::observer;

/// Why values stay in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// Another function has the same path.
    Twin,
    /// Another function has the same operation for all languages.
    Operation,
    /// Type parameters around the function that the key for all languages does not show.
    Undecided,
    /// Generic parameters are types without a path of their own.
    Types,
    /// Arguments whose serialized form is incomplete.
    Arguments,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Twin => {
                "another function has the same path, so their entries could not be told apart: its values stay in \
                 this process. Give one of them another name, with `name = …`, or a `namespace` of its own"
            }
            Self::Operation => {
                "another function has the same operation and namespace, so that each would serve what the other has \
                 stored: its values stay in this process. Rename one of the operations, or write \
                 `interop = shared(\"…\")` at both if they are one function in two forms"
            }
            Self::Undecided => {
                "the key that all languages share does not show the type parameters around the function: such values \
                 stay in this process. Write `skip(Self)` for the same entries whatever they are, or name them in \
                 the key, as in `key = (Self::NAME, id)`"
            }
            Self::Types => {
                "a generic parameter stands for a closure, or for a type that has the path of another one: such \
                 values stay in this process. Give the types names of their own"
            }
            Self::Arguments => {
                "an argument's serialized form does not hold all that its `Eq` compares, as far as can be seen: \
                 such values stay in this process. Derive `serde::Deserialize` for the argument's type and skip \
                 none of its fields, or say what the key is with `key = …`"
            }
        })
    }
}

/// Why the values of two functions stay here that would otherwise share their entries.
pub(super) fn of_twins(function: &CachedFunction) -> Reason {
    if function.info.policy.interop.is_some() { Reason::Operation } else { Reason::Twin }
}

/// By the address of the function's static.
static NOTED: Mutex<BTreeSet<(usize, Reason)>> = Mutex::new(BTreeSet::new());

fn address(function: &'static CachedFunction) -> usize {
    std::ptr::from_ref(function) as usize
}

/// Records that values of this function stay here, and logs it the first time.
pub(super) fn note(function: &'static CachedFunction, reason: Reason) {
    let is_new = lock(&NOTED).insert((address(function), reason));
    if is_new {
        let info = &function.info;
        observer::tell(|| tracing::warn!(function = info.name, module = info.module, "{reason}"));
    }
}

/// The reasons found for a function so far; that another function has its path is known before any call.
pub(crate) fn reasons(function: Function) -> Vec<Reason> {
    let function = function.definition();
    let own = address(function);
    let noted = lock(&NOTED);
    let mut reasons: Vec<_> =
        noted.iter().filter(|(function, _)| *function == own).map(|(_, reason)| *reason).collect();
    drop(noted);
    let twin = of_twins(function);
    if !reasons.contains(&twin) && function.twin().is_some() {
        reasons.insert(0, twin);
    }
    reasons
}
