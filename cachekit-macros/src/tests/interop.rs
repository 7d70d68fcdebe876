//! `interop`: what it takes, and where it has no place.

use super::mistakes_at;
use crate::model::Tier;

const FUNCTION: &str = "fn f(x: u8) -> u8 { x }";

/// The mistakes, without those of the build.
fn mistakes(tier: Tier, options: &str, function: &str) -> Vec<(String, String)> {
    let mut all = mistakes_at(tier, options, function);
    all.retain(|(_, message)| !message.contains("needs the feature"));
    all
}

/// Checks the only mistake: where it points, and a part of what it says.
fn refuses(tier: Tier, options: &str, function: &str, place: &str, message: &str) {
    let all = mistakes(tier, options, function);
    let [(at, said)] = &all[..] else { panic!("{options}: {all:?}") };
    assert!(at == place && said.contains(message), "{options}: {all:?}");
}

/// The same for the operation, or the namespace, of a plain function.
fn refuses_segment(segment: &str, message: &str) {
    let literal = format!("{segment:?}");
    let options = format!("interop = {literal}, namespace = \"users\"");
    refuses(Tier::Shared, &options, FUNCTION, &literal, message);
}

#[cfg(not(feature = "interop"))]
#[test]
fn it_needs_its_feature() {
    let all = mistakes_at(Tier::Shared, "interop = \"o\", namespace = \"n\"", FUNCTION);
    assert!(all.iter().any(|(_, said)| said.contains("features = [\"interop\"]")), "{all:?}");
}

#[test]
fn what_every_language_accepts_is_accepted() {
    let longest = "o".repeat(64);
    for operation in ["get_user", "get-user.v2", "0", "a.", "a_", "ns", "nsapi", &longest] {
        let options = format!("interop = {operation:?}, namespace = \"users\"");
        assert_eq!(mistakes(Tier::Shared, &options, FUNCTION), [], "{options}");
    }
    for namespace in ["nsx", "ns-api", "my.app", "app.", "1"] {
        let options = format!("interop = \"get_user\", namespace = {namespace:?}");
        assert_eq!(mistakes(Tier::Shared, &options, FUNCTION), [], "{options}");
    }
    for (tier, options) in [
        (Tier::Shared, "skip(x), ttl = 5, fill_lock = off"),
        (Tier::Shared, "key = x + 1, ttl = 5, stale = 5, backend = B"),
        (Tier::Io, "ttl = 5"),
        (Tier::Secure, "tenant = \"acme {x}\", l1 = off"),
    ] {
        let options = format!("interop = \"get_user\", namespace = \"my.app\", {options}");
        assert_eq!(mistakes(tier, &options, FUNCTION), [], "{options}");
    }
}

#[test]
fn operations_that_another_language_refuses_are_refused() {
    for (segment, message) in [
        ("", "it has 0 characters"),
        ("Get_User", "write \"get_user\""),
        ("get user", "' ' cannot be in it"),
        ("get:user", "':' cannot be in it"),
        ("get_user\n", "'\\n' cannot be in it"),
        ("gétuser", "'é' cannot be in it"),
        (".get", "begin with one of a-z and 0-9"),
        ("_get", "begin with one of a-z and 0-9"),
        ("a..b", "cannot have two dots in a row"),
    ] {
        refuses_segment(segment, message);
    }
    refuses_segment(&"o".repeat(65), "it has 65 characters");
}

#[test]
fn so_are_namespaces() {
    for (namespace, message) in [
        ("Users", "write \"users\""),
        ("-users", "begin with one of a-z and 0-9"),
        ("ns", "is reserved"),
        ("nsapi", "is reserved"),
    ] {
        let options = format!("interop = \"get_user\", namespace = {namespace:?}");
        refuses(Tier::Shared, &options, FUNCTION, &format!("{namespace:?}"), message);
    }
    refuses(Tier::Shared, "interop = \"o\"", FUNCTION, "interop", "add `namespace = \"users\"`");
    // What no function accepts is said once.
    refuses(
        Tier::Shared,
        "interop = \"o\", namespace = \"my app\"",
        FUNCTION,
        "\"my app\"",
        "cannot be in a namespace",
    );
}

#[test]
fn the_operation_is_a_string() {
    for (value, place) in [("get_user", "get_user"), ("5", "5"), ("|x| x", "|x| x")] {
        let options = format!("interop = {value}, namespace = \"n\"");
        refuses(Tier::Shared, &options, FUNCTION, place, "a string, written out");
    }
    for options in ["interop", "interop(\"get_user\")"] {
        let all = mistakes(Tier::Shared, &format!("{options}, namespace = \"n\""), FUNCTION);
        assert!(all.iter().any(|(_, said)| said.contains("`interop = \"get_user\"`")), "{all:?}");
    }
}

#[test]
fn a_version_is_a_part_of_the_operation() {
    let options = "interop = \"get_user\", namespace = \"n\", version = 2";
    refuses(Tier::Shared, options, FUNCTION, "version", "`interop = \"get_user.v2\"`");
}

#[test]
fn what_stays_in_the_process_is_not_shared() {
    let options = "interop = \"o\", namespace = \"n\"";
    let all = mistakes(Tier::Local, options, FUNCTION);
    let found = |place: &str, message: &str, all: &[(String, String)]| {
        all.iter().any(|(at, said)| at == place && said.contains(message))
    };
    assert!(found("interop", "`#[cache::local]` keeps them in this process", &all), "{all:?}");
    let method = "fn f(&self, x: u8) -> u8 { x }";
    for (place, option, message) in [
        ("in", "in = self.c", "a cache of your own is in this process only"),
        ("self", "self = instance", "`self = key(self.id)`"),
    ] {
        let all = mistakes(Tier::Shared, &format!("{options}, {option}"), method);
        assert!(found(place, message, &all), "{all:?}");
    }
}

#[test]
fn it_takes_twelve_arguments() {
    let function = |count: usize| {
        let parameters: Vec<String> = (0..count).map(|n| format!("x{n}: u8")).collect();
        format!("fn f({}) -> u8 {{ 0 }}", parameters.join(", "))
    };
    let options = "interop = \"o\", namespace = \"n\"";
    assert_eq!(mistakes(Tier::Shared, options, &function(12)), []);
    refuses(Tier::Shared, options, &function(13), "f", "has 13 parts and can have 12");
    assert_eq!(mistakes(Tier::Shared, &format!("{options}, skip(x0)"), &function(13)), []);
}

/// One argument is its own key in this process, and a list of one elsewhere.
#[cfg(feature = "interop")]
#[test]
fn the_route_knows_how_many_arguments_there_are() {
    let options = "interop = \"o\", namespace = \"n\"";
    for (function, count) in
        [("fn f() -> u8 { 0 }", 0), (FUNCTION, 1), ("fn f(x: u8, y: u8) -> u8 { x + y }", 2)]
    {
        let emitted = super::expansion(options, function);
        assert!(emitted.contains(&format!("route :: interop :: < {count} , _ >")), "{emitted}");
    }
}
