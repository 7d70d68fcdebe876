//! What `self` means for the key has to be said.

use cachekit::cache;

struct Shop {
    id: u64,
}

impl Shop {
    #[cache]
    fn not_said(&self, item: u64) -> u64 {
        item
    }

    #[cache(key = item)]
    fn not_said_by_the_key(&mut self, item: u64) -> u64 {
        item
    }

    #[cache]
    fn by_value(self: std::sync::Arc<Self>, item: u64) -> u64 {
        item
    }

    #[cache(self = global)]
    fn neither_of_three(&self, item: u64) -> u64 {
        item
    }

    #[cache(self = "shared")]
    fn quoted(&self, item: u64) -> u64 {
        item
    }

    #[cache(self = self.id)]
    fn without_key(&self, item: u64) -> u64 {
        item
    }

    #[cache(self = key())]
    fn empty_key(&self, item: u64) -> u64 {
        item
    }

    #[cache(self = key(self.id, self.id))]
    fn two_keys(&self, item: u64) -> u64 {
        item
    }

    #[cache(self)]
    fn nothing(&self, item: u64) -> u64 {
        item
    }

    #[cache(self = instance)]
    fn no_receiver(item: u64) -> u64 {
        item
    }
}

#[cache(self = key(self.id))]
fn free_function(item: u64) -> u64 {
    item
}

fn main() {}
