//! Of two runs of one key the one that started later is kept, in every tier, whichever ends first.

use std::cell::RefCell;
use std::sync::Arc;

use cachekit::testing::{Scope, isolate};
use cachekit::{Cache, cache};
use cachekit_io::MemoryBackend;
use cachekit_io::testing::FaultyBackend;
use cachekit_tests::{Gate, Polled, block_on};

use crate::shared::tier::machine;

#[cache(skip(value, gate))]
async fn read(id: u32, value: Result<u32, String>, gate: &Gate) -> Result<u32, String> {
    gate.passed().await;
    value
}

fn peeked() -> Option<u32> {
    block_on(read::peek(&1)).and_then(Result::ok)
}

/// Polled to its end. Locks of the shared tier are given back by another thread.
fn ended<T>(call: &mut Polled<'_, T>) -> Option<T> {
    loop {
        if let Some(value) = call.poll() {
            return Some(value);
        }
        std::thread::yield_now();
    }
}

/// How a call starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Fill,
    Refresh,
}

fn started(start: Start, value: u32, gate: &Gate) -> Polled<'_, Result<u32, String>> {
    let call = read(1, Ok(value), gate);
    let mut polled = match start {
        Start::Fill => Polled::new(call),
        Start::Refresh => Polled::new(cachekit::refresh_async(call)),
    };
    assert_eq!(polled.poll(), None);
    polled
}

const PAIRS: [(Start, Start); 3] = [
    (Start::Fill, Start::Refresh),
    (Start::Refresh, Start::Refresh),
    (Start::Refresh, Start::Fill),
];

fn each_pair_ends_with_the_younger(kept: impl Fn() -> Option<u32>, run: impl Fn(&dyn Fn())) {
    for (first, second) in PAIRS {
        for older_ends_first in [true, false] {
            run(&|| {
                let (a, b) = (Gate::new(), Gate::new());
                let mut older = started(first, 1, &a);
                let mut younger = started(second, 2, &b);
                a.open();
                b.open();
                // Each has its own value, whatever is kept.
                if older_ends_first {
                    assert_eq!(
                        (ended(&mut older), ended(&mut younger)),
                        (Some(Ok(1)), Some(Ok(2)))
                    );
                } else {
                    assert_eq!(
                        (ended(&mut younger), ended(&mut older)),
                        (Some(Ok(2)), Some(Ok(1)))
                    );
                }
                assert_eq!(kept(), Some(2), "{first:?}, {second:?}, {older_ends_first}");
            });
        }
    }
}

#[test]
fn the_younger_one_is_kept_in_this_process() {
    each_pair_ends_with_the_younger(peeked, |pair| {
        let _test = isolate();
        pair();
    });
}

#[test]
fn and_in_the_shared_tier() {
    // A new one for each pair: the lock of the pair before is given back by a thread of the runtime's own.
    let backend = RefCell::new(FaultyBackend::new(MemoryBackend::new()));
    each_pair_ends_with_the_younger(
        || {
            let other = machine(&backend.borrow());
            let kept = other.run(peeked);
            assert_eq!(kept, peeked(), "both tiers agree");
            kept
        },
        |pair| {
            backend.replace(FaultyBackend::new(MemoryBackend::new()));
            let scope = machine(&backend.borrow());
            scope.run(pair);
        },
    );
}

#[test]
fn a_younger_one_that_still_runs_is_not_killed_and_one_that_fails_changes_nothing() {
    let _test = isolate();
    let (a, b, c) = (Gate::new(), Gate::new(), Gate::new());
    let mut older = started(Start::Refresh, 1, &a);
    let mut younger = started(Start::Refresh, 2, &b);
    let mut youngest = Polled::new(cachekit::refresh_async(read(1, Err("down".into()), &c)));
    assert_eq!(youngest.poll(), None);
    a.open();
    assert_eq!((older.poll(), peeked()), (Some(Ok(1)), Some(1)));
    c.open();
    assert_eq!(youngest.poll(), Some(Err("down".into())));
    assert_eq!(peeked(), Some(1), "nothing newer is there");
    b.open();
    assert_eq!((younger.poll(), peeked()), (Some(Ok(2)), Some(2)));
}

#[test]
fn a_set_takes_its_place_among_them() {
    let _test = isolate();
    for first in [Start::Fill, Start::Refresh] {
        block_on(read::invalidate(&1)).ignore();
        let (a, b) = (Gate::new(), Gate::new());
        let mut before = started(first, 1, &a);
        block_on(read::set(&1, Ok(2)));
        let mut after = started(Start::Refresh, 3, &b);
        a.open();
        assert_eq!((before.poll(), peeked()), (Some(Ok(1)), Some(2)));
        b.open();
        assert_eq!((after.poll(), peeked()), (Some(Ok(3)), Some(3)));
    }
}

#[test]
fn an_object_keeps_the_same_order_and_hears_refresh() {
    let cache = Cache::<u32, u32>::new(10);
    let (a, b) = (Gate::new(), Gate::new());
    let fill = |value, gate: &Gate| {
        let (cache, gate) = (cache.clone(), gate.clone());
        async move {
            let waits = async {
                gate.passed().await;
                value
            };
            cache.get_or_insert_async(&1, waits).await
        }
    };
    let mut older = Polled::new(cachekit::refresh_async(fill(1, &a)));
    let mut younger = Polled::new(cachekit::refresh_async(fill(2, &b)));
    assert!(older.poll().is_none() && younger.poll().is_none());
    b.open();
    a.open();
    assert_eq!((younger.poll(), older.poll(), cache.get(&1)), (Some(2), Some(1), Some(2)));
    for _ in 0..20 {
        assert_eq!(cache.get(&1), Some(2), "in the front, too");
    }
    assert_eq!(cachekit::refresh(|| cache.get_or_insert_with(&1, || 3)), 3);
    assert_eq!(cache.get(&1), Some(3));
}

#[test]
fn threads_in_every_order() {
    #[cache::local(skip(value, gate))]
    fn slow(id: u32, value: u32, gate: &Gate) -> u32 {
        gate.pass();
        value
    }
    for younger_first in [true, false] {
        let scope = Scope::new();
        let gates: Arc<[Gate; 2]> = Arc::default();
        let run = |value: u32| {
            let (scope, gates) = (scope.clone(), Arc::clone(&gates));
            let at = value as usize - 1;
            std::thread::spawn(move || {
                scope.run(|| cachekit::refresh(|| slow(1, value, &gates[at])))
            })
        };
        let older = run(1);
        gates[0].wait_reached();
        let younger = run(2);
        gates[1].wait_reached();
        let (first, second) = if younger_first {
            gates[1].open();
            (younger.join().unwrap(), {
                gates[0].open();
                older.join().unwrap()
            })
        } else {
            gates[0].open();
            (older.join().unwrap(), {
                gates[1].open();
                younger.join().unwrap()
            })
        };
        assert_eq!(first + second, 3);
        assert_eq!(scope.run(|| slow::peek(&1)), Some(2));
    }
}
