//! Words of an option that look like an argument or a type, and are something else.

use syn::parse_quote;

use super::{accepts, expansion};
use crate::model::skipped_in;
use crate::signature::{Function, awaits, names};

/// Whether `set` cannot know what the options say of a value.
fn is_unknown(options: &str, function: &str) -> bool {
    expansion(options, function).contains(":: unknown")
}

#[test]
fn what_set_can_decide_it_decides() {
    let function = "fn page(id: u64, path: &str, (a, b): (u8, u8)) -> Page { x }";
    for options in [
        "if = |page| page.id != 0",
        "if = |page| page.id() != 0",
        "if = |id: &Page| id.is_complete()",
        "weight = |k, v| v.path.len()",
        "weight = |(id, path, pair), v| id + v.len()",
        "ttl = self::TTL",
        "ttl = id::TTL",
        "ttl = |v| { let id = 5; id }",
        "ttl(ok = 5, none = path::minutes(1))",
        "if = |v| matches!(v, Some(a) if a > 3)",
        "if = |v| v.kind == Kind { id: 5 }",
    ] {
        assert!(!is_unknown(options, function), "{options}");
    }
    for options in [
        "if = |page| page.id != id",
        "if = |page| page.id(id)",
        "if = path",
        "weight = |k, v| v.path.len() + path.len()",
        "ttl = id * 2",
        "ttl(ok = 5, none = mine!(id))",
        "ttl = |v| a",
        "if = |v| format!(\"{path}\").is_empty()",
    ] {
        assert!(is_unknown(options, function), "{options}");
    }
    let method = "pub fn f(&self, id: u64) -> u64 { id }";
    assert!(is_unknown("self = shared, ttl = self.ttl", method));
    assert!(!is_unknown("self = shared, ttl = self::TTL", method));
    let generic = "fn f<X: Db>(db: X, id: u64) -> u64 { id }";
    assert!(is_unknown("skip(db, X), ttl = X::TTL", generic));
    assert!(is_unknown("skip(db, X), if = |v| keep::<X>(v)", generic));
    assert!(!is_unknown("skip(db, X), ttl = kinds::X", generic));
    assert!(!is_unknown("skip(db, X), ttl = |v| v.X", generic));
}

#[test]
fn only_an_argument_that_is_skipped_is_missing_in_a_companion() {
    let missing = |expr: syn::Expr| {
        let function =
            Function::parse(super::tokens("fn f(&self, db: &Db, id: u64) -> u64 { id }")).unwrap();
        let mut parameters = function.parameters();
        parameters[0].skipped = true;
        skipped_in(&expr, &parameters).is_some()
    };
    for expr in [
        parse_quote!(self.db),
        parse_quote!(db::backend()),
        parse_quote!(self.db()),
        parse_quote!(id),
        parse_quote!(self.all.find(|db| db.is_up())),
    ] {
        assert!(!missing(expr));
    }
    for expr in [
        parse_quote!(db),
        parse_quote!(self.of(db)),
        parse_quote!(db.backend),
        parse_quote!(mine!(db)),
    ] {
        assert!(missing(expr));
    }
}

#[test]
fn a_type_parameter_is_no_other_word() {
    for ty in [
        "T",
        "&T",
        "Vec<T>",
        "T::Item",
        "<T as Iterator>::Item",
        "impl Into<T>",
        "[u8; T]",
        "[u8; { T + 1 }]",
        "fn(T) -> u8",
        "&dyn Fn(&T)",
        "dyn A<B = T>",
        "m!(T)",
    ] {
        assert!(names(&syn::parse_str::<syn::Type>(ty).unwrap(), "T"), "{ty}");
    }
    for ty in ["U::T", "<U as A>::T", "&'T U", "dyn A<T = u8>", "a::T", "::T::A", "m!(a::T)"] {
        assert!(!names(&syn::parse_str::<syn::Type>(ty).unwrap(), "T"), "{ty}");
    }
    for expr in ["T", "f::<T>()", "T::N", "x as T", "T { a }", "format!(\"{T}\")", "{ T::f }()"] {
        assert!(names(&syn::parse_str::<syn::Expr>(expr).unwrap(), "T"), "{expr}");
    }
    for expr in ["x.T", "x.T()", "a::T", "\"{T}\"", "m!(x.T)", "{ fn f<T>(t: T) {} f(1) }"] {
        assert!(!names(&syn::parse_str::<syn::Expr>(expr).unwrap(), "T"), "{expr}");
    }
    // `Item` is left out, and what `T` yields is kept.
    let function = "fn f<T: Iterator<Item = u8> + Hash, Item: Db>(db: Item, id: T) -> u8 { 1 }";
    accepts("skip(db, Item)", function);
    let emitted = expansion("skip(db, Item)", function);
    let emitted: String = emitted.split_whitespace().collect();
    assert!(emitted.contains("[<T:Iterator<Item=u8>+Hash>]"), "{emitted}");
}

#[test]
fn a_future_that_is_only_made_is_not_awaited() {
    for expr in ["x.await", "f(x.await?)", "{ x.await; 5 }", "m!(x.await)"] {
        assert!(awaits(&syn::parse_str(expr).unwrap()), "{expr}");
    }
    for expr in
        ["x", "block_on(async { x.await })", "run(async || x.await)", "\"{await}\"", "r#await"]
    {
        assert!(!awaits(&syn::parse_str(expr).unwrap()), "{expr}");
    }
}
