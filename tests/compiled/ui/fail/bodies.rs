//! Mistakes in the body of a function stay what they are without the attribute.

use cachekit::cache;


#[cache]
fn mismatched(id: u64) -> u64 {
    "x"
}

#[cache]
fn returned(id: u64) -> u64 {
    return "x";
}

#[cache]
async fn mismatched_later(id: u64) -> u64 {
    "x"
}

#[cache]
fn unknown(id: u64) -> Option<u64> {
    missing(id)
}

#[cache]
fn empty(id: u64) -> u64 {}

#[cache]
fn unknown_type(id: Missing) -> u64 {
    1
}

fn main() {}
