//! News of the shared tier against what they are about: a value that is on its way, one that is being published, one
//! that this process has written itself.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;

use super::explore;
use crate::clock::NEVER;
use crate::clock::{Clock, ClockSource};
use crate::entry::{Fate, Plan, Resident};
use crate::shared::coherence::index::{Index, Reason};
use crate::store::{Caller, Capacity, Flight, Look, Store, StoreRef};

const KEY: &str = "key";

/// A process and the one value of its shared tier.
#[derive(Clone)]
struct World {
    store: StoreRef,
    index: Arc<Index>,
    tier: Arc<AtomicU64>,
}

impl World {
    fn new() -> Self {
        let clock = ClockSource::Manual(Clock::new());
        let store = Store::new(Capacity::Entries(64), clock, false);
        Self {
            store: StoreRef::Shared(Arc::new(store)),
            index: Arc::new(Index::new()),
            tier: Arc::new(AtomicU64::new(1)),
        }
    }

    /// A call that finds its value in the shared tier: its steps in the order in which a call takes them.
    fn call(&self) -> u64 {
        if let Some(value) = self.held() {
            return value;
        }
        let caller = Caller { asynchronous: false, asks: true };
        let flight = match self.store.lead(7, caller) {
            Look::Lead(row) => Flight::new(self.store.clone(), 7, row, false),
            _ => self.lead_alone(),
        };
        let fate = Fate::new(7);
        flight.asks(&fate);
        self.index.cover(KEY, &fate, &self.store);
        let value = self.tier.load(Ordering::SeqCst);
        thread::yield_now();
        flight.land(self.entry(&fate, value), 0);
        value
    }

    fn lead_alone(&self) -> Flight {
        let row = self.store.lead_alone(7, Caller { asynchronous: false, asks: true });
        Flight::new(self.store.clone(), 7, row, true)
    }

    fn entry(&self, fate: &Arc<Fate>, value: u64) -> Resident {
        let plan = Plan { fate: Some(Arc::clone(fate)), ..Plan::until(NEVER) };
        Arc::new(self.store.entry(7_u64, value, plan))
    }

    /// What the process serves without asking.
    fn held(&self) -> Option<u64> {
        Some(self.store.fresh(7)?.typed::<u64, u64>()?.value)
    }
}

/// After the news has been heard, the process never serves what was there before.
fn news_wins(news: impl Fn(&Index) + Send + Sync + 'static) {
    explore(move || {
        let world = World::new();
        let callers: Vec<_> = (0..2)
            .map(|_| {
                let world = world.clone();
                thread::spawn(move || assert!(matches!(world.call(), 1 | 2)))
            })
            .collect();
        world.tier.store(2, Ordering::SeqCst);
        news(&world.index);
        assert_ne!(world.held(), Some(1), "heard of, and served");
        assert_eq!(world.call(), 2);
        for caller in callers {
            caller.join().unwrap();
        }
        assert_ne!(world.held(), Some(1), "heard of, and kept");
        assert_eq!(world.store.running(), 0);
    });
}

#[test]
fn an_event_beats_the_fills_and_the_publications_before_it() {
    news_wins(|index| drop(index.tell(KEY)));
}

#[test]
fn a_gap_beats_the_fills_and_the_publications_before_it() {
    news_wins(|index| drop(index.flush(Reason::Gap)));
}

#[test]
fn an_end_beats_the_fills_that_go_on() {
    explore(|| {
        let world = World::new();
        let caller = {
            let world = world.clone();
            thread::spawn(move || {
                let (flight, fate) = (world.lead_alone(), Fate::new(7));
                flight.asks(&fate);
                if !world.index.cover(KEY, &fate, &world.store) {
                    fate.kill();
                }
                flight.land(world.entry(&fate, 1), 0);
            })
        };
        drop(world.index.end());
        caller.join().unwrap();
        assert_eq!(world.held(), None, "no event would reach it");
    });
}

/// An own write, its echo and another process's write, in any order: what the process goes on to serve is what the
/// tier has.
#[test]
fn an_own_write_stays_if_nothing_came_after_it() {
    explore(|| {
        let world = World::new();
        world.tier.store(0, Ordering::SeqCst);
        let fate = Fate::new(7);
        world.index.cover(KEY, &fate, &world.store);
        let flight = Store::put_flying(&world.store, 7, world.entry(&fate, 5));
        let other = {
            let world = world.clone();
            thread::spawn(move || {
                world.tier.store(6, Ordering::SeqCst);
                look(&world, world.index.tell(KEY));
            })
        };
        let hash = world.index.hash(KEY.as_bytes());
        world.index.begin(hash, &fate);
        world.tier.store(5, Ordering::SeqCst);
        let echo = {
            let world = world.clone();
            thread::spawn(move || look(&world, world.index.tell(KEY)))
        };
        let mut stands = world.index.settle(hash, &fate, Some(Some(5)));
        if !stands {
            stands = world.tier.load(Ordering::SeqCst) == 5 && world.index.confirm(hash, &fate);
        }
        if !stands {
            world.index.quit(hash, &fate);
            fate.kill();
        }
        drop(flight);
        other.join().unwrap();
        echo.join().unwrap();
        let held = world.held();
        assert!(held.is_none() || held == Some(world.tier.load(Ordering::SeqCst)), "{held:?}");
    });
}

/// What is done in the background about an event that may be an echo.
fn look(world: &World, told: crate::shared::coherence::index::Told) {
    let hash = world.index.hash(KEY.as_bytes());
    for ((_, fate), _, put) in &told.doubted {
        let found = Some(world.tier.load(Ordering::SeqCst));
        if found != *put || !world.index.confirm(hash, fate) {
            fate.kill();
        }
    }
}
