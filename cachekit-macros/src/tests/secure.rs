//! `#[cache::secure]`: what it needs, and what its options take.

use super::{mistakes_at, refuses};
use crate::model::Tier;

const FUNCTION: &str = "fn f(x: u8) -> u8 { x }";

/// The mistakes on a plain function, without that of the build.
fn mistakes(options: &str) -> Vec<(String, String)> {
    let mut all = mistakes_at(Tier::Secure, options, FUNCTION);
    all.retain(|(_, message)| !message.contains("needs the feature"));
    all
}

#[cfg(not(feature = "secure"))]
#[test]
fn it_needs_its_feature() {
    let all = mistakes_at(Tier::Secure, "namespace = \"n\"", FUNCTION);
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].1.contains("features = [\"secure\"]"), "{all:?}");
}

#[test]
fn every_form_is_accepted() {
    for options in [
        "namespace = \"n\"",
        "namespace = \"n\", l1 = sealed, on_tamper = recompute",
        "namespace = \"n\", l1 = typed, on_tamper = error",
        "namespace = \"n\", l1 = off, tenant = \"acme {x}\"",
        "namespace = \"n\", tenant = x.to_string()",
    ] {
        assert_eq!(mistakes(options), [], "{options}");
    }
}

#[test]
fn other_values_are_refused() {
    for (options, place, message) in [
        ("l1 = plain", "plain", "`sealed` bytes"),
        ("l1 = \"off\"", "\"off\"", "`off`, nothing"),
        ("l1", "l1", "`l1 = sealed`"),
        ("on_tamper = panic", "panic", "`recompute` (the default)"),
        ("tenant = \"\"", "\"\"", "a tenant has a name"),
        ("tenant = 5", "5", "a string"),
        ("tenant = |x| x", "|x|", "not a closure"),
    ] {
        let all = mistakes(&format!("namespace = \"n\", {options}"));
        assert_eq!(all.len(), 1, "{options}: {all:?}");
        assert!(all[0].0 == place && all[0].1.contains(message), "{options}: {all:?}");
    }
    let long = format!("namespace = \"n\", tenant = \"{}\"", "t".repeat(256));
    assert!(mistakes(&long)[0].1.contains("255 bytes"));
}

#[test]
fn a_namespace_is_needed_and_has_no_dots() {
    let all = mistakes("ttl = 5");
    assert!(all.len() == 1 && all[0].1.contains("add `namespace = \"my-app\"`"), "{all:?}");
    let all = mistakes("namespace = \"a.b\"");
    assert!(all.len() == 1 && all[0].1.contains("write \"a-b\""), "{all:?}");
}

#[test]
fn what_cannot_be_sealed_is_refused() {
    let method = "fn f(&self, x: u8) -> u8 { x }";
    for (options, place) in [("in = self.c", "in"), ("namespace = \"n\", self = instance", "self")]
    {
        let all = mistakes_at(Tier::Secure, options, method);
        let of_place = all.iter().filter(|(at, message)| at == place && message.contains("seals"));
        assert_eq!(of_place.count(), 1, "{options}: {all:?}");
    }
}

#[test]
fn other_attributes_do_not_seal() {
    for option in ["tenant = \"acme\"", "l1 = off", "on_tamper = error"] {
        let name = option.split(' ').next().unwrap_or_default();
        refuses(option, FUNCTION, name, "write `#[cache::secure]`");
    }
}
