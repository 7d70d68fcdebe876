//! Values that are changed by what is there, and everything that can come in between; entries that make room meanwhile.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;

use super::{cache, explore, fills_from};
use crate::Cache;
use crate::store::watch;

fn add_one(cache: &Cache<u64, u64>) -> u64 {
    cache.upsert(7, |count| {
        thread::yield_now();
        count.map_or(1, |count| count + 1)
    })
}

#[test]
fn no_change_is_lost_to_another_or_to_a_fill() {
    explore(|| {
        let cache = cache();
        let changes: Vec<_> = (0..2)
            .map(|_| {
                let cache = cache.clone();
                thread::spawn(move || add_one(&cache))
            })
            .collect();
        let filler = {
            let cache = cache.clone();
            // Runs before both changes and is stored, or is not stored. It may wait for one, and not forever.
            thread::spawn(move || cache.get_or_insert_with(&7, || 0))
        };
        for now in [0, 5_000] {
            watch::tick(now);
        }
        let mut made: Vec<_> = changes.into_iter().map(|change| change.join().unwrap()).collect();
        made.sort_unstable();
        assert_eq!(made, [1, 2]);
        assert!(filler.join().unwrap() <= 2);
        assert_eq!(cache.get(&7), Some(2));
        assert_eq!(cache.running(), 0);
    });
}

#[test]
fn an_invalidation_beats_the_changes_that_started_before_it() {
    explore(|| {
        let cache = cache();
        cache.insert(7, 10);
        let change = {
            let cache = cache.clone();
            thread::spawn(move || add_one(&cache))
        };
        cache.invalidate(&7);
        let seen = cache.get(&7);
        // One that comes after it counts from nothing.
        assert!(matches!(seen, None | Some(1)), "{seen:?}");
        assert!(matches!(change.join().unwrap(), 1 | 11));
        assert!(matches!(cache.get(&7), None | Some(1)));
        assert_eq!(cache.running(), 0);
    });
}

#[test]
fn a_change_that_removes_leaves_what_came_meanwhile() {
    explore(|| {
        let cache = cache();
        cache.insert(7, 1);
        let remover = {
            let cache = cache.clone();
            thread::spawn(move || {
                cache.compute(7, |_| {
                    thread::yield_now();
                    None
                })
            })
        };
        cache.insert(7, 2);
        assert_eq!(remover.join().unwrap(), None);
        // Inserted before the change began, or while it ran.
        assert!(matches!(cache.get(&7), None | Some(2)));
        cache.insert(7, 3);
        assert_eq!(cache.get(&7), Some(3));
    });
}

#[test]
fn what_makes_room_while_fills_run_is_served_no_more() {
    explore(|| {
        let cache = Cache::<u64, u64>::new(1);
        let source = Arc::new(AtomicU64::new(1));
        let fillers: Vec<_> = [7, 8]
            .into_iter()
            .map(|key| {
                let (cache, source) = (cache.clone(), Arc::clone(&source));
                thread::spawn(move || {
                    cache.get_or_insert_with(&key, || key * 10 + source.load(Ordering::SeqCst));
                    assert!(cache.len() <= 1);
                })
            })
            .collect();
        source.store(2, Ordering::SeqCst);
        cache.resize(0);
        cache.resize(1);
        cache.clear();
        for key in [7, 8] {
            if let Some(seen) = cache.get(&key) {
                assert_eq!(seen, key * 10 + 2, "from before it was cleared");
            }
        }
        for filler in fillers {
            filler.join().unwrap();
        }
        assert_eq!(cache.running(), 0);
    });
}

#[test]
fn a_predicate_reaches_values_that_are_on_their_way() {
    explore(|| {
        let cache = cache();
        let source = Arc::new(AtomicU64::new(1));
        let filler = fills_from(&cache, &source);
        source.store(2, Ordering::SeqCst);
        cache.invalidate_if(|_, value| *value == 1);
        assert_ne!(cache.get(&7), Some(1));
        filler.join().unwrap();
        assert_ne!(cache.get(&7), Some(1));
    });
}

#[test]
fn what_is_removed_is_returned_and_what_is_not_stays() {
    explore(|| {
        let cache = cache();
        cache.insert(7, 1);
        let writer = {
            let cache = cache.clone();
            thread::spawn(move || cache.insert(7, 2))
        };
        let counter = {
            let cache = cache.clone();
            thread::spawn(move || add_one(&cache))
        };
        let removed = cache.remove(&7);
        writer.join().unwrap();
        counter.join().unwrap();
        let left = cache.get(&7);
        // Whatever the order, the value that was inserted, or what was made of it, is somewhere.
        assert!(
            matches!((removed, left), (Some(1 | 2), Some(2 | 3 | 1)) | (Some(2 | 3), None)),
            "{removed:?} {left:?}"
        );
        assert_eq!(cache.running(), 0);
    });
}

#[test]
fn an_import_replaces_nothing_that_is_newer() {
    explore(|| {
        let cache = cache();
        let importer = {
            let cache = cache.clone();
            thread::spawn(move || cache.import([(7, 1, None)]))
        };
        cache.insert(7, 2);
        assert_eq!(cache.get(&7), Some(2));
        importer.join().unwrap();
        assert_eq!(cache.get(&7), Some(2));
    });
}
