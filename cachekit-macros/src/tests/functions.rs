use super::{accepts, mistakes, refuses};

#[test]
fn functions_of_every_kind() {
    for function in [
        "fn f() -> u64 { 1 }",
        "pub(crate) async unsafe fn f<'a, T: Clone, const N: usize>(a: &'a T, [b, c]: [u8; N]) -> u64 where T: Eq { 1 }",
        "extern \"C\" fn f(_: u8) -> () {}",
        "fn f(x: impl Into<String>) -> Result<String, &'static str> { Err(\"\") }",
        "fn f(x: u8) -> Named<u8, &'static str> { Named }",
        "fn f(x: u8) -> fn(&str) -> &str { id }",
        "fn f(x: u8) -> Arc<dyn for<'a> Named<'a> + 'static> { x }",
        "fn f(x: u8) -> Arc<dyn Fn(&str) -> &str> { x }",
        "fn f(x: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> { Box::pin(async move { x }) }",
        "fn f(x: u8) -> impl Future<Output = u8> + Send { async move { x } }",
        "fn f(x: u8) -> u8 { this is not even Rust }",
    ] {
        accepts("", function);
    }
    for receiver in
        ["self", "mut self", "&self", "&'a mut self", "self: Arc<Self>", "self: Pin<&mut Self>"]
    {
        accepts("self = shared", &format!("fn f({receiver}, x: u8) -> u8 {{ x }}"));
    }
}

#[test]
fn what_is_no_function() {
    for (item, place) in [
        ("struct S;", "struct"),
        ("pub enum E {}", "enum"),
        ("impl S { fn f() {} }", "impl"),
        ("unsafe impl S {}", "unsafe"),
        ("pub trait T {}", "trait"),
        ("const X: u8 = 1;", "const"),
        ("static X: u8 = 1;", "static"),
        ("extern crate x;", "extern"),
        ("extern \"C\" { fn f(); }", "extern"),
        ("mod m {}", "mod"),
        ("use a::b;", "use"),
    ] {
        refuses("tll = 5", item, place, "only a function or a method can be cached");
    }
}

#[test]
fn functions_that_cannot_be_cached() {
    for (function, place, message) in [
        ("const fn f() -> u8 { 1 }", "const", "remove `const`"),
        ("fn f() {}", "f", "add `-> ()`"),
        ("fn f() -> ! { loop {} }", "!", "never returns"),
        ("fn f(x: &str) -> &str { x }", "&str", "own its data"),
        ("fn f(x: &str) -> &'static mut str { x }", "&'static mut str", "own its data"),
        ("fn f(x: &str) -> Option<&str> { x }", "&str", "own its data"),
        ("fn f(x: &str) -> Result<Cow<'_, str>, &str> { x }", "'_", "own its data"),
        ("fn f<'a>(x: &'a str) -> Parsed<'a> { x }", "'a", "own its data"),
        ("fn f(x: u8) -> &'static str { x }", "&'static str", "in place of `&'static str`"),
        ("fn f(x: u8) -> Vec<(u8, &'static [u8])> { x }", "&'static [u8]", "`&'static [u8]`"),
        (
            "fn f() -> impl Iterator<Item = u8> { 0..1 }",
            "impl Iterator<Item = u8>",
            "write the concrete type",
        ),
        ("fn f() -> Option<impl Sized> { None }", "impl Sized", "write the concrete type"),
        ("async fn f() -> impl Sized {}", "impl Sized", "write the concrete type"),
        ("fn f() -> BoxFuture<'static, &str> {}", "&str", "own its data"),
        ("unsafe extern \"C\" fn f(x: u8, ...) -> u8 { x }", "...", "variadic"),
        ("fn f(x: u8) -> u8;", "f", "no body"),
        ("fn f(out: &mut Vec<u8>) -> u8 { 1 }", "&mut Vec<u8>", "`skip(out)`"),
        ("fn f(#[cfg(x)] a: u8) -> u8 { 1 }", "#[cfg(x)]", "not always there"),
        ("#[cache::local] fn f() -> u8 { 1 }", "#[cache::local]", "another attribute"),
        (
            "#[cachekit::cache(ttl = 5)] fn f() -> u8 { 1 }",
            "#[cachekit::cache(ttl = 5)]",
            "another attribute",
        ),
        ("fn str() -> u8 { 1 }", "str", "`name = str_cache`"),
    ] {
        refuses("", function, place, message);
    }
    accepts("skip(out)", "fn f(out: &mut Vec<u8>) -> u8 { 1 }");
    accepts("key = out.len()", "fn f(out: &mut Vec<u8>) -> u8 { 1 }");
    accepts("name = string", "fn str() -> u8 { 1 }");
}

