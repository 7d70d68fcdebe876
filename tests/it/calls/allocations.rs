//! A hit allocates nothing.

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use cachekit::testing::isolate;
use cachekit::{Cache, cache};

/// Heap allocations of a hundred rounds of `call`, once it has been called often enough to be warm.
fn allocations<R>(call: impl Fn() -> R) -> u64 {
    for _ in 0..20 {
        black_box(call());
    }
    let counted = measure(|| {
        for _ in 0..100 {
            black_box(call());
        }
    });
    counted.count_total
}

#[cache(ttl = 3600)]
fn square(n: u64) -> u64 {
    n * n
}

#[cache::local]
fn page(name: &str, n: u64) -> Arc<str> {
    format!("{name}{n}").into()
}

#[cache(ttl = 3600)]
async fn later(n: u64) -> u64 {
    n * n
}

struct Shop {
    id: cachekit::InstanceId,
}

impl cachekit::Instance for Shop {
    fn instance(&self) -> &cachekit::InstanceId {
        &self.id
    }
}

impl Shop {
    #[cache(self = instance, ttl = |price| *price)]
    fn price(&self, items: &[u64], note: Option<&str>) -> u64 {
        items.len() as u64 + note.map_or(0, str::len) as u64 + 10
    }
}

#[test]
fn counting_works() {
    assert_eq!(allocations(|| Box::new(7)), 100);
}

#[test]
fn plain_numbers() {
    assert_eq!(allocations(|| square(7)), 0);
    let _test = isolate();
    assert_eq!(allocations(|| square(7)), 0, "in a test's scope");
}

#[test]
fn borrowed_arguments_and_shared_values() {
    assert_eq!(allocations(|| page("some page that is longer than any inline string", 7)), 0);
}

#[test]
fn async_hits() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut count = 0;
    for round in 0..100 {
        let counted = measure(|| {
            let call = pin!(later(7));
            assert_eq!(call.poll(&mut cx), Poll::Ready(49));
        });
        if round >= 20 {
            count += counted.count_total;
        }
    }
    assert_eq!(count, 0);
}

#[test]
fn methods_slices_and_options() {
    let shop = Shop { id: cachekit::InstanceId::new() };
    assert_eq!(allocations(|| shop.price(&[1, 2, 3], Some("note"))), 0);
    assert_eq!(allocations(|| shop.price(&[], None)), 0);
}

#[test]
fn results_and_options() {
    #[cache]
    fn fallible(n: u64) -> Result<u64, String> {
        Ok(n)
    }
    #[cache]
    fn absent(n: u64) -> Option<Arc<u64>> {
        (n > 7).then(|| Arc::new(n))
    }
    assert_eq!(allocations(|| fallible(7)), 0);
    assert_eq!(allocations(|| (absent(7), absent(8))), 0);
}

#[test]
fn cache_objects() {
    let cache = Cache::<String, u64>::new(10);
    cache.insert("a".to_owned(), 1);
    assert_eq!(allocations(|| cache.get("a")), 0);
    assert_eq!(allocations(|| cache.get("absent")), 0, "a miss that computes nothing");
    assert_eq!(allocations(|| cache.get_or_insert_with("a", || 2)), 0);
    assert_eq!(allocations(|| cache.contains("a")), 0);
}

#[test]
fn more_keys_than_a_thread_remembers() {
    #[cache::local(capacity = 20_000)]
    fn many(n: u64) -> u64 {
        n
    }
    let all = || (0..9_000).map(many).sum::<u64>();
    all();
    let misses = many::stats().misses;
    assert_eq!(allocations(all), 0);
    assert_eq!(many::stats().misses, misses);
}
