//! A cache follows its program to new keys, whatever it held before.

use cachekit::Cache;

const CAPACITY: u64 = 1_000;

/// Far more than it takes: the seed of the hashes is another one in each process.
const ROUNDS: u32 = 40;

/// Looks keys up; how many were missing.
fn misses(cache: &Cache<u64, u64>, keys: std::ops::Range<u64>) -> usize {
    let mut misses = 0;
    for key in keys {
        cache.get_or_insert_with(&key, || {
            misses += 1;
            key
        });
    }
    misses
}

/// What a cache held before: so many keys, each asked for so often in turn.
#[derive(Clone, Copy, Debug)]
struct Before {
    keys: u64,
    times: u32,
}

#[test]
fn a_loop_that_fits_is_served_in_full_whatever_was_there_before() {
    let before =
        [(1_000, 1), (1_000, 5), (1_000, 40), (2_000, 10), (1_100, 30), (1_500, 40), (3_000, 60)];
    for before in before.map(|(keys, times)| Before { keys, times }) {
        for new in [50, 100, 300, 600, 900] {
            let cache = Cache::builder().capacity(CAPACITY).build();
            for _ in 0..before.times {
                misses(&cache, 0..before.keys);
            }
            let keys = 1_000_000..1_000_000 + new;
            let served = (0..ROUNDS).any(|_| misses(&cache, keys.clone()) == 0);
            assert!(
                served,
                "a loop over {new} keys still misses after {ROUNDS} rounds, behind {before:?}"
            );
        }
    }
}

#[test]
fn a_loop_that_does_not_fit_keeps_what_does() {
    let cache = Cache::builder().capacity(CAPACITY).build();
    let keys = 0..CAPACITY * 3 / 2;
    for _ in 0..20 {
        misses(&cache, keys.clone());
    }
    // Two of three fit. A cache that let every newcomer in would miss all of them.
    let missed: usize = (0..20).map(|_| misses(&cache, keys.clone())).sum();
    assert!(missed < 20 * 700, "{missed} of {} were missing", 20 * 1_500);
}

#[test]
fn bursts_do_not_displace_what_is_used_all_the_time() {
    const HOT: u64 = 980;
    const ASKS: u32 = 3;
    let cache = Cache::builder().capacity(CAPACITY).build();
    for _ in 0..40 {
        misses(&cache, 0..HOT);
    }
    // As many requests as for the hot keys are for keys that each come three times, 30 such requests apart.
    let mut missed = 0;
    let mut bursts = std::collections::VecDeque::new();
    for step in 0..100 * HOT {
        missed += misses(&cache, step % HOT..step % HOT + 1);
        let (key, asked) = match bursts.front() {
            Some(&(due, key, asked)) if due <= step => {
                bursts.pop_front();
                (key, asked)
            }
            _ => (1_000_000 + step, 0),
        };
        misses(&cache, key..key + 1);
        if asked + 1 < ASKS {
            bursts.push_back((step + 30, key, asked + 1));
        }
    }
    assert!(missed < 10 * usize::try_from(HOT).unwrap(), "{missed} of {} were missing", 100 * HOT);
}
