//! Expressions that cannot be keys.

use cachekit::cache;

struct Request {
    body: Body,
}

struct Body;

#[cache(key = request)]
fn whole(request: &Request) -> u64 {
    1
}

#[cache(key = (id, request.body))]
fn one_part(request: &Request, id: u64) -> u64 {
    id
}

#[cache(key = request.header)]
fn no_such_field(request: &Request) -> u64 {
    1
}

#[cache(key = di)]
fn no_such_name(id: u64) -> u64 {
    id
}

#[cache(key = id + 1)]
fn key_of_an_owned_argument(id: String) -> u64 {
    1
}

fn main() {}
