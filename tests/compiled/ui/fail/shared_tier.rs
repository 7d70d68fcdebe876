//! What `#[cache]` may send away has to be serializable, key and value.

use cachekit::cache;
use serde::{Deserialize, Serialize};

#[derive(Clone)]
struct User;

#[derive(Clone, Serialize)]
struct OneWay;

#[derive(Serialize, Deserialize)]
struct NoClone;

struct Nothing;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Id(u64);

#[cache]
fn value(id: u64) -> User {
    User
}

#[cache]
fn only_there(id: u64) -> OneWay {
    OneWay
}

#[cache]
fn cannot_be_copied(id: u64) -> NoClone {
    NoClone
}

#[cache]
fn two_mistakes(id: u64) -> Nothing {
    Nothing
}

#[cache]
async fn inside(id: u64) -> Result<Vec<User>, String> {
    Ok(Vec::new())
}

#[cache]
fn argument(id: Id) -> u64 {
    id.0
}

#[cache]
fn reference(id: &Id, name: &str) -> u64 {
    id.0
}

#[cache]
async fn arguments(ids: Vec<Id>, more: &[Id]) -> u64 {
    1
}

#[cache(key = id.clone())]
fn expression(id: &Id) -> u64 {
    id.0
}

#[cache]
fn argument_and_value(id: Id) -> User {
    User
}

struct Shop;

impl Shop {
    #[cache(self = shared)]
    pub fn method(&self, id: Id) -> Option<User> {
        None
    }
}

fn main() {}
