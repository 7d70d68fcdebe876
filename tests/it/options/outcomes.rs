//! Which results are stored: `Ok` and `Some`, `None`, never `Err` unless the attribute says so.

use std::sync::Arc;
use std::time::Duration;

use cachekit::cache;
use cachekit::testing::isolate;
use cachekit_tests::{Runs, block_on};

static RUNS: Runs = Runs::new();

type Res<T> = Result<T, String>;
type Outcome = Res<u32>;
type Maybe<T> = Option<T>;

/// No `Clone`: like the errors of most libraries.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Opaque(&'static str);

mod aliases {
    pub(super) type Answer<T, E = super::Opaque> = std::result::Result<T, E>;
    pub(super) struct Type<T>(T);
    pub(super) trait Associated {
        type Output;
    }
    impl<T> Associated for Type<T> {
        type Output = Result<T, String>;
    }
}

#[cache]
fn plain(n: u32) -> Result<u32, String> {
    RUNS.add();
    if n == 0 { Err("zero".to_owned()) } else { Ok(n) }
}

#[cache]
fn alias(n: u32) -> Res<u32> {
    RUNS.add();
    if n == 0 { Err("zero".to_owned()) } else { Ok(n) }
}

#[cache]
fn nested_alias(n: u32) -> Outcome {
    RUNS.add();
    if n == 0 { Err("zero".to_owned()) } else { Ok(n) }
}

#[cache]
fn qualified(n: u32) -> std::io::Result<u32> {
    RUNS.add();
    if n == 0 { Err(std::io::Error::other("zero")) } else { Ok(n) }
}

#[cache]
fn any(n: u32) -> anyhow::Result<u32> {
    RUNS.add();
    anyhow::ensure!(n > 0, "zero");
    Ok(n)
}

#[cache]
fn opaque(n: u32) -> aliases::Answer<u32> {
    RUNS.add();
    if n == 0 { Err(Opaque("zero")) } else { Ok(n) }
}

#[cache]
fn associated(n: u32) -> <aliases::Type<u32> as aliases::Associated>::Output {
    RUNS.add();
    if n == 0 { Err("zero".to_owned()) } else { Ok(n) }
}

#[cache]
fn boxed(n: u32) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    RUNS.add();
    if n == 0 { Err("zero".into()) } else { Ok(n) }
}

#[cache]
async fn asynchronous(n: u32) -> anyhow::Result<u32> {
    RUNS.add();
    anyhow::ensure!(n > 0, "zero");
    Ok(n)
}

#[cache::local]
fn rc_error(n: u32) -> Result<u32, std::rc::Rc<str>> {
    RUNS.add();
    if n == 0 { Err("zero".into()) } else { Ok(n) }
}

