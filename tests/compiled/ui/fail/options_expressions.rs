//! Expressions of the wrong type: what the compiler finds, it finds at the user's tokens.

use cachekit::cache;

const TEXT: &str = "many";

#[cache(capacity = TEXT)]
fn capacity_text(id: u64) -> u64 {
    id
}

#[cache(capacity = size)]
fn capacity_of_an_argument(size: u64) -> u64 {
    size
}

#[cache(if = |value| *value)]
fn if_number(id: u64) -> u64 {
    id
}

#[cache(if = |value: u64| value > 0)]
fn if_by_value(id: u64) -> u64 {
    id
}

fn long(_text: &String) -> bool {
    true
}

#[cache(if = long)]
fn if_function(id: u64) -> u64 {
    id
}

#[cache(weight = |_, value| value.len())]
fn weight_usize(id: u64) -> String {
    id.to_string()
}

#[cache(weight = |key, _| key.frobnicate())]
fn weight_method(id: u64) -> String {
    id.to_string()
}

fn main() {}
