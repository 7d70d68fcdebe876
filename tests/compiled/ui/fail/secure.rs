//! `#[cache::secure]`: what it needs, and what it cannot seal.

use cachekit::{Cache, cache};

#[cache::secure(ttl = 60)]
fn no_namespace(n: u64) -> u64 {
    n
}

#[cache::secure(ttl = 60, namespace = "my app")]
fn bad_namespace(n: u64) -> u64 {
    n
}

#[cache::secure(ttl = 60, namespace = "my.app")]
fn no_dots(n: u64) -> u64 {
    n
}

#[cache::secure(ttl = 60, namespace = "app", l1 = plain)]
fn unknown_l1(n: u64) -> u64 {
    n
}

#[cache::secure(ttl = 60, namespace = "app", l1 = "off")]
fn quoted_l1(n: u64) -> u64 {
    n
}

#[cache::secure(ttl = 60, namespace = "app", on_tamper = panic)]
fn unknown_on_tamper(n: u64) -> u64 {
    n
}

#[cache::secure(ttl = 60, namespace = "app", tenant = "")]
fn empty_tenant(n: u64) -> u64 {
    n
}

#[cache::secure(ttl = 60, namespace = "app", tenant = |n| n)]
fn closure_tenant(n: u64) -> u64 {
    n
}

#[cache::secure(ttl = 60, namespace = "app", tenant = tenant)]
fn tenant_of_a_pattern((tenant, n): (String, u64)) -> u64 {
    n
}

#[cache(ttl = 60, tenant = "acme")]
fn tenant_in_plain(n: u64) -> u64 {
    n
}

#[cache::io(ttl = 60, l1 = off, on_tamper = error)]
fn options_in_plain(n: u64) -> u64 {
    n
}

#[cache::secure(ttl = 60, namespace = "app")]
#[cache::local(ttl = 60)]
fn twice(n: u64) -> u64 {
    n
}

struct Repo {
    users: Cache<u64, String>,
}

impl Repo {
    #[cache::secure(in = self.users)]
    fn own_cache(&self, id: u64) -> String {
        id.to_string()
    }

    #[cache::secure(ttl = 60, namespace = "app", self = instance)]
    fn of_one_process(&self, id: u64) -> String {
        id.to_string()
    }
}

fn main() {}
