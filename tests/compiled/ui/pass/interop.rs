//! Functions of every kind that share with other languages, under the strictest lints.

#![deny(warnings, clippy::pedantic)]

use std::collections::{BTreeMap, BTreeSet};

use cachekit::cache;

#[derive(Debug)]
pub struct Failure;

impl From<cachekit::Error> for Failure {
    fn from(_: cachekit::Error) -> Self {
        Self
    }
}

type Outcome<T> = Result<T, Failure>;

#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct User {
    id: u64,
    tags: Vec<String>,
}

#[cache(interop = "none", namespace = "users", ttl = 60)]
fn none() -> u8 {
    1
}

#[cache(interop = "get_user", namespace = "users", ttl = 60)]
fn aliased(id: u64) -> Outcome<User> {
    Ok(User { id, tags: Vec::new() })
}

#[cache(interop = "find", namespace = "users", ttl(ok = 60, none = 5), stale = 60)]
async fn find(name: &str, limits: &BTreeMap<String, i32>, ids: BTreeSet<u8>, at: Option<i64>) -> Option<User> {
    let id = u64::try_from(name.len() + limits.len() + ids.len()).ok()?;
    at.map(|_| User { id, tags: Vec::new() })
}

#[cache(interop = "twelve", namespace = "users", ttl = 60)]
#[allow(clippy::too_many_arguments, clippy::many_single_char_names)]
fn twelve(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> u8 {
    [a, b, c, d, e, f, g, h, i, j, k, l].into_iter().max().unwrap_or_default()
}

#[cache::io(interop = "from_service.v2", namespace = "users", ttl = 60, skip(verbose))]
fn from_service(id: u64, verbose: bool) -> u64 {
    id + u64::from(verbose)
}

#[cache::secure(interop = "sealed", namespace = "users", ttl = 60, tenant = tenant, on_tamper = error)]
async fn sealed(tenant: &str, id: u64) -> Outcome<String> {
    Ok(format!("{tenant} {id}"))
}

#[cache(interop = "generic", namespace = "users", ttl = 60, key = (std::any::type_name::<T>(), id.trim()))]
fn generic<T: Clone + Default + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static>(
    id: &str,
) -> (usize, T) {
    (id.len(), T::default())
}

struct Repo {
    id: u32,
}

impl Repo {
    #[cache(interop = "price", namespace = "shop", ttl = 60, self = key(self.id))]
    fn price(&self, item: u32) -> u32 {
        self.id * item
    }
}

fn main() {
    none();
    let _ = aliased(1);
    drop(find("a", &BTreeMap::new(), BTreeSet::new(), None));
    twelve(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    from_service(1, true);
    drop(sealed("a", 1));
    let _ = generic::<u8>("a").0;
    let _ = Repo { id: 1 }.price(2);
    get::invalidate(&1).ignore();
}

#[cache(interop = "get", namespace = "users", ttl = 60)]
fn get(id: u64) -> u64 {
    id
}
