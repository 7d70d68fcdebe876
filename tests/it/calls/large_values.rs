//! Large values, on threads with the stack that threads have: they come back from an entry by few copies, and a miss moves
//! them by their address. Without optimization every call that hands one up is a copy.

// They are the subject.
#![allow(clippy::large_stack_arrays)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cachekit::{Cache, cache};
use futures::executor::block_on;

const LARGE: usize = 128 << 10;

type Table = [u8; LARGE];

/// Calls on a new thread, whose first miss and first hits these are.
fn in_a_thread(call: impl Fn() + Send + 'static) {
    let calls = move || (0..20).for_each(|_| call());
    thread::Builder::new().stack_size(2 << 20).spawn(calls).unwrap().join().unwrap();
}

#[cache::local]
fn table(n: u8) -> Table {
    [n; LARGE]
}

#[cache::local]
async fn table_async(n: u8) -> Table {
    [n; LARGE]
}

#[cache::local(ttl = 60)]
fn fallible(n: u8) -> Result<Table, String> {
    if n == 0 { Err("none".to_owned()) } else { Ok([n; LARGE]) }
}

#[cache::local(ttl = 60)]
async fn fallible_async(n: u8) -> Result<Table, String> {
    if n == 0 { Err("none".to_owned()) } else { Ok([n; LARGE]) }
}

#[cache::local]
fn absent(n: u8) -> Option<Table> {
    (n > 0).then_some([n; LARGE])
}

#[test]
fn a_sync_function() {
    in_a_thread(|| assert_eq!(table(3)[9], 3));
    in_a_thread(|| assert_eq!(table(3)[9], 3));
}

#[test]
fn an_async_function() {
    in_a_thread(|| assert_eq!(block_on(Box::pin(table_async(3)))[9], 3));
    in_a_thread(|| assert_eq!(block_on(Box::pin(table_async(3)))[9], 3));
}

#[test]
fn a_result() {
    in_a_thread(|| assert_eq!(fallible(3).unwrap()[9], 3));
    in_a_thread(|| assert!(fallible(0).is_err()));
}

#[test]
fn an_option() {
    in_a_thread(|| assert_eq!(absent(3).unwrap()[9], 3));
    in_a_thread(|| assert!(absent(0).is_none()));
}

#[test]
fn an_async_result() {
    in_a_thread(|| {
        let found = block_on(Box::pin(fallible_async(3)));
        assert_eq!(found.as_ref().unwrap()[9], 3);
    });
    in_a_thread(|| assert!(block_on(Box::pin(fallible_async(0))).is_err()));
}

#[test]
fn one_that_another_call_made() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);

    #[cache::local]
    fn waited_for() -> Table {
        RUNS.fetch_add(1, Ordering::Relaxed);
        while waited_for::stats().misses < 2 {
            thread::yield_now();
        }
        [7; LARGE]
    }

    let call = || thread::Builder::new().stack_size(2 << 20).spawn(|| waited_for()[9]).unwrap();
    for call in [call(), call()] {
        assert_eq!(call.join().unwrap(), 7);
    }
    assert_eq!(RUNS.load(Ordering::Relaxed), 1);
}

#[test]
fn a_cache_object() {
    let cache = Arc::new(Cache::<u8, Table>::new(10));
    let other = Arc::clone(&cache);
    in_a_thread(move || assert_eq!(cache.get_or_insert_with(&3, || [3; LARGE])[9], 3));
    in_a_thread(move || assert_eq!(other.get(&3).unwrap()[9], 3));
}

#[test]
fn companions() {
    in_a_thread(|| table::set(&5, [6; LARGE]));
    in_a_thread(|| assert_eq!(table::peek(&5).unwrap()[9], 6));
    in_a_thread(|| assert_eq!(table::refresh(5)[9], 5));
}

#[test]
fn async_companions() {
    in_a_thread(|| block_on(Box::pin(table_async::set(&5, [6; LARGE]))));
    in_a_thread(|| assert_eq!(block_on(table_async::peek(&5)).unwrap()[9], 6));
    in_a_thread(|| assert_eq!(block_on(Box::pin(table_async::refresh(5)))[9], 5));
}
