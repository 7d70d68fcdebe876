//! What only evaluation shows; the compiler evaluates when it has found no other mistake.

use cachekit::cache;

const BELOW: i32 = -5;

#[cache(capacity = BELOW)]
fn negative(id: u64) -> u64 {
    id
}

fn main() {}
