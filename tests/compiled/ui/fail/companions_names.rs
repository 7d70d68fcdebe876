//! Names that are taken: by a type, a module or a crate.

#![allow(non_camel_case_types)]

use cachekit::cache;

struct user {}
struct items {}

#[cache]
fn user(id: u64) -> u64 {
    id
}

#[cache(name = items)]
fn item(id: u64) -> u64 {
    id
}

mod settings {
    pub struct Settings;
}

#[cache::local]
fn settings(id: u64) -> u64 {
    id
}

#[cache::local]
fn serde(id: u64) -> Option<serde::de::IgnoredAny> {
    None
}

#[cache::local]
fn bytes(id: u64) -> usize {
    let bytes: bytes::Bytes = Default::default();
    bytes.len()
}

macro_rules! written {
    ($name:ident) => {
        #[cache]
        fn $name(id: u64) -> u64 {
            id
        }
    };
}

// Where only the compiler sees it, it says so.
written!(items);

fn main() {}
