//! A refresh is of the call that it names, whatever cached functions are called on the way to it.

use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cachekit::cache;
use cachekit::testing::{isolate, settle};
use cachekit_tests::block_on;

static VERSION: AtomicU32 = AtomicU32::new(0);

/// A number that no other run returns.
fn version() -> u32 {
    VERSION.fetch_add(1, Ordering::SeqCst)
}

/// What expressions in attributes and the `Hash` of keys call.
#[cache::local]
fn canonical(id: u32) -> u32 {
    id % 100
}

#[cache::local(key = canonical(*id))]
fn by_expression(id: u32) -> u32 {
    let _ = id;
    version()
}

#[cache::local(key = canonical(*id))]
async fn later_by_expression(id: u32) -> u32 {
    let _ = id;
    version()
}

/// An identifier that calls a cached function when it is hashed, and when it is compared.
#[derive(Clone, Copy, Debug)]
struct Canonical(u32);

impl PartialEq for Canonical {
    fn eq(&self, other: &Self) -> bool {
        canonical(self.0) == canonical(other.0)
    }
}

impl Eq for Canonical {}

impl Hash for Canonical {
    fn hash<H: Hasher>(&self, state: &mut H) {
        canonical(self.0).hash(state);
    }
}

#[cache::local]
fn by_hash(id: Canonical) -> u32 {
    let _ = id;
    version()
}

#[cache::local]
async fn later_by_hash(id: Canonical) -> u32 {
    let _ = id;
    version()
}

#[cache::local(key = canonical(*id))]
fn generic<T: Clone + Default + Send + Sync + 'static>(id: u32) -> (u32, T) {
    let _ = id;
    (version(), T::default())
}

/// Refreshes an entry, and checks that its function ran and nothing else did.
#[track_caller]
fn is_refreshed(call: impl Fn() -> u32, refresh: impl Fn() -> u32) {
    let _test = isolate();
    let first = call();
    assert_eq!(call(), first);
    let canonical_runs = canonical::stats().loads;
    let second = refresh();
    assert_ne!(second, first, "the function did not run");
    assert_eq!(call(), second);
    assert_eq!(refresh(), call());
    // Other identifiers are other calls of it.
    assert!(canonical::stats().loads <= canonical_runs + 1, "what the key is made with ran again");
}

#[test]
fn a_companion_refreshes_its_own_function() {
    is_refreshed(|| by_expression(1), || by_expression::refresh(101));
    is_refreshed(|| block_on(later_by_expression(1)), || block_on(later_by_expression::refresh(1)));
    is_refreshed(|| by_hash(Canonical(1)), || by_hash::refresh(Canonical(201)));
    is_refreshed(
        || block_on(later_by_hash(Canonical(1))),
        || block_on(later_by_hash::refresh(Canonical(1))),
    );
    is_refreshed(|| generic::<u8>(1).0, || generic::refresh::<u8>(1).0);
}

#[test]
fn the_first_function_that_is_called_is_refreshed_where_none_is_named() {
    let _test = isolate();
    let first = by_expression(1);
    assert_eq!(cachekit::refresh(|| by_expression(1)), first);
    assert_eq!(canonical::stats().loads, 2);
}

#[cache::local(ttl = 60, stale = 30, key = canonical(*id))]
fn stale(id: u32) -> u32 {
    let _ = id;
    version()
}

#[cache::local(ttl = 60, stale = 30, key = canonical(*id))]
async fn later_stale(id: u32) -> u32 {
    let _ = id;
    version()
}

#[cache::local(ttl = 60, stale = 30)]
fn stale_by_hash(id: Canonical) -> u32 {
    let _ = id;
    version()
}

#[cache::local(ttl = 60, stale = 30)]
async fn later_stale_by_hash(id: Canonical) -> u32 {
    let _ = id;
    version()
}

/// Serves a stale value, and checks that it was replaced.
#[track_caller]
fn is_replaced(call: impl Fn() -> u32, stats: impl Fn() -> cachekit::Stats) {
    let test = isolate();
    let first = call();
    test.clock().advance(Duration::from_secs(61));
    assert_eq!(call(), first);
    settle();
    let stats = stats();
    assert_eq!((stats.refreshes, stats.failed_refreshes), (1, 0));
    assert_ne!(call(), first);
}

#[test]
fn a_stale_entry_is_refreshed_by_its_own_function() {
    is_replaced(|| stale(1), stale::stats);
    is_replaced(|| stale_by_hash(Canonical(1)), stale_by_hash::stats);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // The refreshes run on it, too.
    let run = |call: fn() -> Pin<Box<dyn Future<Output = u32>>>| {
        runtime.block_on(async {
            let value = call().await;
            cachekit::testing::settled().await;
            value
        })
    };
    is_replaced(|| run(|| Box::pin(later_stale(1))), later_stale::stats);
    is_replaced(|| run(|| Box::pin(later_stale_by_hash(Canonical(1)))), later_stale_by_hash::stats);
}

/// Refreshes another entry before its own look-up.
#[cache::local(ttl = 60, stale = 30, key = (by_expression::refresh(*id), id).1)]
fn refreshing_another(id: u32) -> u32 {
    let _ = id;
    version()
}

#[test]
fn a_refresh_on_the_way_to_another_one_leaves_it_in_place() {
    is_replaced(|| refreshing_another(1), refreshing_another::stats);
    let _test = isolate();
    let (first, other) = (refreshing_another(1), by_expression(1));
    assert_ne!(refreshing_another::refresh(1), first);
    assert_ne!(by_expression(1), other);
}
