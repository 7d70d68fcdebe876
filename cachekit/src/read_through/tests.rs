//! A refresh of an async function where there is no place to run it: default features, no spawner.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Asked, Driving, Found, Lookup, find};
use crate::clock::{Clock, ClockSource, NEVER, Ticks, ticks};
use crate::entry::{AnyEntry, Plan};
use crate::rules::Defaults;
use crate::shape::{OkOnly, OkShared, Plain, Shape};
use crate::store::{Caller, Capacity, Store, StoreRef};

type Returned = OkOnly<u64, String>;

fn stale_store() -> (StoreRef, Clock) {
    let clock = Clock::new();
    let source = ClockSource::Manual(clock.clone());
    let store = StoreRef::Shared(Arc::new(Store::new(Capacity::Entries(64), source, false)));
    let first = ready(call(&store, async { Ok(1) }));
    assert_eq!(first, Ok(1));
    clock.advance(Duration::from_secs(15));
    (store, clock)
}

/// The look-up of a call, for the key 7.
fn look_up<S: Shape>(
    store: &StoreRef,
    asynchronous: bool,
    (ttl, window): (Ticks, Ticks),
) -> Found<u64, S> {
    find::<u64, S>(Lookup {
        store,
        hash: 7,
        key: &7,
        ttl,
        window,
        idle: NEVER,
        caller: Caller { asynchronous, asks: false },
        refreshes: true,
        remote: None,
        keep: &|| store.clone(),
    })
}

/// The same of a sync function without options.
fn look_up_plainly<S: Shape>(store: &StoreRef) -> Found<u64, S> {
    look_up(store, false, (NEVER, 0))
}

/// A call of an async function with `ttl = 10, stale = 10`, as generated code makes it.
async fn call(
    store: &StoreRef,
    function: impl Future<Output = Result<u64, String>>,
) -> <Returned as Shape>::Return {
    let ten_seconds = ticks(Duration::from_secs(10));
    match look_up::<Returned>(store, true, (ten_seconds, ten_seconds)) {
        Ok(value) => value,
        Err(miss) => match miss.ask_async().await {
            Asked::Value(value) => value,
            Asked::Stale(..) => panic!("it would run where there is no reactor"),
            Asked::Lead(lead) => {
                let mut driver = lead.driver();
                *Driving::new(Defaults, &mut driver, pin!(function)).await
            }
        },
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match poll(pin!(future)) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it does not suspend"),
    }
}

async fn suspended() {
    let mut polled = false;
    poll_fn(|_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

#[test]
fn one_call_is_the_refresh_and_the_others_are_served_the_old_value() {
    let (store, _clock) = stale_store();
    let mut refresh = pin!(call(&store, async {
        suspended().await;
        Ok(2)
    }));
    assert!(poll(refresh.as_mut()).is_pending());
    assert_eq!(ready(call(&store, async { Ok(3) })), Ok(1), "no other call waits");
    assert_eq!(poll(refresh), Poll::Ready(Ok(2)), "its own task, its own value");
    assert_eq!(ready(call(&store, async { Ok(3) })), Ok(2));
    let stats = store.stats();
    assert_eq!((stats.stale_hits, stats.refreshes, stats.failed_refreshes), (2, 1, 0));
}

#[test]
fn what_fails_leaves_the_old_value_to_its_caller_too() {
    let (store, clock) = stale_store();
    assert_eq!(ready(call(&store, async { Err("down".to_owned()) })), Ok(1));
    assert_eq!(ready(call(&store, async { Ok(3) })), Ok(1), "it is left alone for a moment");
    clock.advance(Duration::from_secs(1));
    let panics = async { if true { panic!("on purpose") } else { Ok(0) } };
    assert_eq!(ready(call(&store, panics)), Ok(1));
    assert_eq!(store.stats().failed_refreshes, 2);
    clock.advance(Duration::from_secs(1));
    assert_eq!(ready(call(&store, async { Ok(4) })), Ok(4));
    // Past its window it is a call like any other.
    clock.advance(Duration::from_secs(60));
    let panics = async { if true { panic!("on purpose") } else { Ok(0) } };
    assert!(catch_unwind(AssertUnwindSafe(|| ready(call(&store, panics)))).is_err());
}

#[test]
fn a_refresh_that_is_dropped_lets_another_call_try() {
    let (store, clock) = stale_store();
    {
        let mut dropped = pin!(call(&store, async {
            suspended().await;
            Ok(2)
        }));
        assert!(poll(dropped.as_mut()).is_pending());
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(ready(call(&store, async { Ok(3) })), Ok(3));
}

#[test]
fn an_invalidation_beats_it() {
    let (store, _clock) = stale_store();
    let mut refresh = pin!(call(&store, async {
        suspended().await;
        Ok(2)
    }));
    assert!(poll(refresh.as_mut()).is_pending());
    store.remove(7, &|_| true);
    assert_eq!(poll(refresh), Poll::Ready(Ok(2)), "it asked before");
    assert_eq!(ready(call(&store, async { Ok(3) })), Ok(3));
}

/// A sync call of four threads, three of which wait for the first. What they got, and how often the function ran.
fn four_threads<S>(f: impl Fn(u64) -> S::Return + Sync) -> (Vec<S::Return>, u64)
where
    S: Shape<Return: Send>,
{
    let store = StoreRef::Shared(Arc::new(Store::new(
        Capacity::Entries(64),
        ClockSource::Manual(Clock::new()),
        false,
    )));
    let runs = AtomicU64::new(0);
    let run = || {
        let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
        while run == 1 && store.waiters(7) < 3 {
            std::thread::yield_now();
        }
        f(run)
    };
    let got = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| match look_up_plainly::<S>(&store) {
                    Ok(value) => value,
                    Err(miss) => miss.run(Defaults, run),
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(store.running(), 0);
    (got, runs.into_inner())
}

#[test]
fn threads_share_values_and_errors_that_can_be_copied_and_run_for_others() {
    let (got, runs) = four_threads::<Plain<u64>>(|run| run);
    assert_eq!((got, runs), (vec![1; 4], 1));
    let (got, runs) = four_threads::<OkShared<u64, String>>(|run| Err(format!("run {run}")));
    assert_eq!((got, runs), (vec![Err("run 1".to_owned()); 4], 1));
    // An error that cannot be copied: they try again.
    let (got, runs) = four_threads::<OkOnly<u64, Box<u64>>>(|run| Err(Box::new(run)));
    let mut got: Vec<_> = got.into_iter().map(|result| *result.unwrap_err()).collect();
    got.sort_unstable();
    assert_eq!((got, runs), (vec![1, 2, 3, 4], 4));
}

#[test]
fn what_is_not_kept_is_for_those_who_waited() {
    let store = stale_store().0;
    store.clear();
    let runs = AtomicU64::new(0);
    let run = || {
        let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
        while run == 1 && store.waiters(7) < 2 {
            std::thread::yield_now();
        }
        run
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let found = look_up_plainly::<Plain<u64>>(&store);
                let Err(miss) = found else { panic!("nothing is kept") };
                let rules = miss.rules().keep_if(|_| false);
                assert_eq!(miss.run(rules, run), 1);
            });
        }
    });
    assert_eq!((runs.into_inner(), store.len(), store.running()), (1, 0, 0));
}

