//! The same calls with `cached`, bounded and with a TTL.

use cached::macros::cached;

#[cached(max_size = 10000, ttl_secs = 60)]
fn sq(x: u64) -> u64 {
    instructions::square(x)
}

fn main() {
    instructions::run(sq);
}
