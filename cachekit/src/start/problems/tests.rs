//! Functions that would be one to all languages.

use super::{Function, shares_an_operation, stays_here};
use crate::site::{POLICY, Policy, Registered, Site, Tier};
use crate::testing::Scope;

const fn of(namespace: &'static str, operation: &'static str) -> Policy {
    POLICY.with_namespace(Some(namespace)).with_interop(Some(operation))
}

macro_rules! site {
    ($site:ident, $policy:expr) => {
        static $site: Site =
            Site::new(stringify!($site), "tests", Tier::Shared, $policy, || stringify!($site));
        inventory::submit! { Registered(&$site) }
    };
}

// Each in a line of its own.
site!(ONE, of("twins", "get"));
site!(OTHER, of("twins", "get"));
site!(ELSEWHERE, of("twins2", "get"));
site!(ANOTHER, of("twins", "find"));
site!(SYNC, of("twins", "both").with_interop_shared(true));
site!(ASYNC, of("twins", "both").with_interop_shared(true));
site!(AGREES, of("twins", "half").with_interop_shared(true));
site!(DOES_NOT, of("twins", "half"));
site!(NATIVE, POLICY.with_namespace(Some("twins")));

#[test]
fn two_functions_of_one_operation_are_said_once_unless_both_agree() {
    for (site, other) in [(&ONE, &OTHER), (&AGREES, &DOES_NOT)] {
        assert!(std::ptr::eq(site.twin().unwrap(), other));
        assert!(std::ptr::eq(other.twin().unwrap(), site));
        let said = shares_an_operation(Function::of(site)).unwrap().to_string();
        let (first, second) = (site.info.name, other.info.name);
        assert!(said.contains(first) && said.contains(second), "{said}");
        assert!(
            said.contains("`interop = shared(") && said.contains("of the namespace `twins`"),
            "{said}"
        );
        assert!(shares_an_operation(Function::of(other)).is_none(), "it is said at the first");
    }
    for site in [&ELSEWHERE, &ANOTHER, &SYNC, &ASYNC, &NATIVE] {
        assert!(site.twin().is_none(), "{site:?}");
        assert!(shares_an_operation(Function::of(site)).is_none(), "{site:?}");
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
