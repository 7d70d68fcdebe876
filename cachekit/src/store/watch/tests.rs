//! A watcher that cannot be started, and one that is left with the last reference to a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Watched, Watcher};
use crate::flight::Wait;
use crate::store::tests::fills::{HASH, flights};
use crate::sync::{Mutex, lock};

#[test]
fn a_watcher_that_cannot_be_started_leaves_none_on_its_list() {
    let store = flights();
    let wait = Arc::new(Wait::new(true));
    let one = || Watched { store: store.downgrade(), hash: HASH, wait: Arc::clone(&wait) };
    let watcher = Watcher { list: Mutex::new(vec![one()]), running: AtomicBool::new(false) };
    let other_came = || {
        // Another waiter, that relies on this watcher.
        lock(&watcher.list).push(one());
        assert!(watcher.runs(|| unreachable!("it is being started")));
        false
    };
    assert!(!watcher.runs(other_came));
    assert!(lock(&watcher.list).is_empty());
    assert!(!watcher.running.load(Ordering::SeqCst), "the next waiter tries again");
    assert!(watcher.runs(|| true));
}

#[test]
fn the_last_reference_to_a_store_is_passed_on() {
    let store = flights();
    let other = store.clone();
    other.leave(|_| unreachable!("it is not the last"));
    let mut last = None;
    store.leave(|store| last = Some(store));
    assert!(last.is_some());
}
