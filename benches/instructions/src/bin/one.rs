//! One annotated function, and nothing else that is cached.

use cachekit::cache;

#[cache::local(ttl = 60, capacity = 10000)]
fn sq(x: u64) -> u64 {
    instructions::square(x)
}

fn main() {
    instructions::run(sq);
}
