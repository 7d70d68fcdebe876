//! A function under a wrong attribute is still there: its callers have no part in the mistake.

use cachekit::cache;

#[cache(tll = 60)]
fn user(id: u64) -> u64 {
    id
}

#[cache(ttl = 0)]
async fn later(id: u64) -> String {
    id.to_string()
}

#[cache]
const fn constant(id: u64) -> u64 {
    id
}

struct Shop;

impl Shop {
    #[cache]
    fn price(&self, item: u64) -> u64 {
        item
    }
}

const NUMBER: u64 = constant(1);

async fn caller() -> (u64, String, u64) {
    (user(1) + NUMBER, later(2).await, Shop.price(3))
}

fn main() {
    drop(caller());
}
