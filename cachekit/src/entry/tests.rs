use std::any::TypeId;
use std::sync::{Arc, Barrier};

use super::{End, Entry, Head, Plan, Resident, end, mix, reuse};
use crate::clock::NEVER;
use crate::counters::CounterId;

fn head(plan: Plan) -> Head {
    Head::new(1, CounterId::NONE, plan)
}

fn plain() -> Head {
    head(Plan::until(NEVER))
}

fn entry(key: u64, value: &str) -> Resident {
    Arc::new(Entry { head: plain(), key, value: value.to_owned() })
}

#[test]
fn an_entry_is_alive_until_it_ends_and_never_again() {
    let killed = plain();
    assert!(killed.is_alive() && !killed.is_dead());
    assert!(killed.kill() && killed.is_dead());
    assert!(!killed.kill(), "it is dead already");

    let evicted = plain();
    evicted.kill();
    assert!(evicted.is_dead() && !evicted.kill());
}

#[test]
fn a_reader_that_sees_an_entry_sees_its_value_and_its_time() {
    for round in 0..if cfg!(miri) { 20 } else { 2_000 } {
        let slot: std::sync::Mutex<Option<Resident>> = std::sync::Mutex::new(None);
        let barrier = Barrier::new(2);
        std::thread::scope(|scope| {
            let (slot, barrier) = (&slot, &barrier);
            scope.spawn(move || {
                let head = head(Plan::until(round + 1));
                let entry = Entry { head, key: round, value: round.to_string() };
                barrier.wait();
                *slot.lock().unwrap() = Some(Arc::new(entry));
            });
            scope.spawn(move || {
                barrier.wait();
                let seen = slot.lock().unwrap().clone();
                if let Some(entry) = seen {
                    let entry = entry.typed::<u64, String>().unwrap();
                    assert_eq!(entry.head.expires(), round + 1);
                    assert_eq!(entry.value, round.to_string());
                }
            });
        });
    }
}

#[test]
fn an_entry_is_opened_as_what_it_is_and_as_nothing_else() {
    let opened = entry(1, "a");
    assert!(opened.typed::<u64, String>().is_some_and(|it| (it.key, &*it.value) == (1, "a")));
    assert!(opened.typed::<u64, u64>().is_none());
    assert!(opened.typed::<u32, String>().is_none());
}

#[test]
fn an_entry_of_two_words_takes_a_block_of_64_bytes() {
    // The two counts of an `Arc`, and what malloc keeps in front of a block.
    let size = size_of::<Entry<u64, u64>>() + 16 + 8;
    assert!(cfg!(any(cachekit_model, not(target_pointer_width = "64"))) || size <= 64, "{size}");
}

#[test]
fn one_caller_at_a_time_refreshes() {
    let stale = head(Plan { window: 10, ..Plan::until(1) });
    assert!(stale.claim_refresh(5));
    assert!(!stale.claim_refresh(6), "the refresh is under way");
    stale.release_refresh(10);
    assert!(!stale.claim_refresh(9), "it failed a moment ago");
    assert!(stale.claim_refresh(10));
}

#[test]
fn a_stale_window_follows_an_expiry_that_comes() {
    let forever = head(Plan { window: 10, ..Plan::until(NEVER) });
    assert_eq!((forever.expires(), forever.stale_until()), (NEVER, 0));
    assert!(!forever.is_over(NEVER - 1));

    let short = head(Plan::until(5));
    assert_eq!(short.stale_until(), 0);
    assert!(!short.is_over(4) && short.is_over(5));

    let stale = head(Plan { window: 10, weight: 0, ..Plan::until(5) });
    assert_eq!(stale.stale_until(), 15);
    assert!(!stale.is_over(14) && stale.is_over(15));
    assert_eq!(stale.weight(), 1, "nothing is weightless");
}

#[test]
fn a_use_moves_the_time_of_an_entry_that_idles() {
    let idle = head(Plan { idle: 10, now: 0, ..Plan::until(100) });
    assert!(idle.is_fresh_now(|| 9));
    assert!(idle.is_fresh_now(|| 18), "since the use at 9");
    assert_eq!(idle.expires(), 28);
    assert!(!idle.is_fresh_now(|| 28));
    assert!(idle.is_over(28) && !idle.is_over(27));
    let bounded = head(Plan { idle: 10, now: 0, ..Plan::until(15) });
    assert!(bounded.is_fresh_now(|| 9) && bounded.is_fresh_now(|| 14));
    assert!(!bounded.is_fresh_now(|| 15), "no use lets it live beyond its time");
    let moving = head(Plan { ruled: Some(10), ..Plan::until(50) });
    assert!(moving.is_ruled() && !idle.is_ruled() && moving.is_fresh_now(|| 9));
    moving.rule(40);
    assert!(moving.is_fresh_now(|| 39) && !moving.is_fresh_now(|| 40));

    let fixed = head(Plan::until(10));
    assert!(fixed.is_fresh_now(|| 9) && !fixed.is_fresh_now(|| 10));
    fixed.rule(40);
    assert_eq!(fixed.expires(), 10);
}

#[test]
fn a_use_is_noted_until_eviction_has_looked() {
    let used = plain();
    assert!(!used.take_visit());
    used.visit();
    used.visit();
    used.enter_thread_cache();
    assert!(used.is_visited() && used.take_visit());
    assert!(!used.is_visited() && used.is_in_thread_caches());
}

