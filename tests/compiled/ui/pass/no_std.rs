//! Generated code names nothing that a crate without `std` lacks.
#![no_std]

extern crate alloc;
// For the start of the program only.
extern crate std as standard;

use alloc::boxed::Box;
use alloc::string::String;
use cachekit::cache;
use core::future::Future;
use core::pin::Pin;

#[cache::local]
fn boxed(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move { n })
}

#[cache(ttl = 60, stale = 30)]
fn boxed_stale(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move { n })
}

#[cache(ttl(ok = "1m", none = 5), stale = 30, key = "{n:04}/{text}", weight = |_, _| 2, capacity = 5 * 2)]
async fn later(n: u32, text: &str) -> Option<u32> {
    Some(n + text.len() as u32)
}

#[cache(ttl = 60, fill_lock = off, if = |value| *value > 1)]
fn opaque(n: u32) -> impl Future<Output = u32> + Send {
    async move { n }
}

#[cache::secure(ttl = |n| *n, namespace = "app", tenant = "{tenant}", on_tamper = recompute)]
fn sealed(tenant: &str, n: u64) -> u64 {
    n + tenant.len() as u64
}

struct Shop {
    name: String,
}

impl Shop {
    #[cache(ttl = 60, self = key("{self.name}"), skip(ex, X))]
    pub fn price<X: Fn(u32) -> u32, T>(&self, item: u32, ex: X) -> u32 {
        ex(item)
    }

    #[cache::local(ttl = 60, self = key(&self.name), stale = 30)]
    pub async fn stock(&self, item: u32) -> u32
    where
        Self: Clone,
    {
        item
    }
}

impl Clone for Shop {
    fn clone(&self) -> Self {
        Shop { name: self.name.clone() }
    }
}

fn main() {
    drop((boxed(1), boxed_stale(1), later(1, "a"), opaque(1)));
    let _ = sealed("a", 1);
    let shop = Shop { name: String::new() };
    assert_eq!(shop.price::<_, u8>(1, |n| n), 1);
    assert!(shop.price_cache::<u8>(&1).contains());
    drop(shop.stock(1));
}
