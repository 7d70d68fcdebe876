//! `stale`: which functions can run again without their caller.

use super::{accepts, expansion, refuses};

#[test]
fn copies_of_the_arguments_are_made() {
    accepts("ttl = 5, stale = 5", "fn f(a: &str, b: Vec<u8>, (c, d): (u8, u8)) -> u8 { 0 }");
    accepts("ttl = 5, stale = \"1m\", self = shared", "pub async fn f(&self) -> u8 { 0 }");
    accepts("ttl = 5, stale = 5", "fn f(a: &'static str, b: Box<dyn Fn(&str)>) -> u8 { 0 }");
    let emitted = expansion("ttl = 5, stale = 5", "async fn f(a: &str, b: u8) -> u8 { the_body }");
    assert_eq!(emitted.matches("the_body").count(), 1, "{emitted}");
    assert!(emitted.contains("__cachekit_again"), "{emitted}");
    // Without the option nothing of it is there.
    assert!(!expansion("ttl = 5", "async fn f(a: &str) -> u8 { 0 }").contains("keep"));
}

#[test]
fn what_cannot_be_lent_to_the_background_is_refused() {
    let options = "ttl = 5, stale = 5";
    let skip = "ttl = 5, stale = 5, skip(a)";
    refuses(options, "fn f(a: Option<&str>) -> u8 { 0 }", "Option<&str>", "would still borrow");
    refuses(options, "fn f(a: &[&str]) -> u8 { 0 }", "&[&str]", "use an owned type");
    refuses(options, "fn f<'a>(a: Cow<'a, str>) -> u8 { 0 }", "Cow<'a, str>", "would still borrow");
    refuses(skip, "fn f(a: &mut Db) -> u8 { 0 }", "&mut Db", "cannot be lent");
    refuses(options, "unsafe fn f(a: u8) -> u8 { 0 }", "unsafe", "no caller vouches");
    refuses(options, "fn f(f: u8) -> u8 { 0 }", "f", "rename the argument");
    refuses(options, "fn f(a: impl Hash) -> u8 { 0 }", "stale", "`impl Trait` has no name");
    let method = "ttl = 5, stale = 5, self = shared";
    refuses(method, "fn f(&mut self) -> u8 { 0 }", "&mut self", "take `&self`");
    refuses(method, "async fn f(&self) -> u8 { 0 }", "stale", "ask for one with `name = …`");
    accepts("ttl = 5, stale = 5, self = shared, name = g", "async fn f(&self) -> u8 { 0 }");
}

#[test]
fn values_that_are_not_ones_are_refused() {
    let function = "fn f(a: u8) -> u8 { 0 }";
    refuses("stale = 5", function, "stale", "`stale` begins where `ttl` ends");
    refuses("ttl = 5, stale = 0", function, "0", "must be positive");
    refuses("ttl = 5, stale = WINDOW", function, "WINDOW", "is a literal");
    refuses("ttl = 5, stale = \"5x\"", function, "\"5x\"", "unknown unit");
    refuses("ttl = 5, in = C, stale = 5", function, "stale", "not there for a cache of your own");
    refuses("ttl = 5, swr = 5", function, "swr", "did you mean `stale`?");
}