/// Calls twice for an error and twice for a value: two runs and one.
#[track_caller]
fn errors_are_not_stored<E>(call: impl Fn(u32) -> Result<u32, E>) {
    RUNS.take();
    assert!(call(0).is_err() && call(0).is_err());
    assert_eq!(RUNS.take(), 2);
    assert!(matches!((call(1), call(1)), (Ok(1), Ok(1))));
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn errors_of_every_spelling_are_not_stored() {
    let _test = isolate();
    errors_are_not_stored(plain);
    errors_are_not_stored(alias);
    errors_are_not_stored(nested_alias);
    errors_are_not_stored(qualified);
    errors_are_not_stored(any);
    errors_are_not_stored(opaque);
    errors_are_not_stored(associated);
    errors_are_not_stored(boxed);
    errors_are_not_stored(rc_error);
    errors_are_not_stored(|n| block_on(asynchronous(n)));
    assert_eq!(plain::stats().entries, 1);
}

#[test]
fn set_does_not_store_errors_either() {
    let _test = isolate();
    plain(1).unwrap();
    plain::set(&2, Err("told so".to_owned()));
    assert_eq!(plain::peek(&2), None);
    assert_eq!(plain(2), Ok(2));
}

#[test]
fn an_error_does_not_harm_what_is_stored() {
    static FAIL: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    #[cache]
    fn flaky(n: u32) -> Result<u32, String> {
        if FAIL.load(std::sync::atomic::Ordering::SeqCst) { Err("down".to_owned()) } else { Ok(n) }
    }
    let _test = isolate();
    assert_eq!(flaky(1), Ok(1));
    FAIL.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(flaky::refresh(1).is_err(), "the caller of a refresh hears about it");
    assert_eq!(flaky(1), Ok(1), "what was known before the failed refresh is still served");
}

#[test]
fn none_is_stored() {
    #[cache]
    fn found(n: u32) -> Option<u32> {
        RUNS.add();
        (n > 0).then_some(n)
    }
    #[cache]
    fn maybe(n: u32) -> Maybe<String> {
        RUNS.add();
        (n > 0).then(|| n.to_string())
    }
    #[cache]
    fn inside(n: u32) -> Result<Option<u32>, String> {
        RUNS.add();
        Ok((n > 0).then_some(n))
    }
    let _test = isolate();
    assert_eq!([found(0), found(0), found(1), found(1)], [None, None, Some(1), Some(1)]);
    assert_eq!((maybe(0), maybe(0), maybe(1)), (None, None, Some("1".to_owned())));
    assert_eq!((inside(0), inside(0)), (Ok(None), Ok(None)));
    assert_eq!(RUNS.take(), 5);
    // Knowing that there is none is not the same as not knowing.
    assert_eq!((found::peek(&0), found::peek(&7)), (Some(None), None));
}

#[test]
fn nested_outcomes_are_values() {
    #[cache]
    fn option_of_result(n: u32) -> Option<Result<u32, String>> {
        RUNS.add();
        Some(if n == 0 { Err("zero".to_owned()) } else { Ok(n) })
    }
    #[cache]
    fn tuple(n: u32) -> (Result<u32, String>, bool) {
        RUNS.add();
        (Err("always".to_owned()), n > 0)
    }
    let _test = isolate();
    assert_eq!(option_of_result(0), option_of_result(0));
    assert_eq!(tuple(0), tuple(0));
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn errors_are_stored_where_the_attribute_says_so() {
    #[cache(ttl(ok = 60, err = 5))]
    fn negative(n: u32) -> Res<u32> {
        RUNS.add();
        if n == 0 { Err("zero".to_owned()) } else { Ok(n) }
    }
    #[cache::local(ttl(err = 5))]
    fn shared_error(n: u32) -> Result<u32, Arc<anyhow::Error>> {
        RUNS.add();
        if n == 0 { Err(Arc::new(anyhow::anyhow!("zero"))) } else { Ok(n) }
    }
    let test = isolate();
    assert_eq!((negative(0), negative(0)), (Err("zero".to_owned()), Err("zero".to_owned())));
    assert_eq!(RUNS.take(), 1);
    test.clock().advance(Duration::from_secs(5));
    assert!(negative(0).is_err());
    assert_eq!(RUNS.take(), 1);
    assert_eq!(negative::peek(&0), Some(Err("zero".to_owned())));
    let (first, second) = (shared_error(0).unwrap_err(), shared_error(0).unwrap_err());
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn zero_at_run_time_is_not_stored() {
    const NOT_AT_ALL: u32 = 0;
    #[cache(ttl = Duration::from_secs(seconds), skip(seconds))]
    fn computed(n: u32, seconds: u64) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl(ok = |n| *n, err = Duration::ZERO))]
    fn both(n: u32) -> Result<u32, String> {
        RUNS.add();
        if n == 1 { Err("one".to_owned()) } else { Ok(n) }
    }
    #[cache(ttl(none = NOT_AT_ALL))]
    fn found(n: u32) -> Option<u32> {
        RUNS.add();
        (n > 0).then_some(n)
    }
    let _test = isolate();
    assert_eq!((computed(1, 0), computed(1, 0)), (2, 3));
    assert_eq!(computed::stats().entries, 0);
    RUNS.take();
    assert!(both(0).is_ok() && both(0).is_ok() && both(1).is_err() && both(1).is_err());
    assert_eq!(RUNS.take(), 4);
    assert_eq!([found(0), found(0), found(1), found(1)], [None, None, Some(1), Some(1)]);
    assert_eq!(RUNS.take(), 3);
}

#[test]
fn a_panic_stores_nothing() {
    #[cache]
    fn fragile(n: u32) -> u32 {
        assert!(RUNS.add() > 1, "the first run fails");
        n
    }
    let _test = isolate();
    assert!(std::panic::catch_unwind(|| fragile(1)).is_err());
    assert_eq!((fragile(1), fragile(1)), (1, 1));
    assert_eq!(RUNS.take(), 2);
}

const TTL: Duration = Duration::from_secs(60);

#[test]
fn set_knows_what_an_option_says_without_a_call() {
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Page {
        id: u64,
        path: String,
    }
    /// Fields, a key and a constant that are called like the arguments.
    #[cache(
        capacity = 100,
        if = |page| page.id != 0,
        weight = |(id, _), page| page.path.len() as u64 + id,
        ttl = self::TTL
    )]
    fn page(id: u64, path: &str) -> Page {
        Page { id, path: path.to_owned() }
    }

    let test = isolate();
    let told = |id| Page { id, path: "told".to_owned() };
    page::set(&1, "/", told(1));
    assert_eq!((page(1, "/"), page::stats().weight), (told(1), 5));
    page::set(&1, "/", told(0));
    assert!(!page::contains(&1, "/"));
    page::set(&2, "/", told(2));
    test.clock().advance(TTL);
    assert!(!page::contains(&2, "/"));
}

#[test]
fn what_an_option_rejects_reaches_no_other() {
    #[cache(
        capacity = 100,
        if = |rows| !rows.is_empty(),
        ttl = |rows| Duration::from_secs(u64::from(rows[0])),
        weight = |_, rows| u64::from(60 / rows[0])
    )]
    fn rows(first: Option<u32>) -> Vec<u32> {
        first.into_iter().collect()
    }
    #[cache(
        capacity = 100,
        if = |rows| !rows.is_empty(),
        ttl = |rows| Duration::from_secs(u64::from(rows[0])),
        weight = |_, rows| u64::from(60 / rows[0])
    )]
    async fn fallible(first: Option<u32>) -> Result<Vec<u32>, String> {
        Ok(rows(first))
    }

    let _test = isolate();
    // Empty: no TTL and no weight. No TTL: no weight.
    assert_eq!((rows(None), rows(Some(0)), rows(Some(5))), (vec![], vec![0], vec![5]));
    assert_eq!((rows::stats().entries, rows::stats().weight), (1, 12));
    rows::set(&Some(5), vec![]);
    assert!(!rows::contains(&Some(5)));
    assert_eq!(block_on(fallible(None)), Ok(vec![]));
    assert_eq!(fallible::stats().entries, 0);
    // What is not stored says why, by the first option that rejects it.
    assert_eq!(rows::explain(&None).not_stored, Some(cachekit::explain::NotStored::Condition));
    assert_eq!(rows::explain(&Some(0)).not_stored, Some(cachekit::explain::NotStored::NoTime));
}
