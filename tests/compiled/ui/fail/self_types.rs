//! Objects that nothing tells apart.

use cachekit::cache;

struct Shop;

impl Shop {
    #[cache(self = instance)]
    fn no_identity(&self, item: u64) -> u64 {
        item
    }

    #[cache(self = key(self))]
    pub fn no_key(&self, item: u64) -> u64 {
        item
    }

    #[cache(self = key(self.name))]
    fn no_such_field(&self, item: u64) -> u64 {
        item
    }
}

fn main() {}
