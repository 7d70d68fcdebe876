//! Values of the wrong shape, each on its own token.

use cachekit::cache;

#[cache(capacity = "many")]
fn capacity_text(id: u64) -> u64 {
    id
}

#[cache(capacity = 0)]
fn capacity_zero(id: u64) -> u64 {
    id
}

#[cache(capacity = -1)]
fn capacity_negative(id: u64) -> u64 {
    id
}

#[cache(capacity = 10k)]
fn capacity_unit(id: u64) -> u64 {
    id
}

#[cache(weight = 5)]
fn weight_number(id: u64) -> u64 {
    id
}

#[cache(weight = |value| 1)]
fn weight_of_one(id: u64) -> u64 {
    id
}

#[cache(if = true)]
fn if_constant(id: u64) -> u64 {
    id
}

#[cache(if = |key, value| true)]
fn if_of_two(id: u64) -> u64 {
    id
}

#[cache(version = -1)]
fn version_negative(id: u64) -> u64 {
    id
}

#[cache(version = "2")]
fn version_text(id: u64) -> u64 {
    id
}

#[cache(version = 4294967296)]
fn version_too_large(id: u64) -> u64 {
    id
}

#[cache(namespace = shop)]
fn namespace_path(id: u64) -> u64 {
    id
}

#[cache(namespace = "my app")]
fn namespace_space(id: u64) -> u64 {
    id
}

#[cache(namespace = "")]
fn namespace_empty(id: u64) -> u64 {
    id
}

#[cache(skip)]
fn skip_nothing(id: u64) -> u64 {
    id
}

#[cache(key)]
fn key_nothing(id: u64) -> u64 {
    id
}

#[cache(ttl 60)]
fn equals_missing(id: u64) -> u64 {
    id
}

#[cache(ttl = 60 capacity = 5)]
fn comma_missing(id: u64) -> u64 {
    id
}

fn main() {}
