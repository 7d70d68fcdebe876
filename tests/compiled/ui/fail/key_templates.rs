//! Templates whose parts cannot be written as text.

use cachekit::cache;

struct User {
    id: u64,
}

#[cache(key = "user:{user}")]
fn no_display(user: &User) -> u64 {
    user.id
}

#[cache(key = "user:{user.name}")]
fn no_field(user: &User) -> u64 {
    user.id
}

#[cache(key = "user:{user.id:q}")]
fn no_format(user: &User) -> u64 {
    user.id
}

fn main() {}