#[test]
fn a_future_that_must_not_borrow_holds_nothing_borrowed() {
    let told = |fix: &str| format!("`async fn`, or {fix}");
    for (options, function, place, fix, names) in [
        (
            "",
            "fn f(x: &str) -> BoxFuture<'static, u8> { let n = x.len(); g(n) }",
            "BoxFuture<'static, u8>",
            "give it the lifetime `'_`",
            "use `x`",
        ),
        (
            "skip(x), self = shared",
            "fn f(&self, x: &str) -> Pin<Box<dyn Future<Output = u8> + Send>> { let n = (x, self.n); g(n) }",
            "Pin<Box<dyn Future<Output = u8> + Send>>",
            "add `+ '_` to the `dyn Future`",
            "use `self` and `x`",
        ),
        (
            "key = id.len()",
            "fn f(id: &[u8], _: &Db) -> Pin<Box<dyn Future<Output = u8> + 'static>> { g() }",
            "Pin<Box<dyn Future<Output = u8> + 'static>>",
            "`'_` in place of `'static`",
            "use `id`:",
        ),
        (
            "self = instance",
            "fn f(&self) -> impl Future<Output = u8> + use<> { g() }",
            "impl Future<Output = u8> + use<>",
            "add `'_` to the `use<…>`",
            "use `self`",
        ),
        (
            "skip(x), ttl = x.ttl",
            "fn f(x: Cow<'_, str>) -> impl Future<Output = u8> + 'static { not rust }",
            "impl Future<Output = u8> + 'static",
            "`'_` in place of `'static`",
            "use `x`",
        ),
    ] {
        refuses(options, function, place, &told(fix));
        refuses(options, function, place, names);
    }
    for (options, function) in [
        ("", "fn f(x: &'static str) -> BoxFuture<'static, u8> { g(x) }"),
        ("", "fn f(x: &str) -> BoxFuture<'_, u8> { g(x) }"),
        ("", "fn f<'a>(x: &'a str) -> Pin<Box<dyn Future<Output = u8> + 'a>> { g(x) }"),
        ("", "fn f<T>(x: &str, t: T) -> impl Future<Output = u8> + use<'_, T> { g(x) }"),
        // Since Rust 2024 it borrows; before that, the compiler says what to add.
        ("", "fn f(x: &str) -> impl Future<Output = u8> { g(x) }"),
        ("", "fn f(x: Box<dyn for<'a> Named<'a>>) -> BoxFuture<'static, u8> { g(x) }"),
        ("self = shared", "fn f(self: Arc<Self>) -> BoxFuture<'static, u8> { g(self) }"),
        // What neither uses is not in it.
        ("self = shared", "fn f(&self, id: u8) -> BoxFuture<'static, u8> { g(id, self::ID) }"),
        ("skip(db)", "fn f(db: &Db, id: u8) -> BoxFuture<'static, u8> { g(id.db, db::ID) }"),
        ("key = db.id", "async fn f(db: &Db) -> u8 { g(db) }"),
    ] {
        accepts(options, function);
    }
}

