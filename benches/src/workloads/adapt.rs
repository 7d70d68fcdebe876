//! How soon a cache serves a new working set, after it was full of something else.

use std::fmt::Display;
use std::thread;
use std::time::Duration;

use cached::{Cached, LruTtlCache};
use cachekit::testing::Clock;

use crate::harness::in_new_thread;
use crate::options::Options;
use crate::peers::{self, Moka};
use crate::report::{Adapted, OURS_STORE, Report};
use crate::subjects;
use crate::zipf::reseed;

const CAPACITY: u64 = 1_000;
/// The sizes of the new working sets, which are asked for key by key, again and again.
const LOOPS: [u64; 9] = [100, 200, 300, 400, 500, 600, 700, 800, 900];
const ROUNDS: usize = 60;

/// What the cache was full of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fill {
    /// As many keys as fit, asked for once.
    Cold,
    /// The same, five times.
    Hot,
    /// Ten times as many, and then their time is over.
    Expired,
}

impl Fill {
    fn title(self) -> &'static str {
        match self {
            Fill::Cold => "1,000 other keys, once",
            Fill::Hot => "1,000 other keys, five times each",
            Fill::Expired => "10,000 other keys, now expired",
        }
    }

    /// How many keys, and how often.
    fn asks(self) -> (u64, usize) {
        match self {
            Fill::Cold => (CAPACITY, 1),
            Fill::Hot => (CAPACITY, 5),
            Fill::Expired => (10 * CAPACITY, 1),
        }
    }

    /// Short where it is waited for, and never over meanwhile otherwise.
    fn ttl(self) -> Duration {
        match self {
            Fill::Cold | Fill::Hot => subjects::TTL,
            Fill::Expired => Duration::from_secs(2),
        }
    }
}

/// Asks for a key, stores it if it was missing, and returns whether it was there.
type Ask = Box<dyn FnMut(u64) -> bool>;

struct Contender {
    name: &'static str,
    /// Whether its time is the system's, which has to be waited for.
    waits: bool,
    make: fn(Duration, &Clock) -> Ask,
}

const CONTENDERS: [Contender; 4] = [
    Contender { name: OURS_STORE, waits: false, make: ours },
    Contender { name: "quick_cache, no TTL", waits: false, make: quick },
    Contender { name: "moka(ttl)", waits: true, make: moka },
    Contender { name: "cached's LruTtlCache", waits: true, make: cached },
];

fn ours(ttl: Duration, clock: &Clock) -> Ask {
    let cache = cachekit::Cache::<u64, u64>::builder();
    let cache = cache.capacity(CAPACITY).ttl(ttl).clock(clock).build();
    Box::new(move |key| {
        let mut hit = true;
        cache.get_or_insert_with(&key, || {
            hit = false;
            subjects::number(key)
        });
        hit
    })
}

fn quick(_: Duration, _: &Clock) -> Ask {
    let cache = peers::quick_for::<u64, u64>(CAPACITY);
    Box::new(move |key| {
        let hit = cache.get(&key).is_some();
        if !hit {
            cache.insert(key, subjects::number(key));
        }
        hit
    })
}

/// As with the traces, its decisions are made after each insert.
fn moka(ttl: Duration, _: &Clock) -> Ask {
    let cache = Moka::builder().max_capacity(CAPACITY).time_to_live(ttl).build();
    Box::new(move |key| {
        let hit = cache.get(&key).is_some();
        if !hit {
            cache.insert(key, subjects::number(key));
            cache.run_pending_tasks();
        }
        hit
    })
}

fn cached(ttl: Duration, _: &Clock) -> Ask {
    let capacity = usize::try_from(CAPACITY).expect("a small number");
    let mut cache = LruTtlCache::new(capacity, ttl);
    Box::new(move |key| {
        let hit = cache.cache_get(&key).is_some();
        if !hit {
            cache.cache_set(key, subjects::number(key));
        }
        hit
    })
}

