//! Every mistake of a function and its attribute in one compilation.

use cachekit::cache;

struct Shop;

impl Shop {
    #[cache(tll = 60, ttl = 0, capacity = "many", capacity = 5, skip(nam), version = -1)]
    const fn price<'a>(&'a self, name: &'a str, out: &mut u64) -> &'a str {
        name
    }
}

fn main() {}
