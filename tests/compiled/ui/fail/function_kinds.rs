//! What cannot be cached, because of what it is.

use cachekit::cache;

#[cache]
const fn constant(id: u64) -> u64 {
    id
}

trait Repo {
    #[cache(self = shared)]
    fn declared(&self, id: u64) -> u64;
}

#[cache]
struct Item;

#[cache(ttl = 60)]
enum Choice {}

#[cache]
impl Item {
    fn new() -> Item {
        Item
    }
}

#[cache]
trait Trait {}

#[cache]
mod module {}

#[cache]
const NUMBER: u64 = 1;

#[cache]
static TEXT: &str = "";

#[cache]
use std::fmt;

#[cache]
fn u64(id: u64) -> u64 {
    id
}

#[cache]
fn conditional(#[cfg(any())] id: u64, name: &str) -> usize {
    name.len()
}

fn main() {
    // The items are still there.
    let _ = (constant(1), Item::new(), NUMBER, TEXT, None::<Choice>, None::<fmt::Error>);
}
