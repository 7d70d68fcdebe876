//! What the user says about lints at a function holds for all that comes of it.

#![deny(warnings, dead_code, unused, unfulfilled_lint_expectations, unused_lifetimes, single_use_lifetimes)]

use cachekit::cache;

#[cache]
#[expect(dead_code)]
fn never_called(n: u32) -> u32 {
    n
}

#[cache]
#[expect(dead_code)]
async fn never_awaited(n: u32) -> u32 {
    n
}

#[expect(unused)]
#[cache(ttl = 60)]
async fn never_refreshed(n: u32) -> u32 {
    n
}

#[cache]
#[allow(non_snake_case)]
fn Camel(N: u32) -> u32 {
    N
}

#[cache]
#[expect(non_snake_case)]
fn Snake(N: u32) -> u32 {
    N
}

#[cache]
#[deprecated]
fn old(n: u32) -> u32 {
    n
}

#[deprecated]
#[derive(Clone, Copy, Hash, PartialEq, Eq)]
struct Old(u32);

#[cache::local]
#[allow(deprecated)]
fn of_old(old: Old) -> u32 {
    old.0
}

struct Shop;

impl Shop {
    #[cache(self = shared, name = hidden_cache)]
    #[expect(non_snake_case)]
    fn hidden(&self, N: u32) -> u32 {
        N
    }

    #[cache(self = shared)]
    #[expect(dead_code)]
    fn unused(&self, n: u32) -> u32 {
        n
    }
}

#[allow(deprecated)]
fn main() {
    assert_eq!((Camel(1), Snake(2), old(3), of_old(Old(4)), Shop.hidden(5)), (1, 2, 3, 4, 5));
}
