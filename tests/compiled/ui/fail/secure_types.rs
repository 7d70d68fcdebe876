//! `#[cache::secure]`: types that cannot be sealed, and options that ask for others.

use cachekit::cache;

#[derive(Clone)]
struct Opaque(u64);

#[cache::secure(ttl = 60, namespace = "app")]
fn not_serializable(n: u64) -> Opaque {
    Opaque(n)
}

#[cache::secure(ttl = 60, namespace = "app", tenant = n)]
fn number_as_tenant(n: u64) -> u64 {
    n
}

#[cache::secure(ttl = 60, namespace = "app", backend = n)]
fn number_as_backend(n: u64) -> u64 {
    n
}

#[cache::secure(ttl = 60, namespace = "app", on_tamper = error)]
fn no_error(n: u64) -> u64 {
    n
}

#[cache::secure(ttl = 60, namespace = "app", on_tamper = error)]
fn another_error(n: u64) -> Result<u64, String> {
    Ok(n)
}

fn main() {}
