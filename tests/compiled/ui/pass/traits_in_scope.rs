//! A trait of the user's gives every type methods with our names.

#![allow(dead_code)]

use cachekit::cache;

trait Everything: Sized {
    fn via(self) {}
    fn shape(self) {}
    fn shape_with_err(self) {}
    fn shared(self) {}
    fn run(self) {}
    fn run_with(self) {}
    fn run_async(self) {}
    fn rules(self) {}
    fn ttl(self) {}
    fn ttl_from(self) {}
    fn ttl_none(self) {}
    fn keep_if(self) {}
    fn weight(self) {}
    fn new(self) {}
    fn invalidate(self) {}
    fn peek(self) {}
    fn contains(self) {}
    fn set(self) {}
    fn key(self) {}
    fn stats(self) {}
    fn clear(self) {}
    fn lookup(self) {}
    fn cache(self) {}
}

impl<T> Everything for T {}

trait ByReference {
    fn via(&self) {}
    fn shape(&self) {}
    fn rules(&self) {}
    fn run(&self) {}
    fn peek(&self) {}
}

impl<T: ?Sized> ByReference for T {}

#[cache(ttl = |value| u64::from(*value), if = |value| *value > 0, weight = |_, _| 1)]
fn sync(n: u32, text: &str) -> u32 {
    n + text.len() as u32
}

#[cache(key = n, ttl(ok = 60, none = 5))]
async fn asynchronous(n: u32) -> Option<u32> {
    Some(n)
}

#[cache::local(ttl(ok = 60, err = |_| 5))]
fn fallible(n: u32) -> Result<u32, String> {
    Ok(n)
}

struct Shop {
    own: cachekit::Cache<u32, u32>,
}

impl Shop {
    #[cache(self = shared)]
    pub fn method(&self, n: u32) -> u32 {
        n
    }

    #[cache(in = self.own)]
    fn kept(&self, n: u32) -> u32 {
        n
    }
}

fn main() {
    assert_eq!((sync(1, "a"), sync(1, "a")), (2, 2));
    assert_eq!((sync::stats().hits, sync::peek(&1, "a")), (1, Some(2)));
    assert_eq!(fallible(1), Ok(1));
    let shop = Shop { own: cachekit::Cache::new(10) };
    assert_eq!((shop.method(1), shop.kept(1)), (1, 1));
    let _pending = (asynchronous(1), asynchronous::peek(&1));
}
