//! Arguments that a hit could not do right by.

use cachekit::cache;

#[cache]
fn filled(id: u64, out: &mut Vec<u64>) -> u64 {
    out.push(id);
    id
}

#[cache]
async fn two(a: &mut u64, b: &mut String) -> u64 {
    b.clear();
    *a
}

fn main() {}
