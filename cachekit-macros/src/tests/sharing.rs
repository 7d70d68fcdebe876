//! `#[cache::io]`, `backend` and `fill_lock`: what they take.

use super::{expansion, mistakes_at, refuses};
use crate::model::Tier;

const FUNCTION: &str = "fn f(x: u8) -> u8 { x }";

/// The messages for an attribute and its options on a plain function.
fn said(tier: Tier, options: &str) -> Vec<String> {
    let mistakes = mistakes_at(tier, options, FUNCTION);
    mistakes.into_iter().map(|(_, message)| message).collect()
}

#[cfg(not(feature = "io"))]
#[test]
fn the_api_needs_its_feature() {
    let [message] = &said(Tier::Io, "")[..] else { panic!("one mistake") };
    assert!(message.contains("needs the feature `io`"), "{message}");
    assert!(message.contains("features = [\"io\"]"), "{message}");
}

#[cfg(not(feature = "shared"))]
#[test]
fn a_backend_needs_its_feature() {
    for options in ["backend = B", "fill_lock = off"] {
        let [message] = &said(Tier::Shared, options)[..] else { panic!("one mistake") };
        assert!(message.contains("features = [\"shared\"]"), "{message}");
    }
}

#[cfg(feature = "shared")]
#[test]
fn they_are_accepted() {
    for options in ["backend = B", "backend = self::b(x)", "fill_lock = off", "fill_lock = \"2s\""]
    {
        assert_eq!(said(Tier::Shared, options), [""; 0], "{options}");
    }
    assert!(expansion("backend = B", FUNCTION).contains("route :: backend"));
    assert!(expansion("backend = B", FUNCTION).contains("with_own_backend (true)"));
}

#[test]
fn values_that_are_not_ones_are_refused() {
    refuses("backend = \"redis\"", FUNCTION, "\"redis\"", "a backend is written");
    refuses("backend = |x| B", FUNCTION, "|x|", "not a closure");
    refuses("backend", FUNCTION, "backend", "`backend` needs a value");
    refuses("fill_lock = 0", FUNCTION, "0", "must be positive");
    refuses("fill_lock = on", FUNCTION, "on", "`fill_lock = off`");
    refuses("namespace = \"a..b\"", FUNCTION, "\"a..b\"", "two dots");
}

#[test]
fn what_stays_in_the_process_has_no_backend() {
    for option in ["backend = B", "fill_lock = 5"] {
        let all = said(Tier::Local, option);
        assert!(all.len() == 1 && all[0].contains("`#[cache::local]` keeps values"), "{all:?}");
    }
    let method = "fn f(&self, x: u8) -> u8 { x }";
    let all = mistakes_at(Tier::Shared, "self = instance, fill_lock = 5", method);
    assert!(all.len() == 1 && all[0].1.contains("with `self = instance`"), "{all:?}");
    let all = mistakes_at(Tier::Io, "self = instance", method);
    assert!(all.iter().any(|(at, why)| at == "self" && why.contains("`#[cache::io]` shares")));
}

#[test]
fn the_service_takes_no_dots_in_a_namespace() {
    let all = said(Tier::Io, "namespace = \"my.app\"");
    assert!(all.iter().any(|why| why.contains("write \"my-app\"")), "{all:?}");
    assert!(!said(Tier::Shared, "namespace = \"my.app\"").iter().any(|why| why.contains("dots")));
}

#[cfg(feature = "shared")]
#[test]
fn a_companion_without_the_backend_is_none() {
    let function = "fn f(x: u8, b: &B) -> u8 { x }";
    let emitted = expansion("skip(b), backend = b", function);
    assert!(!emitted.contains("peek") && emitted.contains("clear"), "{emitted}");
    refuses(
        "skip(b), backend = b, name = g, self = shared",
        "fn f(&self, x: u8, b: &B) -> u8 { x }",
        "name",
        "`backend` needs the argument `b`",
    );
    refuses("backend = b", "fn f((a, b): (u8, B)) -> u8 { a }", "b", "a part of a pattern");
}
