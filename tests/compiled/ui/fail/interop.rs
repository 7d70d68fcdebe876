//! `interop = …`: names that every language accepts, and places that other languages reach.

use cachekit::{Cache, cache};

#[cache(interop = "get_user", ttl = 60)]
fn no_namespace(n: u64) -> u64 {
    n
}

#[cache(interop = "Get_User", namespace = "users", ttl = 60)]
fn upper_case(n: u64) -> u64 {
    n
}

#[cache(interop = "users:get", namespace = "users", ttl = 60)]
fn two_segments(n: u64) -> u64 {
    n
}

#[cache(interop = "_get", namespace = "users", ttl = 60)]
fn first_character(n: u64) -> u64 {
    n
}

#[cache(interop = "get..user", namespace = "users", ttl = 60)]
fn two_dots(n: u64) -> u64 {
    n
}

#[cache(interop = "", namespace = "users", ttl = 60)]
fn empty(n: u64) -> u64 {
    n
}

#[cache(interop = get_user, namespace = "users", ttl = 60)]
fn no_string(n: u64) -> u64 {
    n
}

#[cache(interop, namespace = "users", ttl = 60)]
fn no_value(n: u64) -> u64 {
    n
}

#[cache(interop = "get_user", namespace = "nsapi", ttl = 60)]
fn reserved_namespace(n: u64) -> u64 {
    n
}

#[cache(interop = "get_user", namespace = "Users", ttl = 60)]
fn upper_case_namespace(n: u64) -> u64 {
    n
}

#[cache(interop = "get_user", namespace = "users", version = 2, ttl = 60)]
fn with_a_version(n: u64) -> u64 {
    n
}

#[cache::local(interop = "get_user", namespace = "users", ttl = 60)]
fn in_this_process(n: u64) -> u64 {
    n
}

#[cache(interop = "sum", namespace = "users", ttl = 60)]
fn thirteen(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8) -> u8 {
    a + b + c + d + e + f + g + h + i + j + k + l + m
}

#[cache(interop = "get_user", interop = "find_user", namespace = "users", ttl = 60)]
fn twice(n: u64) -> u64 {
    n
}

struct Repo {
    users: Cache<u64, String>,
}

impl Repo {
    #[cache(interop = "get_user", namespace = "users", in = self.users)]
    fn own_cache(&self, id: u64) -> String {
        id.to_string()
    }

    #[cache(interop = "get_user", namespace = "users", ttl = 60, self = instance)]
    fn of_one_process(&self, id: u64) -> String {
        id.to_string()
    }
}

#[cache(interop = "find", namespace = "users", ttl(ok = 60, err = 5))]
fn with_errors(n: u64) -> Result<u64, String> {
    Ok(n)
}

#[cache(interop = shared(get_user), namespace = "users", ttl = 60)]
fn shared_by_no_string(n: u64) -> u64 {
    n
}

#[cache::secure(interop = "plan", namespace = "users", ttl = 60, tenant = tenant, skip(tenant))]
fn tenant_left_out(tenant: &str, id: u64) -> String {
    format!("{tenant} {id}")
}

fn main() {}
