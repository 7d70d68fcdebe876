//! Generated code gives no lint anything to say in a crate that turns them all on.

#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    missing_copy_implementations,
    unreachable_pub,
    unused,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    let_underscore_drop,
    elided_lifetimes_in_paths,
    non_ascii_idents,
    future_incompatible,
    nonstandard_style,
    rust_2018_idioms,
    rust_2021_compatibility
)]
#![forbid(unsafe_code)]

use cachekit::{Cache, Instance, InstanceId, cache};

/// A public function of a public module.
pub mod public {
    use cachekit::cache;

    /// Documented.
    #[cache(ttl = 60, capacity = 10 * 5)]
    pub fn documented(n: u32, _ignored: &str) -> u32 {
        n
    }

    /// Documented.
    #[cache(vis = pub(crate), name = others)]
    #[must_use]
    pub async fn other((a, b): (u32, u32), mut c: u32) -> Option<u32> {
        c += a + b;
        Some(c)
    }
}

#[cache(ttl = |value| *value, if = |value| *value > 0, weight = |_, _| 1)]
fn private(n: u32) -> u32 {
    n
}

#[cache(ttl(ok = 60, err = 5), key = (n.len(), m))]
fn fallible<'a>(n: &'a str, m: Option<&'a str>) -> Result<u32, String> {
    let _ = m;
    n.parse().map_err(|_| n.to_owned())
}

#[cache::local]
fn unit(_: u32) -> () {}

/// A shop.
#[derive(Debug)]
pub struct Shop {
    id: InstanceId,
    own: Cache<u32, u32>,
}

impl Instance for Shop {
    fn instance(&self) -> &InstanceId {
        &self.id
    }
}

impl Shop {
    /// Documented.
    #[cache(self = instance)]
    pub fn price(&self, n: u32) -> u32 {
        n
    }

    /// Documented.
    #[cache(self = shared)]
    pub async fn later(&mut self, n: u32) -> u32 {
        n
    }

    #[cache(self = shared)]
    fn hidden(&self, n: u32) -> u32 {
        n
    }

    #[cache(ttl = 60, stale = 5, self = shared, skip(_))]
    async fn hidden_later(self: std::sync::Arc<Self>, n: u32, _: u8) -> u32 {
        n
    }

    #[cache(in = self.own)]
    fn kept(&self, n: u32) -> u32 {
        n
    }
}

fn main() {
    assert_eq!(public::documented(1, ""), 1);
    assert_eq!(private(1), 1);
    assert_eq!(fallible("1", None), Ok(1));
    unit(1);
    let mut shop = Shop { id: InstanceId::new(), own: Cache::new(1) };
    assert_eq!((shop.price(1), shop.kept(1)), (1, 1));
    drop(shop.later(1));
    assert_eq!(shop.hidden(1), 1);
    drop(std::sync::Arc::new(Shop { id: InstanceId::new(), own: Cache::new(1) }).hidden_later(1, 2));
    drop(public::other((1, 2), 3));
}
