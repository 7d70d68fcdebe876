//! Of two runs of one key, the one that started later is kept, whichever ends first.

use shuttle::sync::mpsc;
use shuttle::{future, thread};

use super::{cache, explore};
use crate::Cache;

/// How a value comes into the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Fill,
    FillAsync,
    Refresh,
    RefreshAsync,
    Set,
    Invalidate,
}

/// What the caller got, if it asked for something.
fn go(cache: &Cache<u64, u64>, way: Way, value: u64, begun: impl FnOnce() + Send) -> Option<u64> {
    let run = move || {
        begun();
        thread::yield_now();
        value
    };
    match way {
        Way::Fill => Some(cache.get_or_insert_with(&7, run)),
        Way::Refresh => Some(crate::refresh(|| cache.get_or_insert_with(&7, run))),
        Way::FillAsync | Way::RefreshAsync => future::block_on(async {
            let filled = cache.get_or_insert_async(&7, async {
                let value = run();
                future::yield_now().await;
                value
            });
            Some(match way {
                Way::RefreshAsync => crate::refresh_async(filled).await,
                _ => filled.await,
            })
        }),
        Way::Set => {
            cache.insert(7, value);
            None
        }
        Way::Invalidate => {
            cache.invalidate(&7);
            None
        }
    }
}

/// `second` starts when the function of `first` runs.
fn younger_wins(first: Way, second: Way, kept: Option<u64>) {
    explore(move || {
        let cache = cache();
        let (begun, has_begun) = mpsc::channel();
        let older = {
            let cache = cache.clone();
            thread::spawn(move || go(&cache, first, 1, move || begun.send(()).unwrap()))
        };
        has_begun.recv().unwrap();
        let seen = go(&cache, second, 2, || ());
        assert_eq!(older.join().unwrap(), Some(1), "its own value");
        // A fill that came when the older run had just ended found what that one kept.
        let kept = if seen == Some(1) { seen } else { kept };
        assert_eq!(cache.get(&7), kept, "{first:?} and then {second:?}");
        assert_eq!(cache.running(), 0);
    });
}

macro_rules! pairs {
    ($($name:ident: $first:ident, $second:ident => $kept:expr;)*) => {$(
        #[test]
        fn $name() {
            younger_wins(Way::$first, Way::$second, $kept);
        }
    )*};
}

pairs! {
    a_refresh_after_a_fill: Fill, Refresh => Some(2);
    a_refresh_after_a_refresh: Refresh, Refresh => Some(2);
    an_async_refresh_after_a_refresh: Refresh, RefreshAsync => Some(2);
    an_async_refresh_after_an_async_fill: FillAsync, RefreshAsync => Some(2);
    a_fill_after_a_refresh: Refresh, Fill => Some(2);
    an_async_fill_after_an_async_refresh: RefreshAsync, FillAsync => Some(2);
    // A thread does not wait for a future: a run beside it.
    a_run_beside_a_fill: FillAsync, Fill => Some(2);
    a_set_after_a_fill: Fill, Set => Some(2);
    a_set_after_a_refresh: RefreshAsync, Set => Some(2);
    an_invalidation_after_a_fill: FillAsync, Invalidate => None;
    an_invalidation_after_a_refresh: Refresh, Invalidate => None;
}

#[test]
fn three_refreshes_and_a_set() {
    explore(|| {
        let cache = cache();
        let mut running = Vec::new();
        for value in 1..=3 {
            let (begun, has_begun) = mpsc::channel();
            let cache = cache.clone();
            running.push(thread::spawn(move || {
                let begun = move || begun.send(()).unwrap();
                go(&cache, Way::Refresh, value, begun);
            }));
            has_begun.recv().unwrap();
        }
        go(&cache, Way::Set, 4, || ());
        for refresh in running {
            refresh.join().unwrap();
        }
        assert_eq!(cache.get(&7), Some(4));
    });
}
