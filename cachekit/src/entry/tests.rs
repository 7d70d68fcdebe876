use std::any::TypeId;
use std::sync::Arc;
use std::sync::Barrier;

use super::{AnyEntry, Entry, Head, Owner};
use crate::clock::NEVER;
use crate::counters::CounterId;

fn owner() -> Owner {
    Owner { function: TypeId::of::<Head>(), instance: 0 }
}

fn head(hash: u64) -> Head {
    Head::new(owner(), hash, CounterId::NONE)
}

fn entry(key: u64) -> Entry<u64, String> {
    Entry::new(head(9), key)
}

#[test]
fn the_first_of_publication_and_invalidation_wins() {
    let published = head(1);
    assert!(!published.is_alive() && !published.is_dead());
    assert!(published.publish() && published.is_alive());
    assert!(!published.publish(), "once");
    assert!(published.kill() && published.is_dead());
    assert!(!published.kill(), "it is dead already");

    let killed = head(1);
    assert!(!killed.kill(), "it was never alive");
    assert!(!killed.publish() && killed.is_dead());

    let evicted = head(1);
    assert!(evicted.publish());
    evicted.evict();
    assert!(evicted.is_dead() && !evicted.publish());
}

#[test]
fn a_reader_that_sees_an_entry_alive_sees_its_value_and_its_time() {
    for round in 0..if cfg!(miri) { 20 } else { 2_000 } {
        let entry = Arc::new(entry(round));
        let barrier = Barrier::new(3);
        std::thread::scope(|scope| {
            let (entry, barrier) = (&entry, &barrier);
            scope.spawn(move || {
                barrier.wait();
                entry.body.value.set(round.to_string()).unwrap();
                entry.head.set_expires(round);
                entry.head.publish();
            });
            scope.spawn(move || {
                barrier.wait();
                entry.head.kill();
            });
            scope.spawn(move || {
                barrier.wait();
                if entry.head.is_alive() {
                    assert_eq!(entry.head.expires(), round);
                    assert_eq!(entry.body.value.get(), Some(&round.to_string()));
                }
            });
        });
        assert!(entry.head.is_dead(), "nothing that was killed comes back");
    }
}

#[test]
fn an_entry_is_opened_as_what_it_is_and_as_nothing_else() {
    let opened: Arc<AnyEntry> = Arc::new(entry(1));
    assert!(opened.body_as::<u64, String>().is_some_and(|body| body.key == 1));
    assert!(opened.body_as::<u64, u64>().is_none());
    assert!(opened.body_as::<u32, String>().is_none());
}

#[test]
fn entries_are_the_same_by_owner_types_and_key() {
    let one = entry(1);
    let is_same = |other: &AnyEntry| one.is_same(other);
    assert!(is_same(&entry(1)));
    assert!(!is_same(&entry(2)), "another key");
    assert!(!is_same(&Entry::<u64, u64>::new(head(9), 1)), "another type of value");
    assert!(!is_same(&Entry::<u32, String>::new(head(9), 1)), "another type of key");
    let other = Owner { instance: 1, ..owner() };
    let foreign = Entry::<u64, String>::new(Head::new(other, 9, CounterId::NONE), 1);
    assert!(!is_same(&foreign), "another cache");
}

#[test]
fn one_caller_at_a_time_refreshes() {
    let stale = head(1);
    assert!(stale.claim_refresh(5));
    assert!(!stale.claim_refresh(6), "the refresh is under way");
    stale.release_refresh(10);
    assert!(!stale.claim_refresh(9), "it failed a moment ago");
    assert!(stale.claim_refresh(10));
}

#[test]
fn a_stale_window_follows_an_expiry_that_comes() {
    let forever = head(1);
    forever.set_window(10);
    assert_eq!((forever.expires(), forever.stale_until()), (NEVER, 0));

    let short = head(1);
    short.set_expires(5);
    short.set_window(0);
    assert_eq!(short.stale_until(), 0);
    short.set_window(10);
    assert_eq!(short.stale_until(), 15);
    short.set_weight(0);
    assert_eq!(short.weight(), 1, "nothing is weightless");
}

#[test]
fn owners_spread_equal_hashes() {
    let other = Owner { instance: 1, ..owner() };
    let function = Owner { function: TypeId::of::<Owner>(), instance: 0 };
    assert_ne!(owner().mix(1), other.mix(1));
    assert_ne!(owner().mix(1), function.mix(1));
    assert_eq!(owner().mix(1), owner().mix(1));
}
