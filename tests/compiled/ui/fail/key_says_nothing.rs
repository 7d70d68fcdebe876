//! Keys and tenants that mention no argument, and texts that are not filled in.

use cachekit::cache;

const ID: u64 = 1;

#[cache(key = "everyone")]
fn text(id: u64) -> u64 {
    id
}

#[cache(key = "#id")]
fn of_another_language(id: u64) -> u64 {
    id
}

#[cache(key = "user:{di}")]
fn misspelled(id: u64, name: &str) -> u64 {
    id
}

#[cache(key = "user:{}")]
fn positional(id: u64) -> u64 {
    id
}

#[cache(key = "user:{id")]
fn open(id: u64) -> u64 {
    id
}

#[cache(key = (ID, 2))]
fn constant(id: u64) -> u64 {
    id
}

#[cache(key = Some(1).map(|id| id + 1))]
fn of_the_closure(id: u64) -> u64 {
    id
}

#[cache(key = (String::from("user:{id}"), id))]
fn inside(id: u64) -> u64 {
    id
}

struct Shop {
    id: u64,
}

impl Shop {
    #[cache(self = key(ID))]
    fn method(&self, id: u64) -> u64 {
        id
    }
}

#[cache::secure(namespace = "app", tenant = "acme")]
fn tenant(id: u64) -> u64 {
    id
}

fn main() {}