#[test]
fn static_references_stay_in_the_process() {
    let method = "fn f(&self) -> &'static str { \"\" }";
    accepts("self = instance", method);
    accepts("in = self.texts", method);
    refuses("self = shared", method, "&'static str", "`#[cache::local]`");
    let fallible = "fn f() -> Result<u8, &'static str> { Ok(1) }";
    accepts("", fallible);
    refuses("ttl(err = 5)", fallible, "&'static str", "`#[cache::local]`");
}

#[test]
fn a_method_says_what_self_means() {
    let method = "fn f(&self, x: u8) -> u8 { x }";
    refuses("", method, "&self", "`self = shared`");
    refuses("key = x", method, "&self", "`self = instance`");
    for options in [
        "self = shared",
        "self = instance",
        "self = key(self.id)",
        "key = (self.id, x)",
        "key = format!(\"{}\", self.id)",
        "in = self.users",
    ] {
        accepts(options, method);
    }
    // A value that could not be read is one mistake, not two.
    refuses("self = foo", method, "foo", "expected `self = shared`");
    refuses("self = instance", "fn f(x: u8) -> u8 { x }", "self", "has no `self`");
    accepts("self = shared", "fn f(x: u8) -> u8 { x }");
}

#[test]
fn over_a_cache_for_all_objects_too() {
    let method = "fn f(&self, x: u8) -> u8 { x }";
    for options in [
        "in = USERS",
        "in = USERS, key = x",
        "in = self::USERS",
        "in = config.self_cache()",
        "in = caches().with(|this| this.users)",
    ] {
        refuses(options, method, "&self", "this cache is not one of `self`");
        refuses(options, method, "&self", "`self = shared`");
    }
    refuses("in = users", "fn f(self, users: &Users) -> u8 { x }", "self", "`self = instance`");
    for options in [
        "in = USERS, self = shared",
        "in = USERS, self = instance",
        "in = USERS, self = key(self.id)",
        "in = USERS, self = key(\"{self.id}\"), key = x",
        "in = USERS, key = (self.id, x)",
        "in = mine!(self => users)",
        "in = caches(&self).users",
    ] {
        accepts(options, method);
    }
    // One mistake, not two.
    refuses("in", method, "in", "`in = USERS`");
    refuses("in = USERS, self = key(x)", method, "x", "does not mention `self`");
    refuses("in = USERS, self = shared, version = 2", method, "version", "in this process only");
}

#[test]
fn skipped_arguments_exist() {
    let function = "fn f(db: &Db, (a, b): (u8, u8), State(ctx): State) -> u8 { 1 }";
    accepts("skip(db, ctx)", function);
    accepts("skip(a, b)", function);
    refuses("skip(bd)", function, "bd", "did you mean `db`?");
    refuses("skip(wholly)", function, "wholly", "there is `db`, `a`, `b` and `ctx`");
    refuses("skip(a)", function, "a", "`b` of the same argument");
    refuses("skip(self)", function, "self", "`self = shared`");
    refuses("skip(x)", "fn f() -> u8 { 1 }", "x", "the function has none");
    refuses("skip(db), key = a", function, "skip", "`key` already says");
}

#[test]
fn keys_have_at_most_twelve_parts_and_self() {
    let parameters =
        |count: usize| (0..count).map(|n| format!("a{n}: u8")).collect::<Vec<_>>().join(", ");
    accepts("self = instance", &format!("fn f(&self, {}) -> u8 {{ 1 }}", parameters(12)));
    let thirteen = format!("fn f({}) -> u8 {{ 1 }}", parameters(13));
    refuses("", &thirteen, "f", "13 parts");
    accepts("skip(a3)", &thirteen);
    accepts("key = a0", &thirteen);
    refuses(
        "key = (a0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)",
        &thirteen,
        "(a0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)",
        "group some of them",
    );
}

