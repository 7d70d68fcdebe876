//! The prelude's names, and ours, mean something else here.

#![allow(non_camel_case_types, dead_code, unused_macros)]

use ::cachekit::cache;

mod core {}
mod std {}
mod alloc {}
mod cachekit {}
struct Some;
struct None;
struct Ok;
struct Err;
struct Result;
struct Option;
struct Box;
struct String;
struct Future;
struct bool;
struct u64;
trait Clone {}
trait Send {}
trait Sized {}
trait Fn {}
trait FnOnce {}

macro_rules! module_path {
    () => {
        compile_error!("the user's macro was called")
    };
}

/// Traits and types of ours, as types of the user's: what generated code imports must not hide them.
type PlainShape = u32;
type ResultOnly = u32;
type ViaHash = u32;
type Shared = u32;
type Unshared = u32;
type Outcome = u32;
type Part = u32;

#[cache(ttl = 60, capacity = 10, if = |value| *value > 0)]
fn values(_: PlainShape) -> ResultOnly {
    1
}

#[cache(key = (a, b), ttl(ok = 60, err = 1))]
fn keys(a: ViaHash, b: &Shared, c: Unshared) -> ::core::result::Result<Outcome, Part> {
    ::core::result::Result::Ok(a + b + c)
}

#[cache(ttl(none = 5))]
async fn optional(r#fn: u32, r#type: &str) -> ::core::option::Option<u32> {
    ::core::option::Option::Some(r#fn + r#type.len() as u32)
}

#[cache(key = r#mod)]
fn r#use(r#mod: u32, r#ref: u32) -> u32 {
    r#mod + r#ref
}

#[cache(skip(r#ref), name = r#match)]
fn r#static(r#mod: u32, r#ref: u32) -> u32 {
    r#mod + r#ref
}

struct Shop;

impl Shop {
    #[cache(self = shared)]
    pub fn r#loop(&self, n: u32) -> u32 {
        n + 1
    }
}

fn main() {
    assert_eq!((values(1), values(1), values::stats().hits), (1, 1, 1));
    assert_eq!(keys(1, &2, 3), ::core::result::Result::Ok(6));
    assert_eq!((r#use(1, 2), r#use(1, 9)), (3, 3));
    assert_eq!((r#static(1, 2), r#static(1, 9)), (3, 3));
    assert!(r#use::contains(&1, &2) && r#match::contains(&1));
    assert_eq!(Shop.r#loop(1), 2);
    assert!(Shop.loop_cache(&1).contains());
    let _pending = optional(1, "");
}
