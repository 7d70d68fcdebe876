//! Caches that do not suit the function.

use std::sync::LazyLock;

use cachekit::{Cache, cache};

static USERS: LazyLock<Cache<u64, String>> = LazyLock::new(|| Cache::new(10));

struct NoClone;

struct Repo {
    users: Cache<u64, String>,
    count: u64,
}

#[cache(in = USERS)]
fn other_key(id: u32) -> String {
    id.to_string()
}

#[cache(in = USERS)]
fn more_keys(id: u64, page: u64) -> String {
    (id + page).to_string()
}

#[cache(in = USERS, key = (id, 1_u8))]
fn other_key_by_option(id: u64) -> String {
    id.to_string()
}

#[cache(in = USERS)]
fn other_value(id: u64) -> u64 {
    id
}

#[cache(in = USERS)]
fn optional_value(id: u64) -> Option<String> {
    None
}

#[cache(in = USERS)]
fn no_value(id: u64) -> NoClone {
    NoClone
}

#[cache(in = USERS)]
fn no_key(id: NoClone) -> String {
    String::new()
}

#[cache(in = MEMBERS)]
fn no_such_cache(id: u64) -> String {
    id.to_string()
}

impl Repo {
    #[cache(in = self.count)]
    fn no_cache(&self, id: u64) -> String {
        id.to_string()
    }

    #[cache(in = self.members)]
    fn no_such_field(&self, id: u64) -> String {
        id.to_string()
    }
}

fn main() {}
