//! Panics of the user's code, wherever it is called: the cache is in order after each of them.

use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use cachekit::testing::isolate;
use cachekit::{Cache, cache};
use cachekit_tests::{Polled, block_on, in_child};

/// Where the next call into the user's code panics: 0 nowhere.
static AT: AtomicU32 = AtomicU32::new(0);

const CLONE: u32 = 1;
const EQ: u32 = 2;
const HASH: u32 = 3;
const DROP: u32 = 4;
const WEIGH: u32 = 5;
const FILL: u32 = 6;

fn point(at: u32) {
    let here = AT.compare_exchange(at, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    assert!(!here, "on purpose, at {at}");
}

#[derive(Debug)]
struct Key(u32);

impl Clone for Key {
    fn clone(&self) -> Self {
        point(CLONE);
        Self(self.0)
    }
}
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        point(EQ);
        self.0 == other.0
    }
}
impl Eq for Key {}
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        point(HASH);
        self.0.hash(state);
    }
}

#[derive(Debug, PartialEq)]
struct Value(u32);

impl Clone for Value {
    fn clone(&self) -> Self {
        point(CLONE);
        Self(self.0)
    }
}
impl Drop for Value {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            point(DROP);
        }
    }
}

/// What is done to the cache, by a name.
type Call = (&'static str, fn(&Cache<Key, Value>, u32));

fn cache() -> Cache<Key, Value> {
    Cache::builder()
        .capacity(4)
        .weigher(|_, _| {
            point(WEIGH);
            1
        })
        .build()
}

#[test]
fn an_object_is_in_order_after_each_panic() {
    in_child("calls::unwinding::an_object_is_in_order_after_each_panic", || {
        // A panic that was thrown is known to the hook; it need not be printed a thousand times.
        std::panic::set_hook(Box::new(|_| ()));
        let cache = cache();
        let calls: [Call; 9] = [
            ("fill", |cache, n| {
                let filled = cache.get_or_insert_with(&Key(n), || {
                    point(FILL);
                    Value(n)
                });
                assert_eq!(filled.0, n);
            }),
            ("fill async", |cache, n| {
                let filled = block_on(cache.get_or_insert_async(&Key(n), async {
                    point(FILL);
                    Value(n)
                }));
                assert_eq!(filled.0, n);
            }),
            ("try", |cache, n| {
                let tried = cache.get_or_try_insert_with(&Key(n), || {
                    point(FILL);
                    Ok::<_, ()>(Value(n))
                });
                assert_eq!(tried.unwrap().0, n);
            }),
            ("refresh", |cache, n| {
                let fill = || cache.get_or_insert_with(&Key(n), || Value(n));
                assert_eq!(cachekit::refresh(fill).0, n);
            }),
            ("get", |cache, n| assert!(cache.get(&Key(n)).is_none_or(|value| value.0 == n))),
            ("insert", |cache, n| cache.insert(Key(n), Value(n))),
            ("invalidate", |cache, n| {
                cache.invalidate(&Key(n));
            }),
            ("contains", |cache, n| {
                cache.contains(&Key(n));
            }),
            ("clear", |cache, _| cache.clear()),
        ];
        let mut panics = 0;
        for round in 0..200 {
            let n = round % 6;
            for at in [CLONE, EQ, HASH, DROP, WEIGH, FILL] {
                for (name, call) in &calls {
                    AT.store(at, Ordering::SeqCst);
                    panics += u32::from(catch_unwind(|| call(&cache, n)).is_err());
                    AT.store(0, Ordering::SeqCst);
                    // All of it goes on.
                    for (after, call) in &calls[..8] {
                        let ended = catch_unwind(|| call(&cache, n));
                        assert!(ended.is_ok(), "{after} after a panic at {at} in {name}");
                    }
                    assert!(cache.len() <= 4 && cache.weight() <= 4);
                }
            }
        }
        assert!(panics > 1000, "{panics}");
        assert_eq!(cache.get_or_insert_with(&Key(1), || Value(1)), Value(1));
    });
}

#[test]
fn waiters_are_released_by_each_panic() {
    in_child("calls::unwinding::waiters_are_released_by_each_panic", || {
        std::panic::set_hook(Box::new(|_| ()));
        for at in [FILL, CLONE, WEIGH] {
            let cache = cache();
            let mut calls: Vec<_> = (0..3)
                .map(|_| {
                    let mut polled = false;
                    let suspended = std::future::poll_fn(move |_| {
                        if std::mem::replace(&mut polled, true) {
                            point(FILL);
                            std::task::Poll::Ready(())
                        } else {
                            std::task::Poll::Pending
                        }
                    });
                    let cache = &cache;
                    Polled::new(async move {
                        let fill = async move {
                            suspended.await;
                            Value(1)
                        };
                        cache.get_or_insert_async(&Key(1), fill).await
                    })
                })
                .collect();
            assert!(calls.iter_mut().all(|call| call.poll().is_none()));
            AT.store(at, Ordering::SeqCst);
            let leader = catch_unwind(AssertUnwindSafe(|| calls[0].poll()));
            assert!(leader.is_err(), "{at}");
            assert_eq!(AT.load(Ordering::SeqCst), 0);
            calls.remove(0);
            let mut rounds = 0;
            while !calls.is_empty() {
                calls.retain_mut(|call| call.poll().is_none());
                rounds += 1;
                assert!(rounds < 10, "a waiter is left behind after {at}");
            }
            assert_eq!(cache.get(&Key(1)), Some(Value(1)));
        }
    });
}

#[test]
fn a_function_goes_on_after_its_panic() {
    #[cache::local]
    fn fragile(n: u32) -> u32 {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        assert!(RUNS.fetch_add(1, Ordering::SeqCst) > 0, "on purpose");
        n
    }
    let _test = isolate();
    assert!(catch_unwind(|| fragile(1)).is_err());
    assert_eq!((fragile(1), fragile::peek(&1)), (1, Some(1)));
}

struct Shop {
    cache: Cache<u32, String>,
}

impl Shop {
    #[cache::local(in = self.cache)]
    fn name(&self, id: u32) -> String {
        assert!(id != 13, "on purpose");
        id.to_string()
    }
    #[cache::local(self = shared)]
    pub(crate) fn price(&self, id: u32) -> u32 {
        id
    }
}

#[test]
fn what_holds_a_cache_can_be_borrowed_across_a_panic() {
    fn all_four<T: Send + Sync + UnwindSafe + RefUnwindSafe>(_: &T) {}
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    let _test = isolate();
    let shop = Shop { cache: Cache::new(10) };
    all_four(&shop);
    all_four(&shop.price_cache(&1));
    assert_eq!(shop.price(2), 2);
    all_four(&cachekit::functions());
    all_four(&shop.cache.stats());
    all_four(&cachekit::testing::Scope::new());
    assert!(catch_unwind(|| shop.name(13)).is_err());
    assert_eq!(catch_unwind(|| shop.name(1)).unwrap(), "1");
    assert_eq!(catch_unwind(|| shop.price_cache(&1).peek()).unwrap(), None);
    #[cache::local(ttl = 60, stale = 30)]
    async fn later(n: u32) -> u32 {
        n
    }
    assert_eq!(block_on(is_send(later(1))), 1);
    let fill = shop.cache.get_or_insert_async(&5, async { String::new() });
    assert_eq!(block_on(is_send(fill)), "");
}
