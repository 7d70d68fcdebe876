//! Arguments that cannot be compared or kept.

use std::cell::Cell;
use std::collections::HashMap;

use cachekit::cache;

struct Filter;

#[derive(PartialEq, Eq, Hash)]
struct NoClone;

#[cache::local]
fn value(filter: Filter) -> u64 {
    1
}

#[cache]
fn reference(id: u64, filter: &Filter) -> u64 {
    id
}

#[cache]
async fn inside(filters: Vec<Filter>) -> u64 {
    1
}

#[cache::local]
fn optional_reference(filter: Option<&Filter>) -> u64 {
    1
}

#[cache::local]
fn reference_to_what_cannot_be_copied(filter: &NoClone) -> u64 {
    1
}

#[cache::local]
fn slice(filters: &[Filter]) -> u64 {
    1
}

#[cache::local]
fn two((a, b): (Filter, u64), c: &Filter) -> u64 {
    b
}

#[cache::local]
fn map(counts: HashMap<String, u64>) -> u64 {
    1
}

#[cache::local]
fn changing(count: Cell<u64>) -> u64 {
    1
}

#[cache::local]
fn callback(call: impl Fn(u64) -> u64) -> u64 {
    call(1)
}

#[cache::local]
fn boxed(call: Box<dyn Fn(u64) -> u64>) -> u64 {
    call(1)
}

#[cache::local]
fn generic<T>(of: T) -> u64 {
    1
}

struct Shop;

impl Shop {
    #[cache(self = shared)]
    pub fn method(&self, filter: Filter) -> u64 {
        1
    }
}

fn main() {}
