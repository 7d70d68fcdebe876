//! Values that cannot be kept.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use cachekit::cache;

struct User;

type Loaded<T> = Result<T, String>;

#[cache::local]
fn value(id: u64) -> User {
    User
}

#[cache::local]
fn optional(id: u64) -> Option<User> {
    None
}

#[cache::local]
fn fallible(id: u64) -> Result<User, String> {
    Ok(User)
}

#[cache::local]
fn behind_an_alias(id: u64) -> Loaded<User> {
    Ok(User)
}

#[cache::local]
async fn later(id: u64) -> Vec<User> {
    Vec::new()
}

#[cache::local]
fn pair(id: u64) -> (u64, User) {
    (id, User)
}

#[cache::local]
fn not_for_threads(id: u64) -> Rc<u64> {
    Rc::new(id)
}

#[cache::local]
fn not_shared_by_threads(id: u64) -> Arc<RefCell<u64>> {
    Arc::new(RefCell::new(id))
}

#[cache::local(ttl = |user| 5, if = |user| true)]
fn under_rules(id: u64) -> Option<User> {
    None
}

struct Shop;

impl Shop {
    #[cache::local(self = shared)]
    pub fn method(&self, id: u64) -> User {
        User
    }
}

fn main() {
    let _ = (value(1), Shop.method(1));
}
