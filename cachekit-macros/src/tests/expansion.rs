use super::expansion;

/// Whether the expansion has these tokens in a row, however they are spaced.
fn has(options: &str, function: &str, expected: &str) -> bool {
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    dense(&expansion(options, function)).contains(&dense(expected))
}

#[test]
fn mistakes_leave_the_function_as_it_was() {
    let function = "# [doc = \"x\"] pub fn f (x : u8) -> u8 { not rust }";
    let emitted = expansion("tll = 5", function);
    assert!(emitted.contains(&super::tokens(function).to_string()), "{emitted}");
    assert!(emitted.contains("compile_error"), "{emitted}");
}

#[test]
fn the_body_stands_once_and_unparsed() {
    let emitted = expansion("ttl = 5", "fn f(x: u8) -> u8 { marker marker2 }");
    assert_eq!(emitted.matches("marker marker2").count(), 1, "{emitted}");
}

#[test]
fn a_fixed_lifetime_needs_no_rules() {
    let function = "fn f(x: u8) -> Option<u8> { None }";
    assert!(has("ttl = 5", function, "cachekit_own_miss.run(::cachekit::__private::Defaults, ||"));
    assert!(has("ttl = 5", function, "Fixed(::core::time::Duration::from_secs(5u64))"));
    assert!(has(
        "ttl = \"1500ms\"",
        function,
        "Fixed(::core::time::Duration::from_millis(1500u64))"
    ));
    assert!(has("ttl = X", function, ".with_ttl(::cachekit::__private::TtlPolicy::Dynamic)"));
    assert!(has(
        "ttl = X",
        function,
        "let cachekit_own_rules = ::cachekit::__private::Miss::rules(&cachekit_own_miss).ttl(X);"
    ));
    assert!(has("ttl = |v| 5", function, ".ttl_from(|v| 5)"));
    assert!(has(
        "ttl(ok = 5, none = 1)",
        function,
        "let cachekit_own_rules = ::cachekit::__private::Miss::rules(&cachekit_own_miss).ttl_none("
    ));
    assert!(has("ttl(err = |e| 5)", function, "__cachekit_shape_with_err()"));
}

#[test]
fn the_body_is_the_only_closure() {
    // Each costs the compiler as much as a function, and so does all that is generic over its type.
    let emitted = expansion("ttl = 5", "fn f(x: u8) -> u8 { x }");
    assert_eq!(emitted.matches("||").count(), 1, "{emitted}");
}

#[test]
fn free_functions_have_a_companion_type() {
    let function = "pub fn f(x: u8) -> u8 { x }";
    assert!(has("", function, "pub struct f {"));
    assert!(has("name = g, vis = pub(crate)", function, "pub(crate) struct g {"));
    assert!(has("", function, "#[inline] pub fn refresh(x: u8) -> u8"));
    // The text of most companions is the runtime's: see its `companion::generated`.
    let entries = "::cachekit::__private::companion::entries! {";
    let names = "[invalidate peek contains explain set key]";
    assert!(has("", function, &format!("{entries} {names} [] [] [] [x: &u8,] [x,]")));
    assert!(has("skip(x)", function, &format!("{entries} {names} [] [] [] [] []")));
    assert!(!has("", "fn f(x: impl Sized) -> u8 { 1 }", "entries!"));
    let whole = "::cachekit::__private::companion::whole! { [stats purge clear]";
    assert!(has("", "fn f(x: impl Sized) -> u8 { 1 }", whole));
    assert!(!has("in = USERS", function, "struct f"));
    assert!(has("", "#[cfg(unix)] fn f() -> u8 { 1 }", "#[cfg(unix)] #[doc"));
}

#[test]
fn an_argument_called_like_the_function_does_not_hide_it() {
    assert!(has("", "fn f(f: u8) -> u8 { f }", "fn refresh(cachekit_own_argument0: u8) -> u8"));
    assert!(has("", "fn f(f: u8) -> u8 { f }", "; f(cachekit_own_argument0)"));
}

#[test]
fn a_body_may_call_every_companion_of_its_function() {
    for companion in [
        "clear",
        "contains",
        "invalidate",
        "key",
        "peek",
        "purge",
        "refresh",
        "set",
        "stats",
        "with",
    ] {
        let function = format!("fn f(x: u8) -> u8 {{ let _ = f::{companion}(); x }}");
        assert!(has("", &function, "struct f {"), "{companion}");
    }
}

#[test]
fn unnamed_arguments_are_no_part_of_companions() {
    assert!(has("skip(_)", "fn f(_: &Db, id: u64, _: u8) -> u64 { id }", "[id: &u64,] [id,]"));
}

