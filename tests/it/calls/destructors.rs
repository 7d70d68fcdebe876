//! Code of the user's that the cache runs on its way: `Drop`, `Eq`, `Hash`, `Clone`. It may come back to the
//! same function, and it may panic.
//!
//! What could hang or abort runs in a process of its own.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cachekit::testing::{Scope, isolate};
use cachekit::{Cache, cache};
use cachekit_tests::{Gate, Polled, in_child};

thread_local! {
    /// Which of its trait's methods the key or value below answers with a call or a panic.
    static TRAP: Cell<Option<Trap>> = const { Cell::new(None) };
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Trap {
    on: &'static str,
    panics: bool,
}

static SPRUNG: AtomicU32 = AtomicU32::new(0);

/// Springs the trap once, if it is set for this method.
fn trap(method: &'static str) {
    let Some(set) = TRAP.get().filter(|set| set.on == method) else { return };
    // The destructor runs here as well.
    TRAP.set(None);
    SPRUNG.fetch_add(1, Ordering::SeqCst);
    assert!(!set.panics, "{method} fails");
    // A hit, a miss, and what changes the store.
    for n in [1, 2, 50, 51, 52, 53, 54] {
        assert_eq!(guarded(Key(n)).0, n);
    }
    guarded::invalidate(&Key(52)).ignore();
    guarded::set(&Key(1), Value(1));
    assert!(guarded::contains(&Key(1)));
    guarded::clear().ignore();
    TRAP.set(Some(set));
}

#[derive(Debug)]
struct Key(u32);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        trap("eq");
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        trap("hash");
        self.0.hash(state);
    }
}

impl Clone for Key {
    fn clone(&self) -> Self {
        trap("clone key");
        Self(self.0)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        trap("drop key");
    }
}

#[derive(Debug)]
struct Value(u32);

impl Clone for Value {
    fn clone(&self) -> Self {
        trap("clone value");
        Self(self.0)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        trap("drop value");
    }
}

#[cache::local(capacity = 4, ttl = 60)]
fn guarded(key: Key) -> Value {
    Value(key.0)
}

const METHODS: [&str; 6] = ["eq", "hash", "clone key", "clone value", "drop key", "drop value"];

/// Everything a user can do with the function.
fn everything(test: &cachekit::testing::Isolated) {
    for n in [1, 1, 2, 3, 4, 5, 6, 7, 1] {
        assert_eq!(guarded(Key(n)).0, n);
    }
    guarded::set(&Key(1), Value(1));
    guarded::set(&Key(1), Value(1));
    assert!(guarded::peek(&Key(1)).is_none_or(|value| value.0 == 1));
    guarded::contains(&Key(1));
    assert_eq!(guarded::refresh(Key(1)).0, 1);
    guarded::invalidate(&Key(1)).ignore();
    guarded(Key(1));
    test.clock().advance(Duration::from_secs(60));
    guarded(Key(1));
    guarded::clear().ignore();
    guarded(Key(1));
}

/// The function works as if nothing had happened.
fn check_usable() {
    TRAP.set(None);
    for n in 0..20 {
        assert_eq!(guarded(Key(n)).0, n);
    }
    guarded::clear().ignore();
    let before = guarded::stats();
    assert_eq!(before.entries, 0);
    assert_eq!((guarded(Key(1)).0, guarded(Key(1)).0), (1, 1));
    assert!(guarded::contains(&Key(1)));
    assert!(guarded::invalidate(&Key(1)).was_cached());
    let after = guarded::stats();
    assert_eq!((after.hits - before.hits, after.misses - before.misses), (1, 1));
}

fn calls_back(method: &'static str) {
    assert!(METHODS.contains(&method));
    let test = isolate();
    TRAP.set(Some(Trap { on: method, panics: false }));
    everything(&test);
    assert_ne!(SPRUNG.swap(0, Ordering::SeqCst), 0, "nothing was tested");
    check_usable();
    drop(test);
}