#[test]
fn companions_are_asked_for_where_there_is_one() {
    accepts("self = shared, vis = pub", "pub fn f(&self) -> u8 { 1 }");
    accepts("self = shared, name = g, vis = pub", "fn f(&self) -> u8 { 1 }");
    refuses("self = shared, vis = pub", "fn f(&self) -> u8 { 1 }", "vis", "`name = …`");
    refuses(
        "self = shared, name = g",
        "fn f(&self, x: impl Sized) -> u8 { 1 }",
        "name",
        "impl Trait",
    );
}

#[test]
fn mistakes_of_options_and_function_come_together() {
    let all = mistakes("tll = 5, ttl = 0", "const fn f(&self, x: &mut u8) -> &str { x }");
    let places: Vec<&str> = all.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["tll", "0", "const", "&self", "&mut u8", "&str"], "{all:?}");
}

#[test]
fn unnamed_arguments_are_skipped_by_an_underscore() {
    let function = "fn f(_: &Db, _: Ctx, id: u64, (): ()) -> u64 { id }";
    accepts("skip(_)", function);
    accepts("skip(_, id)", function);
    accepts("skip(_)", "fn f(_: &mut Vec<u8>, id: u64) -> u64 { id }");
    refuses("", "fn f(_: &mut Vec<u8>, id: u64) -> u64 { id }", "&mut Vec<u8>", "`skip(_)`");
    refuses("skip(_, _)", function, "_", "stands twice");
    refuses(
        "skip(_)",
        "fn f(id: u64, (a, b): (u8, u8)) -> u64 { id }",
        "_",
        "all arguments of this function have one",
    );
}

#[test]
fn a_companion_hides_nothing_that_the_function_means() {
    for function in [
        "fn url(x: u8) -> url::Url { x }",
        "fn url(x: url::Url) -> u8 { x }",
        "fn url<T: url::Like>(x: T) -> u8 { x }",
        "fn url<T>(x: T) -> u8 where T: url::Like { x }",
        "fn url(x: u8) -> Result<Vec<url::Url>, Error> { x }",
        "fn url(x: u8) -> u8 { url::parse(x) }",
        "fn url(x: u8) -> u8 { if x { let y = url::Url { z: url::z() }; } 1 }",
        "fn url(x: u8) -> u8 { vec![url::parse(x)] }",
        "fn url(x: u8) -> u8 { use url::{Url, Host}; 1 }",
        "fn url(x: u8) -> u8 { use url::Url as Other; 1 }",
        "fn url(x: u8) -> u8 { use url::*; 1 }",
        "fn r#url(x: u8) -> u8 { r#url::parse(x) }",
    ] {
        let (at, said) = super::mistake("", function);
        assert_eq!(at.trim_start_matches("r#"), "url", "{function}");
        assert!(said.contains("`name = url_cache`"), "{function}: {said}");
        accepts("name = url_cache", function);
    }
    refuses("ttl = url::TTL", "fn url(x: u8) -> u8 { x }", "url", "`name = url_cache`");
    refuses("name = users", "fn user(x: u8) -> users::User { x }", "users", "`name = users_cache`");
    for function in [
        "fn url(x: u8) -> u8 { url(x - 1) + url::<u8>(x) }",
        "fn url(x: u8) -> u8 { url::peek(&x).is_some() as u8 + { url::stats(); 1 } }",
        "fn url(x: u8) -> ::url::Url { ::url::parse(x) }",
        "fn url(x: u8) -> u8 { crate::url::parse(x) + self::url::y() }",
        "fn url(x: u8) -> u8 { use other::url; url::parse(x) }",
        "fn url(x: u8) -> u8 { use other::{a, b as url}; url::parse(x) }",
        "fn url(x: u8) -> u8 { mod url { pub fn y() {} } url::y() }",
        "fn url(url: u8) -> u8 { url.parse() }",
        "fn url(x: u8) -> u8 { S { url: x }.url }",
    ] {
        accepts("", function);
    }
    accepts("self = shared", "pub fn url(&self) -> url::Url { x }");
    accepts("in = CACHE", "fn url(x: u8) -> url::Url { x }");
}