pub(crate) fn run(options: &Options, report: &mut Report) {
    let seeds = options.pick(2, 20);
    println!(
        "\nthe first round over a new working set without a miss, capacity {CAPACITY}; the worst of {seeds} seeds"
    );
    let mut of_ours = Vec::new();
    for fill in [Fill::Cold, Fill::Hot, Fill::Expired] {
        print_line(&format!("  after {}", fill.title()), LOOPS);
        for contender in &CONTENDERS {
            let rounds = contender.adapt(fill, seeds);
            let name = format!("    {}", contender.name);
            print_line(&name, rounds.iter().map(|rounds| shown(*rounds)));
            if contender.name == OURS_STORE {
                of_ours.extend(rounds);
            }
        }
    }
    report.adapted =
        Some(Adapted { rounds: of_ours.into_iter().try_fold(0, later), tried: ROUNDS });
}

impl Contender {
    /// For each loop, the first round without a miss, with the seed that takes longest.
    fn adapt(&self, fill: Fill, seeds: usize) -> Vec<Option<usize>> {
        let runs = LOOPS.iter().flat_map(|&keys| (0..seeds as u64).map(move |seed| (keys, seed)));
        let rounds: Vec<_> = if fill == Fill::Expired && self.waits {
            // All are filled first, so that there is one wait.
            let clock = Clock::new();
            let filled: Vec<_> =
                runs.clone().map(|(_, seed)| self.filled(fill, seed, &clock)).collect();
            thread::sleep(fill.ttl() + Duration::from_millis(100));
            filled
                .into_iter()
                .zip(runs)
                .map(|(mut ask, (keys, seed))| served(&mut ask, keys, seed))
                .collect()
        } else {
            let run = |(keys, seed)| {
                let clock = Clock::new();
                let mut ask = self.filled(fill, seed, &clock);
                if fill == Fill::Expired {
                    clock.advance(fill.ttl());
                }
                served(&mut ask, keys, seed)
            };
            runs.map(|keys_and_seed| in_new_thread(|| run(keys_and_seed))).collect()
        };
        rounds.chunks(seeds).map(|seeds| seeds.iter().copied().try_fold(0, later)).collect()
    }

    fn filled(&self, fill: Fill, seed: u64, clock: &Clock) -> Ask {
        let mut ask = (self.make)(fill.ttl(), clock);
        let (keys, times) = fill.asks();
        for _ in 0..times {
            // Far from the ids of the loops.
            for id in 0..keys {
                ask(reseed((1 << 32) + id, seed));
            }
        }
        ask
    }
}

/// The first round in which all of the keys were there.
fn served(ask: &mut Ask, keys: u64, seed: u64) -> Option<usize> {
    (1..=ROUNDS).find(|_| (0..keys).filter(|&id| !ask(reseed(id, seed))).count() == 0)
}

/// The later of two rounds, where `None` is never.
fn later(worst: usize, rounds: Option<usize>) -> Option<usize> {
    Some(worst.max(rounds?))
}

fn shown(rounds: Option<usize>) -> String {
    rounds.map_or_else(|| "never".to_owned(), |rounds| rounds.to_string())
}

fn print_line(name: &str, values: impl IntoIterator<Item: Display>) {
    print!("{name:<42}");
    for value in values {
        print!(" {value:>5}");
    }
    println!();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has everything from this ask on.
    fn after(misses: u64) -> Ask {
        let mut asked = 0;
        Box::new(move |_| {
            asked += 1;
            asked > misses
        })
    }

    #[test]
    fn a_round_counts_if_nothing_is_missing_in_it() {
        assert_eq!(served(&mut after(0), 100, 1), Some(1));
        assert_eq!(served(&mut after(100), 100, 1), Some(2));
        assert_eq!(served(&mut after(101), 100, 1), Some(3));
        assert_eq!(served(&mut after(u64::MAX), 100, 1), None);
    }

    #[test]
    fn one_seed_that_never_gets_there_is_the_worst() {
        assert_eq!([Some(3), Some(7), Some(2)].into_iter().try_fold(0, later), Some(7));
        assert_eq!([Some(3), None, Some(2)].into_iter().try_fold(0, later), None);
    }
}
