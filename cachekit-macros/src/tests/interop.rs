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

#[test]
fn several_functions_may_have_one_operation_if_they_say_so() {
    let emitted = |interop: &str| {
        let options = format!("interop = {interop}, namespace = \"n\"");
        assert_eq!(mistakes(Tier::Shared, &options, FUNCTION), [], "{options}");
        super::expansion(&options, FUNCTION).contains("with_interop_shared (true)")
    };
    if cfg!(feature = "interop") {
        assert!(emitted("shared(\"get_user\")") && !emitted("\"get_user\""));
    }
    let options = |value: &str| format!("interop = {value}, namespace = \"n\"");
    for value in ["shared()", "shared(get_user)", "shared(\"a\", \"b\")"] {
        refuses(Tier::Shared, &options(value), FUNCTION, value, "`interop = shared(\"get_user\")`");
    }
    refuses(Tier::Shared, &options("shared(\"A\")"), FUNCTION, "\"A\"", "write \"a\"");
    refuses(
        Tier::Shared,
        &options("alone(\"a\")"),
        FUNCTION,
        "alone(\"a\")",
        "a string, written out",
    );
}

#[test]
fn errors_are_no_values_of_other_languages() {
    let options = "interop = \"o\", namespace = \"n\", ttl(ok = 60, err = 5)";
    let function = "fn f(x: u8) -> Result<u8, String> { Ok(x) }";
    refuses(Tier::Shared, options, function, "err", "errors are not cached with `interop`");
    let options = "interop = \"o\", namespace = \"n\", ttl(ok = 60, none = 5)";
    assert_eq!(mistakes(Tier::Shared, options, "fn f(x: u8) -> Option<u8> { Some(x) }"), []);
}

#[test]
fn what_names_a_tenant_is_in_the_key() {
    let options = |more: &str| format!("interop = \"o\", namespace = \"n\", {more}");
    let function = "fn f(tenant: &str, id: u8) -> u8 { id }";
    for (more, message) in [
        ("tenant = tenant, skip(tenant)", "do not skip `tenant`"),
        ("tenant = \"t{tenant}\", skip(tenant)", "do not skip `tenant`"),
        ("tenant = tenant, key = id", "name `tenant` in `key = …`"),
    ] {
        let place = if more.contains("\"t{") { "\"t{tenant}\"" } else { "tenant" };
        refuses(Tier::Secure, &options(more), function, place, message);
    }
    let method = "fn f(&self, id: u8) -> u8 { id }";
    let of_self = "tenant = self.tenant, self = shared";
    refuses(Tier::Secure, &options(of_self), method, "self.tenant", "write `self = key(…)`");
    for (more, function) in [
        ("tenant = tenant", function),
        ("tenant = tenant, key = (tenant, id)", function),
        ("tenant = tenant, key = \"{tenant}:{id}\"", function),
        // Other places keep them apart as well.
        ("tenant = tenant, backend = backends(tenant), skip(tenant)", function),
        ("tenant = self.tenant, self = key(self.tenant)", method),
        ("tenant = self.tenant, key = (self.tenant, id)", method),
    ] {
        assert_eq!(mistakes(Tier::Secure, &options(more), function), [], "{more}");
    }
    // A key of ours has it anyway.
    let native = "namespace = \"n\", tenant = tenant, skip(tenant)";
    assert_eq!(mistakes(Tier::Secure, native, function), []);
}

/// The key of all languages has no types in it.
#[test]
fn type_parameters_are_decided_about() {
    let options = |more: &str| format!("interop = \"o\", namespace = \"n\"{more}");
    let free = "fn size<T: 'static>(id: u64) -> String { String::new() }";
    let argument = "fn size<T: Hash>(id: T) -> u8 { 0 }";
    let returned = "fn load<T: Entity>(id: u64) -> T { T::load(id) }";
    let constant = "fn page<const N: usize>(id: u64) -> u8 { 0 }";
    for (more, function, place, message) in [
        ("", free, "T", "in `key = (T::NAME, id)`, or `skip(T)`"),
        ("", argument, "T", "in `key = (T::NAME, id)`, or `skip(T)`"),
        (", key = convert::<T>(id)", argument, "T", "`skip(T)`"),
        (", key = T::key_of(&id)", argument, "T", "`skip(T)`"),
        (", key = id.to::<T>()", argument, "T", "`skip(T)`"),
        (", key = id as T", argument, "T", "`skip(T)`"),
        ("", constant, "N", "in `key = (N, id)`, or `skip(N)`"),
        (", skip(a)", "fn f<T>(a: u8, id: u8) -> u8 { 0 }", "T", "`skip(a, T)`"),
        (", skip(T)", returned, "T", "in the return type, and so decides"),
        ("", "fn f(id: impl Hash) -> u8 { 0 }", "impl Hash", "with `skip(X)`"),
        ("", "fn f(id: &[impl Hash]) -> u8 { 0 }", "impl Hash", "with `skip(X)`"),
    ] {
        refuses(Tier::Shared, &options(more), function, place, message);
    }
    let all = mistakes(Tier::Shared, &options(""), returned);
    assert!(all.len() == 1 && !all[0].1.contains("skip"), "{all:?}");
    for (more, function) in [
        (", skip(T)", free),
        (", skip(T)", argument),
        (", skip(N)", constant),
        (", key = (T::NAME, id)", free),
        (", key = (T::NAME, id)", returned),
        (", key = (<T as Entity>::NAME, id)", returned),
        (", key = (T::kind(), id)", returned),
        (", key = (std::any::type_name::<T>(), id)", argument),
        (", key = format!(\"{}:{id}\", T::NAME)", free),
        (", key = (N, id)", constant),
        (", key = id.as_ref(), skip(X)", "fn f<X: AsRef<str>>(id: X) -> u8 { 0 }"),
        ("", "fn f<'a>(id: &'a str) -> u8 { 0 }"),
    ] {
        assert_eq!(mistakes(Tier::Shared, &options(more), function), [], "{more}: {function}");
    }
}

#[test]
fn parameters_around_a_method_are_decided_about() {
    let options = |more: &str| format!("interop = \"o\", namespace = \"n\", {more}");
    let method = "fn f(&self, id: u8) -> u8 { id }";
    for (more, decided) in [
        ("self = shared", false),
        ("self = shared, skip(Self)", true),
        ("self = shared, key = (Self::NAME, id)", true),
        ("key = (std::any::type_name::<Self>(), self.id, id)", true),
        ("self = key((Self::NAME, self.id))", true),
        ("self = key(Self::of(self.id))", false),
        ("self = key(self.id)", false),
    ] {
        assert_eq!(mistakes(Tier::Shared, &options(more), method), [], "{more}");
        if cfg!(feature = "interop") {
            let emitted = super::expansion(&options(more), method);
            assert_eq!(emitted.contains("with_interop_types (true)"), decided, "{more}");
        }
    }
    let all = mistakes(Tier::Shared, "self = shared, skip(Self)", method);
    assert!(all.iter().any(|(at, said)| at == "Self" && said.contains("no argument")), "{all:?}");
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
