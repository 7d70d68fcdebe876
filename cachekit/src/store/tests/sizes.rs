//! Stores that get another size.

use super::*;

#[test]
fn a_store_that_shrinks_gives_memory_back() {
    let many = if cfg!(miri) { 500 } else { 20_000_u64 };
    let (store, _) = store(many);
    let slots = || store.shards.iter().map(|shard| lock(&shard.inner).slots.len()).sum::<usize>();
    (0..many).for_each(|n| _ = call(&store, n, None));
    let before = slots();
    // The entries in use are those that stay.
    let kept: Vec<u64> = (0..many).filter(|n| found(&store, *n)).collect();
    let Look::Lead(row) = store.look(hash(many), CALLER) else { panic!("alone") };
    let flight = Flight::new(store.clone(), hash(many), row, false);
    store.resize(64);
    check(&store);
    assert!(flight.land(entry(&store, many, None, 1), 0));
    store.purge();
    check(&store);
    let shards = store.shards.len();
    assert!(slots() <= 64 * 3 + shards * 40 && slots() < before / 2, "{} of {before}", slots());
    let left = kept.iter().filter(|n| found(&store, **n)).count();
    assert!(store.len() <= 64 && left + 1 >= store.len(), "{left} of {}", store.len());
    // It works on, and grows again.
    store.resize(many);
    (0..many).for_each(|n| _ = call(&store, n, None));
    check(&store);
    let again = (0..many).filter(|n| found(&store, *n)).count();
    assert!(again * 10 >= kept.len() * 9, "{again} of {}", kept.len());
}

#[test]
fn a_weighted_store_that_shrinks_gives_memory_back() {
    let (store, _) = store_of(Capacity::Weight(1_000_000));
    (0..1_000).for_each(|n| _ = put(&store, n, None, 1_000));
    store.resize(50_000);
    check(&store);
    assert_eq!(store.len(), 50);
    let slots: usize = store.shards.iter().map(|shard| lock(&shard.inner).slots.len()).sum();
    assert!(slots < 100, "{slots}");
}

#[test]
fn two_that_resize_at_once_leave_one_size() {
    for _ in 0..if cfg!(miri) { 5 } else { 500 } {
        let (store, _) = store(5_000);
        let barrier = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for room in [0, 100] {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    store.resize(room);
                });
            }
        });
        let room: u64 = store.shards.iter().map(|shard| lock(&shard.inner).room).sum();
        assert_eq!(store.is_disabled(), room == 0);
        assert!([0, 100].contains(&room), "{room}");
    }
}

#[test]
fn a_sketch_that_shrinks_counts_on() {
    let mut sketch = Sketch::new();
    sketch.fit(5_000);
    // Many keys that are asked for often.
    (0..20).for_each(|_| (0..2_000).for_each(|n| _ = sketch.increment(hash(n))));
    let before = (0..2_000).filter(|n| sketch.estimate(hash(*n)) == 15).count();
    assert!(before > 1_000, "{before}");
    sketch.fold(16);
    sketch.fit(16);
    let full = |sketch: &Sketch| (0..1_000).filter(|n| sketch.estimate(hash(*n)) == 15).count();
    assert_eq!(full(&sketch), 0);
    // What is asked for from now on is told apart from what is not.
    (0..1_000).for_each(|_| _ = sketch.increment(hash(7)));
    assert!(full(&sketch) < 300, "{}", full(&sketch));
    assert!(sketch.estimate(hash(7)) >= 8);
}
