//! Lifetimes that do not suit the function or are of another type.

use cachekit::cache;

#[derive(Debug)]
struct Failure;

#[derive(Clone, Debug)]
struct ClonableFailure;

#[cache(ttl = 1.5 * 2.0)]
fn fraction(id: u64) -> u64 {
    id
}

#[cache(ttl = |value| format!("{value}s"))]
fn text_from_value(id: u64) -> u64 {
    id
}

#[cache(ttl(none = 5))]
fn none_of_a_number(id: u64) -> u64 {
    id
}

#[cache(ttl(ok = 60, none = 5))]
async fn none_of_a_result(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cache(ttl(err = 5))]
fn error_of_a_number(id: u64) -> u64 {
    id
}

#[cache(ttl(ok = "5m", err = |error| 5))]
async fn error_of_an_option(id: u64) -> Option<u64> {
    Some(id)
}

#[cache::local(ttl(err = 5))]
fn error_that_cannot_be_copied(id: u64) -> Result<u64, Failure> {
    Ok(id)
}

#[cache(ttl(err = 5))]
fn error_that_cannot_be_sent(id: u64) -> Result<u64, ClonableFailure> {
    Ok(id)
}

#[cache(ttl(err = |error| error.retry_after()))]
fn error_without_that_method(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
