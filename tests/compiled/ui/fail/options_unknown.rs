//! Options that do not exist: the nearest name, or all of them.

use cachekit::cache;

#[cache(tll = 60)]
fn misspelled(id: u64) -> u64 {
    id
}

#[cache::local(ttl = 60, capactiy = 500)]
fn misspelled_second(id: u64) -> u64 {
    id
}

#[cache(max_size = 500)]
fn named_elsewhere(id: u64) -> u64 {
    id
}

#[cache(frobnicate)]
fn like_nothing(id: u64) -> u64 {
    id
}

#[cache(60)]
fn no_name(id: u64) -> u64 {
    id
}

#[cache("5m")]
fn no_name_either(id: u64) -> u64 {
    id
}

#[cache(ttl(okay = 60))]
fn unknown_outcome(id: u64) -> u64 {
    id
}

#[cache(tll = 60, capasity = 5, kye = id)]
fn three_at_once(id: u64) -> u64 {
    id
}

#[cache(tti = 60, sync_writes = true, key_prefix = "x", unless = |v| v.is_none())]
fn words_of_others(id: u64) -> u64 {
    id
}

fn main() {}
