//! Names and visibilities that cannot be given.

use cachekit::cache;

#[cache(name = "users")]
fn quoted(id: u64) -> u64 {
    id
}

#[cache(name = 5)]
fn number(id: u64) -> u64 {
    id
}

#[cache(vis = public)]
fn no_visibility(id: u64) -> u64 {
    id
}

struct Shop;

trait Prices {
    fn price(&self) -> u64;
}

impl Prices for Shop {
    #[cache(self = shared, vis = pub)]
    fn price(&self) -> u64 {
        1
    }
}

impl Shop {
    #[cache(self = shared, name = found)]
    fn find(&self, by: impl Into<String>) -> u64 {
        1
    }
}

fn main() {}
