//! The same calls with `quick_cache`, which has neither a TTL nor single-flight for these.

use std::sync::LazyLock;

use instructions::{CAPACITY, square};
use quick_cache::sync::Cache;

static CACHE: LazyLock<Cache<u64, u64>> = LazyLock::new(|| Cache::new(CAPACITY));

fn sq(x: u64) -> u64 {
    CACHE.get(&x).unwrap_or_else(|| {
        let value = square(x);
        CACHE.insert(x, value);
        value
    })
}

fn main() {
    instructions::run(sq);
}
