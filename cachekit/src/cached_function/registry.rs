//! Every annotated function of the program, called yet or not.

// Plain std on purpose: this runs before `main`.
use std::sync::Mutex;

use super::CachedFunction;
use crate::contained::lock;

/// The row of a function in `inventory`, on systems where generated code uses it.
pub struct Registered(pub &'static CachedFunction);

inventory::collect!(Registered);

static LISTED: Mutex<Vec<&'static CachedFunction>> = Mutex::new(Vec::new());

/// Lists a function. Generated code has the program call this before `main`.
// Of this ABI because what calls it is: no panic has to be stopped there.
#[allow(improper_ctypes_definitions)]
pub extern "C" fn list(function: &'static CachedFunction) {
    lock(&LISTED).push(function);
}

/// All of them.
pub(super) fn functions() -> Vec<&'static CachedFunction> {
    let mut all = lock(&LISTED).clone();
    all.extend(inventory::iter::<Registered>().map(|entry| entry.0));
    all
}
