//! The look-up is inside of a future, which then borrows the arguments.

use std::future::Future;
use std::pin::Pin;

use cachekit::cache;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

struct Shop {
    pool: Vec<u64>,
}

impl Shop {
    #[cache(self = shared)]
    fn copied(&self, id: usize) -> BoxFuture<'static, u64> {
        let price = self.pool[id];
        Box::pin(async move { price })
    }
}

#[cache]
fn boxed(name: &str) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    let length = name.len();
    Box::pin(async move { length })
}

#[cache]
fn unnamed(name: &str, other: &str) -> impl Future<Output = usize> + use<> {
    let length = name.len() + other.len();
    async move { length }
}

fn main() {}
