//! Places where nothing can stand beside the function. The first error of each names it; what follows is
//! about the parts that are missing then.

use cachekit::cache;

struct Shop;

trait Prices {
    fn price(&self) -> u64;
}

impl Prices for Shop {
    #[cache(self = shared, name = price_cache)]
    fn price(&self) -> u64 {
        1
    }
}

fn main() {}
