//! Keys, and arguments that are left out of them.

use cachekit::cache;

struct Db;

#[cache(skip(bd))]
fn misspelled(db: &Db, id: u64) -> u64 {
    id
}

#[cache(skip(connection))]
fn like_none(db: &Db, id: u64) -> u64 {
    id
}

#[cache(skip(db))]
fn without_arguments() -> u64 {
    1
}

#[cache(skip(db), key = id)]
fn skip_and_key(db: &Db, id: u64) -> u64 {
    id
}

#[cache(skip("db"))]
fn quoted(db: &Db, id: u64) -> u64 {
    id
}

#[cache(skip = db)]
fn assigned(db: &Db, id: u64) -> u64 {
    id
}

#[cache(skip(self))]
fn skipped_self(id: u64) -> u64 {
    id
}

#[cache(skip(a))]
fn half_of_a_pattern((a, b): (u64, u64)) -> u64 {
    a + b
}

#[cache(key = |id| id)]
fn closure(id: u64) -> u64 {
    id
}

#[cache(key = (id name))]
fn comma_missing(id: u64, name: &str) -> u64 {
    id
}

#[cache]
fn thirteen(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8) -> u8 {
    a
}

fn main() {}
