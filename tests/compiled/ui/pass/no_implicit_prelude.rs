//! Nothing is in scope that generated code could lean on.

#![no_implicit_prelude]

use ::cachekit::cache;

#[cache(ttl = 60, capacity = 10, if = |value| *value > 0)]
fn sync(n: u32) -> u32 {
    n + 1
}

#[cache(ttl = |value| *value, key = (n, text), capacity = 5 * 2)]
async fn asynchronous(n: u32, text: &str) -> u32 {
    n + 1
}

#[cache::local(ttl(none = "1m"), skip(m), weight = |_, _| 2)]
fn optional(n: u32, m: u32) -> ::core::option::Option<u32> {
    ::core::option::Option::Some(n + m)
}

#[cache::local(ttl(ok = 60, err = 1))]
fn fallible(n: u32) -> ::core::result::Result<u32, u32> {
    ::core::result::Result::Err(n)
}

#[cache]
fn future(n: u32) -> impl ::core::future::Future<Output = u32> {
    async move { n }
}

#[cache]
fn boxed(
    n: u32,
) -> ::core::pin::Pin<::std::boxed::Box<dyn ::core::future::Future<Output = u32>>> {
    ::std::boxed::Box::pin(async move { n })
}

struct Shop {
    id: u32,
    own: ::cachekit::Cache<u32, u32>,
}

impl Shop {
    #[cache(self = key(self.id))]
    pub fn method(&self, n: u32) -> u32 {
        n + 1
    }

    #[cache(in = self.own)]
    fn kept(&self, n: u32) -> u32 {
        n + 1
    }
}

fn main() {
    ::core::assert_eq!((sync(1), sync(1)), (2, 2));
    ::core::assert_eq!(sync::stats().hits, 1);
    ::core::assert_eq!(optional(1, 2), ::core::option::Option::Some(3));
    ::core::assert_eq!(fallible(1), ::core::result::Result::Err(1));
    let shop = Shop { id: 1, own: ::cachekit::Cache::new(10) };
    ::core::assert_eq!((shop.method(1), shop.kept(1)), (2, 2));
    ::core::assert!(shop.method_cache(&1).contains());
    let _pending = (asynchronous(1, ""), future(1), boxed(1));
}
