//! Sealed functions of every kind, under the strictest lints and without the prelude's help.

#![deny(warnings, clippy::pedantic)]

use cachekit::cache;

#[derive(Debug)]
pub struct Failure;

impl From<cachekit::Error> for Failure {
    fn from(_: cachekit::Error) -> Self {
        Self
    }
}

type Outcome<T> = Result<T, Failure>;

#[cache::secure(ttl = 60, namespace = "app", on_tamper = error)]
fn aliased(n: u64) -> Outcome<u64> {
    Ok(n)
}

#[cache::secure(ttl(ok = 60, err = 5), namespace = "app", l1 = typed, tenant = tenant)]
async fn with_errors(tenant: &str, n: u64) -> Result<u64, String> {
    Ok(n + tenant.len() as u64)
}

#[cache::secure(ttl = 60, stale = 60, namespace = "app", l1 = off, tenant = tenant)]
async fn stale(tenant: String, n: u64) -> Option<u64> {
    Some(n + tenant.len() as u64)
}

#[cache::secure(ttl = 60, namespace = "app", skip(request), tenant = request)]
fn skipped(request: &str, n: u64) -> u64 {
    n + request.len() as u64
}

#[cache::secure(ttl = |n| *n, if = |n| *n > 1, namespace = "app", tenant = "acme {n}", fill_lock = off)]
fn ruled(n: u64) -> u64 {
    n
}

#[cache::secure(namespace = "app", skip(make))]
fn generic<T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static>(
    n: u64,
    make: fn(u64) -> T,
) -> T {
    make(n)
}

fn main() {
    let _ = aliased(1);
    drop(with_errors("a", 1));
    drop(stale("a".to_owned(), 1));
    skipped("a", 1);
    skipped::stats();
    ruled(1);
    ruled::invalidate(&1).ignore();
    let _: fn(u64, fn(u64) -> u64) -> u64 = generic::<u64>;
}
