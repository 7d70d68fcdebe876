//! Where the runtime is has to mean the same everywhere.

use cachekit::cache;

#[cache(crate = cachekit)]
fn relative(id: u64) -> u64 {
    id
}

#[cache(crate = super::vendored::cachekit)]
fn from_the_parent(id: u64) -> u64 {
    id
}

#[cache(crate = "cachekit")]
fn quoted(id: u64) -> u64 {
    id
}

#[cache(crate)]
fn nothing(id: u64) -> u64 {
    id
}

fn main() {}