#[test]
fn a_call_whose_store_lost_its_room_meanwhile_leads_no_more() {
    let store = stale_store().0;
    store.clear();
    let found = look_up_plainly::<Plain<u64>>(&store);
    let Err(miss) = found else { panic!("nothing is kept") };
    store.resize(0);
    let Asked::Lead(lead) = miss.ask() else { panic!("its function runs") };
    assert_eq!((lead.run(Defaults, || 1), store.len(), store.running()), (1, 0, 0));
}

#[test]
fn a_run_of_a_function_that_panics_gives_its_lead_up() {
    let clock = ClockSource::Manual(Clock::new());
    let store: &Store = Box::leak(Box::new(Store::new(Capacity::Entries(64), clock, false)));
    let call = || look_up_plainly::<Plain<u64>>(&StoreRef::Static(store));
    let Err(miss) = call() else { panic!("nothing is kept") };
    let run = AssertUnwindSafe(|| miss.run(Defaults, || panic!("in the function")));
    assert!(catch_unwind(run).is_err());
    assert_eq!(store.running(), 0);

    let Err(miss) = call() else { panic!("nothing is kept") };
    assert_eq!(miss.run(Defaults, || 2), 2);
    assert_eq!((call().ok(), store.running()), (Some(2), 0));
}

#[test]
fn a_call_whose_leaders_are_all_cancelled_runs_the_function_itself_in_the_end() {
    let store = stale_store().0;
    store.clear();
    let lead = || match look_up::<Returned>(&store, true, (NEVER, 0)) {
        Err(miss) => miss,
        Ok(_) => panic!("nothing is kept"),
    };
    let mut leader = Some(lead());
    let mut waiter = pin!(call(&store, async { Ok(2) }));
    let mut cancelled = 0;
    let got = loop {
        match poll(waiter.as_mut()) {
            Poll::Ready(got) => break got,
            Poll::Pending => assert!(cancelled < 100, "it waits for one after the other"),
        }
        drop(leader.take());
        // Another call is faster than the waiter, every time.
        leader = Some(lead());
        cancelled += 1;
    };
    assert_eq!(got, Ok(2));
    assert!(cancelled > 2, "a few are no reason: they say nothing of the function");
    drop(leader);
    assert_eq!(store.running(), 0);
}

#[test]
fn a_refresh_that_starts_late_gives_way_to_a_value_that_was_set_where_the_stale_one_made_room() {
    let clock = Clock::new();
    let source = ClockSource::Manual(clock.clone());
    let store = StoreRef::Shared(Arc::new(Store::new(Capacity::Entries(1), source, false)));
    let ten_seconds = ticks(Duration::from_secs(10));
    let ask = || match look_up::<Plain<u64>>(&store, false, (ten_seconds, ten_seconds)) {
        Ok(value) => Asked::Value(value),
        Err(miss) => miss.ask(),
    };
    let set = |hash: u64, value: u64| {
        let entry = store.entry(hash, value, Plan::until(NEVER));
        store.put(hash, Arc::new(entry));
    };
    for is_set in [false, true] {
        let Asked::Lead(lead) = ask() else { panic!("nothing is kept") };
        assert_eq!(lead.run(Defaults, || 1), 1);
        clock.advance(Duration::from_secs(15));
        let Asked::Stale(1, ticket) = ask() else { panic!("it is served stale") };
        set(8, 8);
        assert!(store.peek(7).is_none(), "there is room for one");
        if is_set {
            set(7, 5);
        }
        let got = ticket.carry_out(|| match ask() {
            Asked::Lead(lead) => lead.run(Defaults, || 2),
            Asked::Value(value) => value,
            Asked::Stale(..) => panic!("what was stale is gone"),
        });
        let kept = store.fresh(7).and_then(|it| Some(it.typed::<u64, u64>()?.value));
        assert_eq!((got, kept), if is_set { (5, Some(5)) } else { (2, Some(2)) });
        assert_eq!(store.running(), 0);
        store.clear();
    }
    assert_eq!((store.stats().refreshes, store.stats().failed_refreshes), (1, 0));
}