fn panics(method: &'static str) {
    assert!(METHODS.contains(&method));
    // Sprung at one after the other of all the places where the method is called.
    for step in 0..14 {
        let test = isolate();
        for n in 1..5 {
            guarded(Key(n));
        }
        TRAP.set(Some(Trap { on: method, panics: true }));
        let _either = catch_unwind(AssertUnwindSafe(|| match step {
            0 => drop(guarded(Key(1))),
            1 => drop(guarded(Key(9))),
            2 => guarded::set(&Key(1), Value(1)),
            3 => guarded::set(&Key(9), Value(9)),
            4 => guarded::invalidate(&Key(1)).ignore(),
            5 => guarded::clear().ignore(),
            6 => drop(guarded::refresh(Key(1))),
            7 => drop(guarded::peek(&Key(1))),
            8 => {
                test.clock().advance(Duration::from_secs(60));
                drop(guarded(Key(1)));
            }
            9 => drop(guarded::contains(&Key(1))),
            10 => drop(guarded::key(&Key(1))),
            11 => drop(std::thread::scope(|threads| {
                // From a thread without a front of its own.
                let trap = TRAP.take();
                let scope = test.scope();
                let call = move || {
                    TRAP.set(trap);
                    scope.run(|| guarded(Key(1)));
                };
                threads.spawn(call).join()
            })),
            12 => drop(guarded(Key(10))),
            _ => {
                for n in 20..30 {
                    guarded(Key(n));
                }
            }
        }));
        TRAP.set(None);
        check_usable();
        drop(test);
    }
    assert_ne!(SPRUNG.swap(0, Ordering::SeqCst), 0, "nothing was tested");
}

macro_rules! in_children {
    ($($test:ident: $f:ident($method:literal);)*) => {$(
        #[test]
        fn $test() {
            in_child(concat!("calls::destructors::", stringify!($test)), || $f($method));
        }
    )*};
}

in_children! {
    eq_that_calls_back: calls_back("eq");
    hash_that_calls_back: calls_back("hash");
    clone_of_a_key_that_calls_back: calls_back("clone key");
    clone_of_a_value_that_calls_back: calls_back("clone value");
    drop_of_a_key_that_calls_back: calls_back("drop key");
    drop_of_a_value_that_calls_back: calls_back("drop value");
    eq_that_panics: panics("eq");
    hash_that_panics: panics("hash");
    clone_of_a_key_that_panics: panics("clone key");
    clone_of_a_value_that_panics: panics("clone value");
    drop_of_a_key_that_panics: panics("drop key");
    drop_of_a_value_that_panics: panics("drop value");
}

#[test]
fn eq_that_calls_back_while_a_fill_runs() {
    #[cache::local(key = key, capacity = 4)]
    async fn slow(key: Key, gate: &Gate) -> Value {
        gate.passed().await;
        Value(key.0)
    }
    in_child("calls::destructors::eq_that_calls_back_while_a_fill_runs", || {
        let _test = isolate();
        let gate = Gate::new();
        let mut leader = Polled::new(slow(Key(1), &gate));
        assert!(leader.poll().is_none());
        TRAP.set(Some(Trap { on: "eq", panics: false }));
        // Both compare their key with that of the running fill.
        let mut waiter = Polled::new(slow(Key(1), &gate));
        assert!(waiter.poll().is_none());
        cachekit_tests::block_on(slow::invalidate(&Key(1), &gate)).ignore();
        gate.open();
        assert_eq!((leader.poll().unwrap().0, waiter.poll().unwrap().0), (1, 1));
        assert_ne!(SPRUNG.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn keys_of_running_fills_that_look_at_the_same_fill() {
    thread_local! {
        static LOOK: Cell<bool> = const { Cell::new(false) };
    }
    static CACHE: std::sync::LazyLock<Cache<Looking, u32>> =
        std::sync::LazyLock::new(|| Cache::new(4));
    #[derive(Clone, Debug)]
    struct Looking(u32);
    impl PartialEq for Looking {
        fn eq(&self, other: &Self) -> bool {
            if LOOK.take() {
                // Goes where the comparison itself comes from.
                CACHE.invalidate(&Looking(self.0));
                assert_eq!(CACHE.get_or_insert_with(&Looking(self.0), || 8), 8);
            }
            self.0 == other.0
        }
    }
    impl Eq for Looking {}
    impl Hash for Looking {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }
    in_child("calls::destructors::keys_of_running_fills_that_look_at_the_same_fill", || {
        let gate = Gate::new();
        let slow = async {
            gate.passed().await;
            7
        };
        let key = Looking(1);
        let mut leader = Polled::new(CACHE.get_or_insert_async(&key, slow));
        assert!(leader.poll().is_none());
        LOOK.set(true);
        let mut waiter = Polled::new(CACHE.get_or_insert_async(&key, async { 9 }));
        let early = waiter.poll();
        gate.open();
        assert_eq!(leader.poll(), Some(7));
        assert!(early.or_else(|| waiter.poll()).is_some());
        assert!(!LOOK.get(), "nothing was compared");
    });
}

#[test]
fn values_dropped_at_the_end_of_a_thread() {
    #[derive(Clone)]
    struct Last(#[allow(dead_code)] u32);
    impl Drop for Last {
        fn drop(&mut self) {
            // The thread's own memory may be gone by now.
            assert_eq!(other(7), 8);
        }
    }
    #[cache::local]
    fn other(n: u32) -> u32 {
        n + 1
    }
    #[cache::local]
    fn last(n: u32) -> Last {
        Last(n)
    }
    in_child("calls::destructors::values_dropped_at_the_end_of_a_thread", || {
        let scope = Scope::new();
        let gate = Gate::new();
        std::thread::scope(|threads| {
            let holder = threads.spawn(|| {
                scope.run(|| {
                    for _ in 0..10 {
                        drop(last(1));
                    }
                });
                gate.pass();
            });
            gate.wait_reached();
            // Now only that thread holds the value.
            assert!(scope.run(|| last::invalidate(&1)).was_cached());
            gate.open();
            holder.join().unwrap();
        });
        assert_eq!(scope.run(|| other(7)), 8);
    });
}

#[test]
fn a_cache_inside_the_values_of_a_cache() {
    in_child("calls::destructors::a_cache_inside_the_values_of_a_cache", || {
        let outer = Cache::<u32, Cache<u32, u32>>::new(2);
        for n in 0..20 {
            let inner = outer.get_or_insert_with(&n, || Cache::new(2));
            inner.insert(n, n);
            assert_eq!(outer.get(&n).and_then(|inner| inner.get(&n)), Some(n));
        }
        // A cache that holds itself lives on; clearing it lets go.
        let knot = Cache::<u32, std::sync::Arc<std::sync::OnceLock<Cache<u32, u32>>>>::new(2);
        knot.insert(1, std::sync::Arc::default());
        knot.get(&1).unwrap().get_or_init(|| Cache::new(2)).insert(1, 1);
        knot.clear();
        assert!(knot.is_empty());
    });
}

#[test]
fn panics_in_the_attributes_closures() {
    #[cache::local(
        capacity = 10,
        ttl = |n| if *n == 1 { panic!("ttl") } else { 60 },
        if = |n| if *n == 2 { panic!("if") } else { true },
        weight = |_, n| if *n == 3 { panic!("weight") } else { 1 }
    )]
    fn ruled(n: u32) -> u32 {
        n
    }
    let _test = isolate();
    for _ in 0..3 {
        for n in 1..4 {
            assert!(catch_unwind(|| ruled(n)).is_err());
        }
        assert_eq!(ruled(4), 4);
    }
    assert_eq!((ruled::stats().entries, ruled::stats().hits), (1, 2));
}

thread_local! {
    /// Set for one call of a closure below.
    static ASK: Cell<bool> = const { Cell::new(false) };
}

#[cache::local(if = |value| !ASK.take() || asked(*value) > 0)]
fn asked(n: u32) -> u32 {
    n
}

#[cache::local(ttl = |value| {
    let _same = ASK.take().then(|| Polled::new(asked_later(*value)).poll());
    60
})]
async fn asked_later(n: u32) -> u32 {
    n
}

