//! `stale = …`: functions that cannot run again without their caller.

use std::borrow::Cow;

use cachekit::cache;

#[cache::local(ttl = 60, stale = 30)]
fn borrows(name: Option<&str>) -> u64 {
    name.map_or(0, str::len) as u64
}

#[cache::local(ttl = 60, stale = 30)]
fn borrows_by_lifetime<'a>(name: Cow<'a, str>) -> u64 {
    name.len() as u64
}

#[cache::local(ttl = 60, stale = 30, skip(log))]
fn changes(n: u64, log: &mut Vec<u64>) -> u64 {
    log.push(n);
    n
}

#[cache::local(ttl = 60, stale = 30)]
unsafe fn not_safe(n: u64) -> u64 {
    n
}

#[cache::local(stale = 30)]
fn when(n: u64) -> u64 {
    n
}

#[cache::local(ttl = 60, stale = 0)]
fn none(n: u64) -> u64 {
    n
}

struct Counter(u64);

impl Counter {
    #[cache::local(ttl = 60, stale = 30, self = shared)]
    fn count(&mut self, n: u64) -> u64 {
        self.0 + n
    }
}

trait Nowhere {
    async fn nowhere(&self, n: u64) -> u64;
}

impl Nowhere for Counter {
    #[cache::local(ttl = 60, stale = 30, self = shared)]
    async fn nowhere(&self, n: u64) -> u64 {
        self.0 + n
    }
}

fn main() {}
