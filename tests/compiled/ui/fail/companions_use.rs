//! Mistakes in calls of a companion read as those in any other call.

#![deny(unused_must_use)]

use cachekit::cache;

mod users {
    use cachekit::cache;

    #[cache]
    pub fn user(id: u64) -> u64 {
        id
    }

    #[cache(vis = pub(self))]
    pub fn member(id: u64) -> u64 {
        id
    }
}

#[cache]
fn item(id: u64, name: &str) -> u64 {
    id
}

struct Shop;

impl Shop {
    #[cache(self = shared)]
    pub fn price(&self, id: u64) -> u64 {
        id
    }
}

mod verdicts {
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Serialize, Deserialize)]
    pub struct Result<T>(pub T);
}

#[cache]
fn verdict(id: u64) -> verdicts::Result<u64> {
    verdicts::Result(id)
}

fn main() {
    item::invalidate(5, "x").ignore();
    item::invalidate(&5).ignore();
    item::frobnicate(&5, "x");
    item::invalidat(&5, "x");
    let made = item {};
    users::user::set(&5, "x");
    users::member::stats();
    Shop.price_cache(5).invalidate().ignore();
    verdict::with(&5, |verdict| *verdict);
}