#[test]
fn methods_have_a_handle_where_one_may_stand() {
    let method = "fn f(&self, x: u8) -> u8 { x }";
    assert!(has(
        "self = shared",
        &format!("pub {method}"),
        "pub fn f_cache(&self, x: &u8) -> ::cachekit::Handle<u8>"
    ));
    assert!(has("self = shared, name = g", method, "fn g(&self, x: &u8)"));
    assert!(!has("self = shared", method, "Handle"));
    assert!(has("self = shared", "pub fn r#type(&self) -> u8 { 1 }", "fn type_cache"));
    assert!(has("self = shared", "pub fn f(x: u8) -> u8 { x }", "pub fn f_cache(x: &u8)"));
}

#[test]
fn self_in_an_inner_item_makes_no_method() {
    let inner = "fn f() -> u8 { struct A; impl A { fn new() -> Self { Self } } 1 }";
    assert!(has("", inner, "struct f {"));
    for head in [
        "impl<A, B> P<A, B>",
        "impl<T> P<T> where T: Iterator<Item = u8>",
        "impl<A, B> P<A, B> where A: Copy, B: Fn(A, u8) -> A,",
        "impl<const N: usize> P<{ N + 1 }, [u8; 2]>",
        "impl<F: Fn(u8) -> u8, G> From<(F, G)> for P<F, G>",
        "trait P<A, B = Vec<A>>: Into<A> + PartialEq<B>",
        "enum P<A, B> where A: Into<B>, B: Sized",
    ] {
        let inner = format!("fn f() -> u8 {{ {head} {{ fn new() -> Self {{ Self }} }} 1 }}");
        assert!(has("", &inner, "struct f {"), "{head}");
        // What follows is outside of it again.
        let method = inner.replace(" 1 }", " Self::g() }");
        assert!(!has("", &method, "struct f"), "{head}");
    }
    for types in ["impl Into<A>, x: Self", "impl Fn(A) -> B, x: Self", "struct => Self::g()"] {
        assert!(!has("", &format!("fn f() -> u8 {{ m!({types}) }}"), "struct f"), "{types}");
    }
    let method = "fn f() -> u8 { struct A; impl A { fn new() -> Self { Self } } Self::g() }";
    assert!(!has("", method, "struct f"));
    assert!(!has("", "fn f(x: impl Into<Self>) -> u8 { 1 }", "struct f"));
}

#[test]
fn shared_values_are_checked_where_they_are_shared() {
    let method = "fn f(&self) -> u8 { 1 }";
    assert!(has("self = shared", method, "check_shareable"));
    assert!(has("self = shared", method, "route::Configured"));
    assert!(!has("self = instance", method, "check_shareable"));
    assert!(!has("self = instance", method, "route::Configured"));
    assert!(!has("in = self.users", method, "check_shareable"));
    assert!(has("in = self.users", method, "lookup_in"));
}

#[test]
fn futures_are_seen_in_every_dress() {
    for function in [
        "async fn f() -> u8 { 1 }",
        "fn f() -> Pin<Box<dyn Future<Output = u8> + Send + 'static>> { x }",
        "fn f() -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = u8> + ::core::marker::Send>> { x }",
        "fn f() -> BoxFuture<'static, u8> { x }",
        "fn f() -> futures::future::LocalBoxFuture<'static, u8> { x }",
        "fn f() -> impl Future<Output = u8> + Send + use<> { x }",
    ] {
        assert!(has("", function, "companion::entries! { async [invalidate peek"), "{function}");
        assert!(has("", function, "companion::whole! { async [stats purge clear]"), "{function}");
        assert!(has("", function, ".with_is_async(true)"), "{function}");
    }
    for function in ["fn f() -> Box<dyn Future<Output = u8>> { x }", "fn f() -> Pin<Box<u8>> { x }"]
    {
        assert!(!has("", function, "is_async"), "{function}");
    }
}

#[test]
fn the_runtime_can_be_elsewhere() {
    let emitted = expansion("crate = ::other::kit", "fn f(x: u8) -> u8 { x }");
    assert!(!emitted.contains("cachekit ::"), "{emitted}");
    assert!(emitted.contains(":: other :: kit :: __private"), "{emitted}");
}

#[test]
fn inner_attributes_move_to_the_function() {
    assert!(has("", "fn f() -> u8 { #![allow(x)] 1 }", "#[allow(x)] fn f() -> u8"));
}

