//! Every option may stand once.

use cachekit::cache;

#[cache(ttl = 60, ttl = 5)]
fn twice(id: u64) -> u64 {
    id
}

#[cache(capacity = 1, capacity = 2, capacity = 3)]
fn three_times(id: u64) -> u64 {
    id
}

#[cache(ttl = 60, ttl(none = 5))]
fn in_two_forms(id: u64) -> Option<u64> {
    Some(id)
}

#[cache(ttl(ok = 60, ok = 5))]
fn one_outcome(id: u64) -> u64 {
    id
}

#[cache(skip(a), skip(b))]
fn lists(a: u64, b: u64) -> u64 {
    a + b
}

#[cache(skip(a, a))]
fn in_a_list(a: u64, b: u64) -> u64 {
    a + b
}

#[cache(ttl = 60)]
#[cache::local(ttl = 5)]
fn two_attributes(id: u64) -> u64 {
    id
}

fn main() {}
