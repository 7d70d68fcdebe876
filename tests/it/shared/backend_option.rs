//! `backend = …`: functions and methods that name their backend, and entries that are never mixed up.

use std::sync::{Arc, LazyLock};

use cachekit::cache;
use cachekit::testing::{Scope, isolate};
use cachekit_io::testing::FaultyBackend;
use cachekit_io::{Backend, MemoryBackend, Operation};
use cachekit_tests::{Runs, block_on};

static RUNS: Runs = Runs::new();

static SHELF: LazyLock<Arc<MemoryBackend>> = LazyLock::new(|| Arc::new(MemoryBackend::new()));

fn faulty() -> Arc<FaultyBackend> {
    Arc::new(FaultyBackend::new(MemoryBackend::new()))
}

#[cache(ttl = 60, backend = SHELF)]
fn shelved(n: u64) -> String {
    RUNS.add();
    format!("on the shelf: {n}")
}

#[test]
fn a_static_backend_is_filled_and_asked() {
    let (a, b) = (Scope::new(), Scope::new());
    let value = a.run(|| shelved(1));
    assert_eq!(b.run(|| shelved(1)), value);
    assert_eq!(RUNS.take(), 1);
    assert_eq!(b.run(shelved::stats).shared_hits, 1);
    assert_eq!(b.run(|| shelved::peek(&1)), Some(value));
    assert!(b.run(|| shelved::invalidate(&1)).is_confirmed());
    assert_eq!(Scope::new().run(|| shelved::peek(&1)), None);
}

#[test]
fn the_attribute_wins_over_the_scope() {
    let scoped = faulty();
    let scope = Scope::new().with_backend(scoped.clone());
    scope.run(|| shelved(2));
    assert!(scoped.calls().is_empty());
    assert!(!scope.run(shelved::clear).is_confirmed(), "there is a backend all the same");
}

#[test]
fn a_closure_looks_at_the_value_of_one_backend() {
    static BOTH: LazyLock<[Arc<FaultyBackend>; 2]> = LazyLock::new(|| [faulty(), faulty()]);
    #[cache(ttl = 60, backend = BOTH[at.to_owned()], key = n)]
    fn of(at: usize, n: u64) -> String {
        format!("{n} at {at}")
    }
    let scope = isolate();
    of(0, 1);
    for _ in 0..30 {
        assert_eq!(of::with(&0, &1, |kept| kept == "1 at 0"), Some(true));
        assert_eq!(of::with(&1, &1, String::len), None, "another backend's is not seen");
    }
    // Only what is in this process is looked at.
    drop(scope);
    let _scope = isolate();
    assert_eq!(of::with(&0, &1, String::len), None);
}

struct Shop {
    name: &'static str,
    backend: Arc<FaultyBackend>,
}

impl Shop {
    #[cache(ttl = 60, self = shared, backend = self.backend)]
    pub(crate) fn greeting(&self, to: &str) -> String {
        RUNS.add();
        format!("{} greets {to}", self.name)
    }

    #[cache(ttl = 60, self = shared, backend = &self.backend)]
    pub(crate) async fn later(&self, to: &str) -> String {
        RUNS.add();
        format!("{} greets {to} later", self.name)
    }
}

#[test]
fn values_of_two_backends_are_not_mixed_up() {
    let _test = isolate();
    let a = Shop { name: "a", backend: faulty() };
    let b = Shop { name: "b", backend: faulty() };
    // One function, one key, two backends: what one has is nothing to the other, here either.
    for _ in 0..3 {
        assert_eq!(a.greeting("you"), "a greets you");
        assert_eq!(b.greeting("you"), "b greets you");
        assert_eq!(block_on(a.later("you")), "a greets you later");
        assert_eq!(block_on(b.later("you")), "b greets you later");
    }
    assert_eq!(RUNS.take(), 4);
    assert_eq!(a.backend.count(Operation::SetFenced), 2);
    assert_eq!(b.backend.count(Operation::SetFenced), 2);
}

#[test]
fn a_new_backend_in_the_place_of_an_old_one_is_another() {
    let _test = isolate();
    // The allocator likes to give the same place again.
    for name in ["a", "b", "c", "d", "e", "f"] {
        let shop = Shop { name, backend: faulty() };
        assert_eq!(shop.greeting("you"), format!("{name} greets you"));
    }
    assert_eq!(RUNS.take(), 6);
}

#[test]
fn clones_of_the_arc_are_one_backend() {
    let _test = isolate();
    let a = Shop { name: "a", backend: faulty() };
    let b = Shop { name: "b", backend: Arc::clone(&a.backend) };
    a.greeting("you");
    assert_eq!(b.greeting("you"), "a greets you", "`self = shared` said so");
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn handles_of_methods_find_the_backend() {
    let _test = isolate();
    let a = Shop { name: "a", backend: faulty() };
    let b = Shop { name: "b", backend: faulty() };
    a.greeting("you");
    assert_eq!(a.greeting_cache("you").peek().as_deref(), Some("a greets you"));
    assert_eq!(b.greeting_cache("you").peek(), None);
    b.greeting_cache("you").set("set".into());
    assert_eq!((b.greeting("you").as_str(), a.greeting("you").as_str()), ("set", "a greets you"));
    assert!(a.greeting_cache("you").invalidate().is_confirmed());
    assert_eq!((a.backend.count(Operation::Delete), b.backend.count(Operation::Delete)), (1, 0));
    assert!(block_on(b.later_cache("you").invalidate()).is_confirmed());
}

#[cache(ttl = 60, skip(shelf), backend = shelf, weight = |n, _| *n)]
fn passed(n: u64, shelf: &Arc<dyn Backend>) -> u64 {
    RUNS.add();
    n * 2
}

#[test]
fn the_backend_may_come_as_an_argument() {
    let _test = isolate();
    let one: Arc<dyn Backend> = faulty();
    let other: Arc<dyn Backend> = faulty();
    assert_eq!((passed(4, &one), passed(4, &one), passed(4, &other)), (8, 8, 8));
    assert_eq!((RUNS.take(), passed::stats().weight), (2, 8));
    // No companion could find it, except for what concerns all entries.
    assert_eq!(passed::clear().removed(), 2);
}