/// The expansion without the lints of clippy that it allows, and these.
fn without_clippy(options: &str, function: &str) -> (String, Vec<String>) {
    const START: &str = "# [allow (clippy";
    let mut rest = expansion(options, function);
    let mut allowed = Vec::new();
    while let Some(at) = rest.find(START) {
        let end = at + rest[at..].find(")]").expect("the attribute ends") + 2;
        let list = rest[at..end].trim_start_matches("# [allow (").trim_end_matches(")]");
        allowed.extend(list.split(',').map(|lint| lint.replace(' ', "").replace("clippy::", "")));
        rest.replace_range(at..end, "");
    }
    allowed.sort();
    allowed.dedup();
    (rest, allowed)
}

#[test]
fn no_group_of_lints_of_clippy_is_allowed() {
    // Each is an error where the crate forbids it, and so is a group that has one that the crate forbids.
    for (options, function, expected) in [
        ("ttl = 60", "fn f(x: u64) -> u64 { x }", &["impl_trait_in_params"][..]),
        ("self = shared", "pub fn f(&self, x: u64) -> u64 { x }", &[]),
        ("in = USERS", "fn f(x: u64) -> u64 { x }", &[]),
        (
            "",
            "pub fn f(_: u8, b: u8, c: u8) -> u8 { b }",
            &["impl_trait_in_params", "too_many_arguments"],
        ),
        (
            "capacity = 2 * 5",
            "fn f(x: Cow<'_, str>) -> u8 { 1 }",
            &["default_numeric_fallback", "impl_trait_in_params", "ptr_arg"],
        ),
        (
            "self = shared",
            "pub async fn f(&self, x: Option<&u8>) -> u8 { 1 }",
            &["future_not_send", "ref_option_ref"],
        ),
        (
            "in = USERS",
            "fn f(_x: u64) -> () {}",
            &["no_effect_underscore_binding", "unused_unit", "used_underscore_binding"],
        ),
    ] {
        assert_eq!(without_clippy(options, function).1, expected, "{options} on {function}");
    }
}

#[test]
fn no_level_of_a_lint_of_the_compiler_is_set() {
    for (options, function) in [
        ("", "fn f(x: u8, (a, b): (u8, u8)) -> u8 { x }"),
        ("ttl = 5, stale = 5, key = x", "pub async fn f(x: u8, y: u8) -> Option<u8> { None }"),
        ("ttl(err = 5)", "fn f<T: Copy>(x: T) -> Result<T, u8> { Ok(x) }"),
        ("self = shared", "pub async fn f(&self, x: u8) -> u8 { x }"),
        ("in = CACHE", "fn f(x: u8) -> u8 { x }"),
    ] {
        let (emitted, _) = without_clippy(options, function);
        for level in ["allow", "expect", "warn", "deny"] {
            assert!(
                !emitted.contains(&format!("# [{level}")),
                "{options} on {function}: {emitted}"
            );
        }
    }
}

#[test]
fn levels_of_lints_that_the_user_sets_hold_for_companions() {
    let function = "#[expect(dead_code, non_snake_case, reason = \"why\")] fn f(N: u8) -> u8 { N }";
    assert!(has("", function, "#[allow(non_snake_case)] impl f"));
    let function = "#[expect(dead_code)] #[allow(deprecated)] fn f(x: Old) -> u8 { 1 }";
    assert!(has("", function, "#[allow(deprecated)] impl f"));
    let (emitted, _) = without_clippy("", "#[expect(unused)] fn f(x: u8) -> u8 { x }");
    assert!(!emitted.contains("# [allow"), "{emitted}");
}

#[test]
fn references_in_tuples_are_parts_of_their_own() {
    let part = "::cachekit::__private::Part";
    let function = "fn f(x: (&A, u8)) -> u8 { 1 }";
    assert!(has("", function, &format!("(&&&&{part}(&x.0))")));
    assert!(has("", function, &format!("(&&&&{part}(&x.1))")));
    assert!(has("", "fn f(x: (A, u8)) -> u8 { 1 }", &format!("(&&&&{part}(&x))")));
    assert!(has("", "fn f(x: Vec<&A>) -> u8 { 1 }", "::cachekit::__private::NamedPart(&x)"));
    for plain in ["&A", "Option<&A>", "&'static [&'static str]", "fn(&A) -> u8", "Option<A>"] {
        let function = format!("fn f(x: {plain}) -> u8 {{ 1 }}");
        assert!(has("", &function, &format!("(&&&&{part}(&x))")), "{plain}");
    }
    let method = "fn f(&self) -> u8 { 1 }";
    assert!(has("self = key((&self.0, 1))", method, "match (&(&self.0), &(1),)"));
}
