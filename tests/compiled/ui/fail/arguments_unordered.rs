//! Collections without an order.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use cachekit::cache;

#[cache]
fn by_value(settings: HashMap<String, u64>) -> u64 {
    1
}

#[cache::local]
fn by_reference(names: &HashSet<String>) -> u64 {
    1
}

#[cache::local]
fn optional(names: Option<&HashSet<String>>, all: Vec<HashMap<u8, u8>>, heap: &BinaryHeap<u8>) -> u64 {
    1
}

#[cache::local(key = *shared)]
fn by_key(shared: Arc<HashMap<u8, u8>>) -> u64 {
    1
}

fn main() {}
