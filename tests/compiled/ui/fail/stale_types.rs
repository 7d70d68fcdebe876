//! `stale = …`: arguments and futures that cannot go to another thread.

use std::rc::Rc;

use cachekit::cache;

struct NoClone;

#[derive(Clone)]
struct NoSend(Rc<u64>);

#[cache::local(ttl = 60, stale = 30, skip(handle))]
fn by_reference(n: u64, handle: &NoClone) -> u64 {
    n
}

#[cache::local(ttl = 60, stale = 30, skip(handle))]
fn by_value(n: u64, handle: NoSend) -> u64 {
    n
}

#[cache::local(ttl = 60, stale = 30, skip(handle))]
fn no_clone(n: u64, handle: NoClone) -> u64 {
    n
}

struct Shop;

impl Shop {
    #[cache::local(ttl = 60, stale = 30, self = shared)]
    fn price(&self, n: u64) -> u64 {
        n
    }
}

#[cache::local(ttl = 60, stale = 30)]
async fn not_send(n: u64) -> u64 {
    let kept = Rc::new(n);
    std::future::ready(()).await;
    *kept
}

fn main() {}