#[test]
fn an_entry_that_ended_enters_no_thread_cache_and_stays_known_to_those_it_is_in() {
    let entry = plain();
    assert!(entry.enter_thread_cache() && entry.enter_thread_cache(), "two thread caches");
    assert!(entry.kill() && entry.is_in_thread_caches());
    assert!(!entry.enter_thread_cache(), "a third");
    assert!(!entry.kill() && entry.is_in_thread_caches());
    let never = plain();
    never.kill();
    assert!(!never.is_in_thread_caches() && !never.enter_thread_cache());
}

#[test]
fn caches_spread_equal_hashes() {
    let (here, there) = (TypeId::of::<Head>(), TypeId::of::<Plan>());
    assert_ne!(mix(1, here, 0), mix(1, here, 1));
    assert_ne!(mix(1, here, 0), mix(1, there, 0));
    assert_eq!(mix(1, here, 0), mix(1, here, 0));
}

#[cfg(feature = "shared")]
mod fates {
    use super::{Arc, Entry, NEVER, Plan, Resident, head};
    use crate::entry::Fate;

    fn entry_of(fate: &Arc<Fate>) -> Resident {
        let plan = Plan { fate: Some(Arc::clone(fate)), ..Plan::until(NEVER) };
        Arc::new(Entry { head: head(plan), key: 1_u64, value: 1_u64 })
    }

    #[test]
    fn a_fate_that_ended_becomes_no_entry() {
        for end in [Fate::kill as fn(&Fate), |fate| drop(fate.outdate()), Fate::condemn] {
            let fate = Fate::new(1);
            assert!(!fate.is_dead());
            end(&fate);
            assert!(fate.is_dead());
            assert!(!fate.becomes(&entry_of(&fate)));
        }
    }

    #[test]
    fn the_end_of_a_fate_is_that_of_its_entry() {
        let fate = Fate::new(1);
        let entry = entry_of(&fate);
        assert!(fate.becomes(&entry) && !fate.is_dead());
        assert!(fate.outdate().first);
        assert!(entry.head().is_dead() && fate.is_dead() && !fate.is_invalidated());
        assert!(!fate.outdate().first, "once");
        fate.kill();
        assert!(fate.is_invalidated());

        let fate = Fate::new(1);
        let entry = entry_of(&fate);
        assert!(fate.becomes(&entry));
        entry.head().kill();
        assert!(fate.is_dead() && fate.is_invalidated());

        let fate = Fate::new(1);
        assert!(fate.becomes(&entry_of(&fate)));
        assert!(fate.entry().is_none(), "nothing holds it any more");
    }

    #[test]
    fn an_entry_in_doubt_is_trusted_again_unless_it_ended() {
        let fate = Fate::new(1);
        let entry = entry_of(&fate);
        assert!(!fate.trust(), "there is no entry");
        assert!(fate.becomes(&entry));
        assert!(entry.head().doubt() && !entry.head().is_alive() && !entry.head().is_dead());
        assert!(!entry.head().doubt(), "it is in doubt");
        assert!(fate.trust() && entry.head().is_alive());
        assert!(entry.head().doubt());
        assert!(fate.outdate().first);
        assert!(!fate.trust() && !entry.head().is_alive());
    }
}

#[test]
fn the_memory_of_an_inert_entry_waits_for_the_next_of_its_types() {
    let made = |key: u64| reuse::plain((1, CounterId::NONE, NEVER), key, key * 2);
    let read = |entry: &Resident| {
        let entry = entry.typed::<u64, u64>().unwrap();
        (entry.key, entry.value, entry.head.is_alive(), entry.head.is_visited())
    };
    let first = made(1);
    let place = Arc::as_ptr(&first);
    first.head().visit();
    first.head().kill();
    reuse::leave(first);
    let second = made(2);
    assert!(std::ptr::addr_eq(place, Arc::as_ptr(&second)), "the same memory");
    assert_eq!(read(&second), (2, 4, true, false), "and another entry");

    let held = Arc::clone(&second);
    reuse::leave(second);
    let third = made(3);
    assert_eq!((read(&third), read(&held)), ((3, 6, true, false), (2, 4, true, false)));

    let watched = Arc::downgrade(&third);
    reuse::leave(third);
    assert_eq!(read(&made(4)), (4, 8, true, false));
    assert!(watched.upgrade().is_none(), "what was left is let go of, and not used");

    reuse::leave(made(5));
    let other: Resident = reuse::plain((1, CounterId::NONE, NEVER), 6_u32, 7_u64);
    assert!(other.typed::<u64, u64>().is_none());
    assert!(other.typed::<u32, u64>().is_some_and(|other| (other.key, other.value) == (6, 7)));
}

#[test]
fn only_an_entry_without_a_destructor_that_nothing_holds_is_inert() {
    let ends = |entry: &Resident| end(entry, entry.look());
    let plain = |entry: Entry<u64, u64>| -> Resident { Arc::new(entry) };
    let number = |head: Head| plain(Entry { head, key: 1, value: 2 });
    assert!(ends(&number(self::plain())) == End::Inert);
    assert!(ends(&entry(1, "a")) == End::Plain, "its value has a destructor");
    let weighs = head(Plan { weight: 2, ..Plan::until(NEVER) });
    assert!(ends(&number(weighs)) == End::Plain, "it has more than a time");
    let large: Resident = Arc::new(Entry { head: self::plain(), key: 1_u64, value: [0_u64; 64] });
    assert!(ends(&large) == End::Plain, "it is large");

    let held = number(self::plain());
    let holder = Arc::clone(&held);
    assert!(ends(&held) == End::Plain && holder.head().is_dead());
    let in_thread_caches = number(self::plain());
    let thread_cache = Arc::clone(&in_thread_caches);
    assert!(thread_cache.head().enter_thread_cache());
    assert!(ends(&in_thread_caches) == End::Fronted);
}
