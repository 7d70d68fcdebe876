//! News of the shared tier against what they are about: a value that is on its way, one that is being published, one
//! that this process has written itself.

use std::any::TypeId;
use std::sync::Arc;

use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;

use super::explore;
use crate::entry::{AnyEntry, Owner};
use crate::flight::{Caller, Flights, Join, Landing};
use crate::shared::coherence::index::{Index, Reason};
use crate::site::StoreRef;
use crate::store::{Capacity, Found, Store};
use crate::testing::{Clock, ClockSource};

struct Here;

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
        let owner = Owner { function: TypeId::of::<Here>(), instance: 1 };
        let clock = ClockSource::Manual(Clock::new());
        let store = Store::new(owner, Capacity::Entries(64), clock, false);
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
        let entry = self.store.entry::<u64, u64>(7, 7);
        let erased = Arc::clone(&entry) as Arc<AnyEntry>;
        let seen = Flights::global().landed(7);
        let caller = Caller { asynchronous: false, asks: true, seen };
        let same = |other: &AnyEntry| entry.is_same(other);
        let flight = match Flights::global().join(Arc::clone(&erased), caller, &same) {
            Join::Lead { flight, .. } => flight,
            Join::Wait(..) => Flights::global().lead_alone(Arc::clone(&erased), caller),
        };
        self.index.cover(KEY, &erased, &self.store);
        let value = self.tier.load(Ordering::SeqCst);
        thread::yield_now();
        let _ = entry.body.value.set(value);
        self.store.commit(&flight, erased, &entry.head);
        flight.land(Landing::Ready);
        value
    }

    /// What the process serves without asking.
    fn held(&self) -> Option<u64> {
        let Found::Alive(entry) = self.store.find(7) else { return None };
        entry.body_as::<u64, u64>()?.value.get().copied()
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
        assert_eq!(Flights::global().running(), 0);
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
                let entry = world.store.entry::<u64, u64>(7, 7);
                let erased = Arc::clone(&entry) as Arc<AnyEntry>;
                let caller = Caller { asynchronous: false, asks: true, seen: 0 };
                let flight = Flights::global().lead_alone(Arc::clone(&erased), caller);
                if !world.index.cover(KEY, &erased, &world.store) {
                    entry.head.kill();
                }
                let _ = entry.body.value.set(1);
                world.store.commit(&flight, erased, &entry.head);
                flight.land(Landing::Ready);
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
        let entry = world.store.entry::<u64, u64>(7, 7);
        let _ = entry.body.value.set(5);
        let erased = Arc::clone(&entry) as Arc<AnyEntry>;
        world.index.cover(KEY, &erased, &world.store);
        let flight = world.store.put_flying(&entry, (crate::clock::NEVER, 0), 1);
        let other = {
            let world = world.clone();
            thread::spawn(move || {
                world.tier.store(6, Ordering::SeqCst);
                look(&world, world.index.tell(KEY));
            })
        };
        let hash = world.index.hash(KEY.as_bytes());
        world.index.begin(hash, &erased);
        world.tier.store(5, Ordering::SeqCst);
        let echo = {
            let world = world.clone();
            thread::spawn(move || look(&world, world.index.tell(KEY)))
        };
        let mut stands = world.index.settle(hash, &erased, Some(Some(5)));
        if !stands {
            stands = world.tier.load(Ordering::SeqCst) == 5 && world.index.confirm(hash, &erased);
        }
        if !stands {
            world.index.quit(hash, &erased);
            entry.head.kill();
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
    for ((_, entry), put) in &told.doubted {
        let found = Some(world.tier.load(Ordering::SeqCst));
        if found != *put || !world.index.confirm(hash, entry) {
            entry.head.kill();
        }
    }
}