#[test]
fn the_attributes_closures_may_call_the_function() {
    in_child("calls::destructors::the_attributes_closures_may_call_the_function", || {
        let _test = isolate();
        ASK.set(true);
        assert_eq!((asked(1), asked(1)), (1, 1));
        assert!(!ASK.get());
        ASK.set(true);
        assert_eq!(cachekit_tests::block_on(asked_later(1)), 1);
        assert!(!ASK.get());
    });
}

/// The look-up is the last that holds an entry whose time is over, and that entry's destructor panics: the lead that the
/// look-up took over it is given up.
#[test]
fn the_last_look_at_an_entry_whose_destructor_panics() {
    thread_local! {
        static CLEARS: Cell<bool> = const { Cell::new(false) };
        static PANICS: Cell<bool> = const { Cell::new(false) };
    }

    #[derive(Clone, Debug)]
    struct Clearing(u32);
    impl Hash for Clearing {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }
    impl PartialEq for Clearing {
        fn eq(&self, other: &Self) -> bool {
            if CLEARS.replace(false) {
                value::clear().ignore();
            }
            self.0 == other.0
        }
    }
    impl Eq for Clearing {}

    #[derive(Clone)]
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            assert!(!PANICS.replace(false), "on purpose");
        }
    }

    #[cache::local(ttl = 60)]
    fn value(key: Clearing) -> Loud {
        let _ = key;
        Loud
    }

    let test = isolate();
    drop(value(Clearing(1)));
    test.clock().advance(Duration::from_secs(61));
    CLEARS.set(true);
    PANICS.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| drop(value(Clearing(1)))));
    assert!(outcome.is_err() && !PANICS.get() && !CLEARS.get());
    // If the first call had kept its lead, this call would wait for a run that never ends.
    let before = value::stats();
    drop(value(Clearing(1)));
    assert_eq!(value::stats().loads, before.loads + 1);
}
