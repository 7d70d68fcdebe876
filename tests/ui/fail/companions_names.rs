//! Names that are taken.

#![allow(non_camel_case_types)]

use cachekit::cache;

struct user {}
struct items {}

#[cache]
fn user(id: u64) -> u64 {
    id
}

#[cache(name = items)]
fn item(id: u64) -> u64 {
    id
}

fn main() {}
