//! Functions that would be one to all languages.

use super::{Function, shares_an_operation, stays_here};
use crate::cached_function::{CachedFunction, POLICY, Policy, Registered, Tier};
use crate::testing::Scope;

const fn of(namespace: &'static str, operation: &'static str) -> Policy {
    POLICY.with_namespace(Some(namespace)).with_interop(Some(operation))
}

macro_rules! function {
    ($function:ident, $policy:expr) => {
        static $function: CachedFunction =
            CachedFunction::new(stringify!($function), "tests", Tier::Shared, $policy, || {
                stringify!($function)
            });
        inventory::submit! { Registered(&$function) }
    };
}

// Each in a line of its own.
function!(ONE, of("twins", "get"));
function!(OTHER, of("twins", "get"));
function!(ELSEWHERE, of("twins2", "get"));
function!(ANOTHER, of("twins", "find"));
function!(SYNC, of("twins", "both").with_interop_shared(true));
function!(ASYNC, of("twins", "both").with_interop_shared(true));
function!(AGREES, of("twins", "half").with_interop_shared(true));
function!(DOES_NOT, of("twins", "half"));
function!(NATIVE, POLICY.with_namespace(Some("twins")));

#[test]
fn two_functions_of_one_operation_are_said_once_unless_both_agree() {
    for (function, other) in [(&ONE, &OTHER), (&AGREES, &DOES_NOT)] {
        assert!(std::ptr::eq(function.twin().unwrap(), other));
        assert!(std::ptr::eq(other.twin().unwrap(), function));
        let said = shares_an_operation(Function::of(function)).unwrap().to_string();
        let (first, second) = (function.info.name, other.info.name);
        assert!(said.contains(first) && said.contains(second), "{said}");
        assert!(
            said.contains("`interop = shared(") && said.contains("of the namespace `twins`"),
            "{said}"
        );
        assert!(shares_an_operation(Function::of(other)).is_none(), "it is said at the first");
    }
    for function in [&ELSEWHERE, &ANOTHER, &SYNC, &ASYNC, &NATIVE] {
        assert!(function.twin().is_none(), "{function:?}");
        assert!(shares_an_operation(Function::of(function)).is_none(), "{function:?}");
    }
}

#[test]
fn what_the_settings_say_is_not_said_of_the_function_again() {
    let backend = std::sync::Arc::new(cachekit_io::MemoryBackend::new());
    Scope::new().with_backend(backend).run(|| {
        assert!(stays_here(Function::of(&ONE)).is_empty());
        assert!(stays_here(Function::of(&SYNC)).is_empty());
    });
}
