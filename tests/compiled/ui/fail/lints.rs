//! Lints about the user's code are reported once, and there.

#![deny(dead_code, unused_variables)]

use cachekit::cache;

#[cache]
fn never_called(n: u32) -> u32 {
    n
}

#[cache(ttl = 60)]
async fn never_awaited(n: u32) -> u32 {
    n
}

#[cache(key = n)]
fn called(n: u32, not_read: &str) -> u32 {
    n
}

fn main() {
    called(1, "");
}
