//! Lifetimes that cannot be read.

use cachekit::cache;

#[cache(ttl = 0)]
fn zero(id: u64) -> u64 {
    id
}

#[cache(ttl = -5)]
fn negative(id: u64) -> u64 {
    id
}

#[cache(ttl = "0s")]
fn zero_text(id: u64) -> u64 {
    id
}

#[cache(ttl(ok = 60, none = 0))]
fn zero_for_one_outcome(id: u64) -> Option<u64> {
    Some(id)
}

#[cache(ttl = 1.5)]
fn fraction(id: u64) -> u64 {
    id
}

#[cache(ttl = 60s)]
fn unit_without_quotes(id: u64) -> u64 {
    id
}

#[cache(ttl = "60")]
fn quotes_without_unit(id: u64) -> u64 {
    id
}

#[cache(ttl = "5 parsecs")]
fn unknown_unit(id: u64) -> u64 {
    id
}

#[cache(ttl = "30m1h")]
fn out_of_order(id: u64) -> u64 {
    id
}

#[cache(ttl = "")]
fn empty(id: u64) -> u64 {
    id
}

#[cache(ttl = true)]
fn boolean(id: u64) -> u64 {
    id
}

#[cache(ttl = |key, value| 5)]
fn closure_of_two(id: u64) -> u64 {
    id
}

#[cache(ttl)]
fn nothing(id: u64) -> u64 {
    id
}

#[cache(ttl = )]
fn nothing_after_equals(id: u64) -> u64 {
    id
}

#[cache(ttl())]
fn no_outcome(id: u64) -> u64 {
    id
}

#[cache(ttl(none = |value| 5))]
fn closure_of_none(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {}
