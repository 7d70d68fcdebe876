//! `CACHEKIT_DISABLE`: every call runs its function.

use std::sync::Arc;

use cachekit::testing::Scope;
use cachekit::{Cache, cache};
use cachekit_io::MemoryBackend;
use cachekit_tests::{Runs, block_on, is_child, run_child};

static RUNS: Runs = Runs::new();

#[cache(ttl = 60)]
fn double(n: u32) -> u32 {
    RUNS.add();
    n * 2
}

#[cache(ttl = 60)]
async fn later(n: u32) -> u32 {
    RUNS.add();
    n * 2
}

struct Shop {
    cache: Cache<u32, u32>,
}

impl Shop {
    #[cache(in = self.cache)]
    fn price(&self, n: u32) -> u32 {
        RUNS.add();
        n * 100
    }
}

/// How often five calls of each kind ran their body.
fn runs() -> u32 {
    let shop = Shop { cache: Cache::new(10) };
    RUNS.take();
    for _ in 0..5 {
        assert_eq!((double(2), block_on(later(2)), shop.price(2)), (4, 4, 200));
        let direct = shop.cache.get_or_insert_with(&7, || {
            RUNS.add();
            7
        });
        assert_eq!(direct, 7);
    }
    RUNS.take()
}

#[test]
fn child_counts_runs() {
    if !is_child() {
        return;
    }
    println!("runs: {} in scope: {}", runs(), Scope::new().run(runs));
}

fn runs_with(value: Option<&str>) -> String {
    let environment: Vec<_> = value.map(|value| ("CACHEKIT_DISABLE", value)).into_iter().collect();
    let finished = run_child("options::disable::child_counts_runs", &environment);
    assert_eq!(finished.passed, Some(true), "{}", finished.output);
    let at = finished.output.find("runs: ").expect("the child reports");
    finished.output[at..].lines().next().unwrap_or_default().to_owned()
}

#[test]
fn the_environment_switches_caching_off() {
    for value in ["1", "true", "yes", "on"] {
        assert_eq!(runs_with(Some(value)), "runs: 20 in scope: 20", "{value}");
    }
}

#[test]
fn without_it_or_with_a_no_caching_is_on() {
    assert_eq!(runs_with(None), "runs: 4 in scope: 4");
    for value in ["", "0", "false", "no", "off", "False", "NO", "Off"] {
        assert_eq!(runs_with(Some(value)), "runs: 4 in scope: 4", "{value:?}");
    }
}

#[test]
fn companions_do_not_use_the_shared_tier_either_but_invalidate_it() {
    let backend = MemoryBackend::new();
    let on = Scope::new().with_backend(Arc::new(backend.clone()));
    let off = Scope::disabled().with_backend(Arc::new(backend.clone()));
    off.run(|| double::set(&3, 1));
    assert_eq!(backend.len(), 0, "nothing is stored");
    on.run(|| double(3));
    assert_eq!(backend.len(), 1);
    off.run(|| {
        assert_eq!((double::peek(&3), double::contains(&3)), (None, false));
        // Others are not switched off: an invalidation must not be lost on them.
        assert!(double::invalidate(&3).is_confirmed());
    });
    assert_eq!(backend.len(), 0);
    on.run(|| double(3));
    off.run(|| double::set(&3, 7));
    assert_eq!(backend.len(), 0, "a value that is set outdates the one that is there");
}
