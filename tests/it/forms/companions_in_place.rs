//! Companions that neither copy nor keep values: `with`, `purge`.

use cachekit::cache;
use cachekit::testing::isolate;
use cachekit_tests::{Runs, block_on};

/// Counts its clones.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Costly {
    number: u32,
}

static CLONES: Runs = Runs::new();

impl Clone for Costly {
    fn clone(&self) -> Self {
        CLONES.add();
        Self { number: self.number }
    }
}

/// The error comes first.
mod errors_first {
    pub(super) type Result<E, T> = std::result::Result<T, E>;
}

/// No `Result`, in spite of its name.
mod verdicts {
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    pub(super) struct Result<T>(pub(super) T);
}

type Verdict = verdicts::Result<u32>;

#[test]
fn another_type_called_result_can_be_returned() {
    #[cache]
    fn cannot_be_looked_at(number: u32) -> verdicts::Result<u32> {
        verdicts::Result(number)
    }
    #[cache]
    fn whole(number: u32) -> Verdict {
        verdicts::Result(number)
    }
    let _test = isolate();
    assert_eq!((cannot_be_looked_at(1).0, cannot_be_looked_at::peek(&1).unwrap().0), (1, 1));
    assert_eq!((whole(1).0, whole::with(&1, |verdict| verdict.0)), (1, Some(1)));
}

#[test]
fn a_closure_looks_at_the_value_where_it_is() {
    type Outcome = Result<Costly, String>;

    #[cache(ttl = 60)]
    fn plain(number: u32) -> Costly {
        Costly { number }
    }
    #[cache(ttl = 60)]
    async fn fallible(number: u32, look: &str) -> std::result::Result<Costly, String> {
        let _ = look;
        if number > 9 { Err("too much".to_owned()) } else { Ok(Costly { number }) }
    }
    #[cache(ttl(ok = 60, err = 60))]
    fn both(number: u32) -> Result<Costly, String> {
        if number > 9 { Err("too much".to_owned()) } else { Ok(Costly { number }) }
    }
    #[cache(ttl = 60)]
    fn swapped(number: u32) -> errors_first::Result<String, Costly> {
        if number > 9 { Err("too much".to_owned()) } else { Ok(Costly { number }) }
    }
    #[cache(ttl = 60)]
    fn optional(number: u32) -> Option<Costly> {
        (number < 9).then_some(Costly { number })
    }
    #[cache(ttl = 60)]
    fn by_another_name(number: u32) -> Outcome {
        Ok(Costly { number })
    }
    #[cache::local(ttl = 60)]
    fn generic<T: Clone + Send + Sync + 'static + std::hash::Hash + Eq>(of: T) -> usize {
        let _ = of;
        size_of::<T>()
    }
    // Outside of a test scope as well, where the front serves.
    for test in [Some(isolate()), None] {
        assert_eq!(plain::with(&1, |value| value.number), None);
        plain(1);
        block_on(fallible(2, "a")).unwrap();
        block_on(fallible(10, "a")).unwrap_err();
        both(3).unwrap();
        both(10).unwrap_err();
        swapped(6).unwrap();
        swapped(10).unwrap_err();
        optional(4);
        optional(10);
        by_another_name(5).unwrap();
        generic(6_u64);
        CLONES.take();
        for _ in 0..30 {
            assert_eq!(plain::with(&1, |value| value.number), Some(1));
            assert_eq!(fallible::with(&2, "a", |value| value.number), Some(2));
            assert_eq!(both::with(&3, |value| value.number), Some(3));
            assert_eq!(swapped::with(&6, |value| value.number), Some(6));
            assert_eq!(
                optional::with(&4, |value| value.as_ref().map(|it| it.number)),
                Some(Some(4))
            );
        }
        assert_eq!(CLONES.take(), 0, "nothing was cloned");
        assert_eq!(fallible::with(&10, "a", |value| value.number), None, "errors are not stored");
        assert_eq!(both::with(&10, |value| value.number), None, "nor are they values");
        assert_eq!(optional::with(&10, Option::is_none), Some(true));
        let number = |value: &Outcome| value.as_ref().map(|it| it.number).ok();
        assert_eq!(by_another_name::with(&5, number), Some(Some(5)));
        assert_eq!(generic::with::<u64, _>(&6, |size| *size), Some(8));
        assert_eq!(generic::with::<u32, _>(&6, |size| *size), None);
        assert!(plain::stats().hits >= 30);
        // The value stays while it is looked at.
        let seen = plain::with(&1, |value| {
            plain::invalidate(&1).ignore();
            value.number
        });
        assert_eq!((seen, plain::contains(&1)), (Some(1), false));
        drop(test);
    }
}

#[test]
fn purge_drops_what_is_over() {
    #[cache(ttl = 60)]
    fn short(n: u32) -> u32 {
        n
    }
    let test = isolate();
    (0..5).for_each(|n| _ = short(n));
    test.clock().advance(std::time::Duration::from_secs(59));
    short(9);
    test.clock().advance(std::time::Duration::from_secs(1));
    assert_eq!(short::stats().entries, 6);
    assert_eq!((short::purge(), short::stats().entries), (5, 1));
}
