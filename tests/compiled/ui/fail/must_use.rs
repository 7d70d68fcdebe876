//! No caller drops the outcome of an invalidation by accident.

#![allow(dead_code)]
#![deny(unused_must_use)]

use cachekit::cache;

#[cache]
fn item(id: u64) -> u64 {
    id
}

struct Shop;

impl Shop {
    #[cache(self = shared)]
    pub async fn price(&self, id: u64) -> u64 {
        id
    }
}

async fn later() {
    Shop.price_cache(&5).invalidate().await;
}

fn main() {
    item::invalidate(&5);
    item::clear();
    drop(later());
}
