//! The option `ttl` in all its forms.

use std::time::Duration;

use cachekit::cache;
use cachekit::testing::{Isolated, isolate};
use cachekit_tests::{Runs, block_on};

static RUNS: Runs = Runs::new();

const SECOND: Duration = Duration::from_secs(1);

/// Checks that what `call` stores lives for exactly `seconds`.
#[track_caller]
fn lives_for<R>(test: &Isolated, seconds: u64, call: impl Fn() -> R) {
    RUNS.take();
    call();
    assert_eq!(RUNS.take(), 1, "not stored yet");
    test.clock().advance(Duration::from_secs(seconds - 1));
    call();
    assert_eq!(RUNS.take(), 0, "expired early");
    test.clock().advance(SECOND);
    call();
    assert_eq!(RUNS.take(), 1, "served too long");
}

#[track_caller]
fn never_expires<R>(test: &Isolated, call: impl Fn() -> R) {
    RUNS.take();
    call();
    test.clock().advance(SECOND * 3600 * 24 * 365 * 10);
    call();
    assert_eq!(RUNS.take(), 1);
}

#[track_caller]
fn not_stored<R>(call: impl Fn() -> R) {
    RUNS.take();
    call();
    call();
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn literals() {
    #[cache]
    fn never(n: u32) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl = 60)]
    fn seconds(n: u32) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl = 1_000u64)]
    fn suffixed(n: u32) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl = "5m")]
    fn minutes(n: u32) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl = "1h30m")]
    async fn combined(n: u32) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl = "2 days")]
    fn words(n: u32) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl = "1w")]
    fn week(n: u32) -> u32 {
        RUNS.add() + n
    }
    let test = isolate();
    never_expires(&test, || never(1));
    lives_for(&test, 60, || seconds(1));
    lives_for(&test, 1_000, || suffixed(1));
    lives_for(&test, 300, || minutes(1));
    lives_for(&test, 5_400, || block_on(combined(1)));
    lives_for(&test, 172_800, || words(1));
    lives_for(&test, 604_800, || week(1));
}

#[test]
fn milliseconds() {
    #[cache(ttl = "250ms")]
    fn short(n: u32) -> u32 {
        RUNS.add() + n
    }
    let test = isolate();
    short(1);
    test.clock().advance(Duration::from_millis(249));
    short(1);
    assert_eq!(RUNS.take(), 1);
    test.clock().advance(Duration::from_millis(2));
    short(1);
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn expressions() {
    const LONG: Duration = Duration::from_secs(100);
    struct Config {
        ttl: Duration,
    }
    fn configured() -> Config {
        Config { ttl: Duration::from_secs(200) }
    }
    #[cache(ttl = LONG)]
    fn constant(n: u32) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl = configured().ttl / 2)]
    fn computed(n: u32) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl = seconds * 2, skip(seconds))]
    fn from_argument(n: u32, seconds: u64) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl = config.ttl, key = n)]
    fn from_reference(n: u32, config: &Config) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl = config.ttl, key = n)]
    async fn from_moved(n: u32, config: Config) -> u32 {
        let Config { ttl } = config;
        assert!(!ttl.is_zero());
        RUNS.add() + n
    }
    #[cache(ttl = -i64::from(n))]
    fn negative(n: u32) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl = None::<Duration>)]
    fn endless(n: u32) -> u32 {
        RUNS.add() + n
    }
    #[cache(ttl = (n > 0).then_some(30))]
    fn perhaps(n: u32) -> u32 {
        RUNS.add() + n
    }
    let test = isolate();
    lives_for(&test, 100, || constant(1));
    lives_for(&test, 100, || computed(1));
    lives_for(&test, 14, || from_argument(1, 7));
    lives_for(&test, 200, || from_reference(1, &configured()));
    lives_for(&test, 200, || block_on(from_moved(1, configured())));
    not_stored(|| negative(1));
    not_stored(|| negative(0));
    never_expires(&test, || endless(1));
    lives_for(&test, 30, || perhaps(1));
    never_expires(&test, || perhaps(0));
}

#[test]
fn methods_may_read_it_from_self() {
    struct Client {
        ttl: Duration,
    }
    impl Client {
        #[cache(self = shared, ttl = self.ttl)]
        fn get(&self, n: u32) -> u32 {
            RUNS.add() + n
        }
    }
    let test = isolate();
    let client = Client { ttl: SECOND * 40 };
    lives_for(&test, 40, || client.get(1));
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Token {
    expires_in: u64,
}

#[test]
fn from_the_value() {
    #[cache(ttl = |token| token.expires_in)]
    fn token(n: u64) -> Token {
        RUNS.add();
        Token { expires_in: n }
    }
    #[cache(ttl = |token: &Token| Duration::from_secs(token.expires_in))]
    fn typed(n: u64) -> Result<Token, String> {
        RUNS.add();
        Ok(Token { expires_in: n })
    }
    #[cache(ttl = |token| token.as_ref().map(|token| token.expires_in))]
    async fn optional(n: u64) -> Option<Token> {
        RUNS.add();
        (n > 0).then_some(Token { expires_in: n })
    }
    #[cache(ttl = |token| token.expires_in.saturating_sub(margin), skip(margin))]
    fn with_margin(n: u64, margin: u64) -> Token {
        RUNS.add();
        Token { expires_in: n }
    }
    let test = isolate();
    lives_for(&test, 20, || token(20));
    not_stored(|| token(0));
    lives_for(&test, 20, || typed(20).unwrap());
    lives_for(&test, 20, || block_on(optional(20)));
    never_expires(&test, || block_on(optional(0)));
    lives_for(&test, 15, || with_margin(20, 5));
    not_stored(|| with_margin(21, 21));
}

#[test]
fn per_outcome() {
    #[cache(ttl(ok = 100, err = 10))]
    fn both(n: u32) -> Result<u32, String> {
        RUNS.add();
        if n == 0 { Err("zero".to_owned()) } else { Ok(n) }
    }
    #[cache(ttl(ok = "100s", none = "10s"))]
    fn found(n: u32) -> Option<u32> {
        RUNS.add();
        (n > 0).then_some(n)
    }
    #[cache(ttl(none = 10))]
    fn only_none(n: u32) -> Option<u32> {
        RUNS.add();
        (n > 0).then_some(n)
    }
    #[cache(ttl(err = 10))]
    async fn only_err(n: u32) -> Result<u32, u32> {
        RUNS.add();
        if n == 0 { Err(7) } else { Ok(n) }
    }
    #[cache(ttl(ok = 100))]
    fn only_ok(n: u32) -> Result<u32, u32> {
        RUNS.add();
        if n == 0 { Err(7) } else { Ok(n) }
    }
    let test = isolate();
    lives_for(&test, 100, || both(1));
    lives_for(&test, 10, || both(0));
    assert_eq!((both(0), both(1)), (Err("zero".to_owned()), Ok(1)));
    lives_for(&test, 100, || found(1));
    lives_for(&test, 10, || found(0));
    never_expires(&test, || only_none(1));
    lives_for(&test, 10, || only_none(0));
    never_expires(&test, || block_on(only_err(1)));
    lives_for(&test, 10, || block_on(only_err(0)));
    lives_for(&test, 100, || only_ok(1));
    not_stored(|| only_ok(0));
}

#[test]
fn per_outcome_from_the_value_and_the_error() {
    #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
    enum Refused {
        RetryAfter(u64),
        Broken,
    }
    const BRIEF: Duration = Duration::from_secs(5);
    #[cache(ttl(ok = |token| token.expires_in, err = |error| match error {
        Refused::RetryAfter(seconds) => Some(Duration::from_secs(*seconds)),
        Refused::Broken => Some(Duration::ZERO),
    }))]
    fn token(n: u64) -> Result<Token, Refused> {
        RUNS.add();
        match n {
            0 => Err(Refused::Broken),
            1..10 => Err(Refused::RetryAfter(n)),
            _ => Ok(Token { expires_in: n }),
        }
    }
    #[cache(ttl(ok = u64::from(n), none = BRIEF))]
    fn found(n: u32) -> Option<u32> {
        RUNS.add();
        (n > 9).then_some(n)
    }
    let test = isolate();
    lives_for(&test, 30, || token(30));
    lives_for(&test, 7, || token(7));
    not_stored(|| token(0));
    lives_for(&test, 30, || found(30));
    lives_for(&test, 5, || found(3));
}

#[test]
fn a_hit_does_not_prolong() {
    #[cache(ttl = 60)]
    fn busy(n: u32) -> u32 {
        RUNS.add() + n
    }
    let test = isolate();
    for _ in 0..120 {
        busy(1);
        test.clock().advance(SECOND);
    }
    assert_eq!(RUNS.take(), 2);
    assert_eq!(busy::stats().expirations, 1);
}

#[test]
fn set_and_refresh_start_anew() {
    #[cache(ttl = 60)]
    fn value(n: u32) -> u32 {
        RUNS.add() * 100 + n
    }
    let test = isolate();
    value(1);
    test.clock().advance(SECOND * 40);
    value::set(&1, 5);
    test.clock().advance(SECOND * 59);
    assert_eq!(value(1), 5);
    test.clock().advance(SECOND);
    assert_ne!(value(1), 5);
    test.clock().advance(SECOND * 40);
    value::refresh(1);
    RUNS.take();
    test.clock().advance(SECOND * 59);
    value(1);
    assert_eq!(RUNS.take(), 0);
}

// `set` stores "as if the function had returned it now", so the options that look at a value count. Where
// one needs the arguments of a call, there is no telling, and `set` only removes.

#[test]
fn set_errors_live_as_long_as_returned_ones() {
    #[cache(ttl(ok = 100, err = 10))]
    fn both(n: u32) -> Result<u32, String> {
        Ok(n)
    }
    let test = isolate();
    both::set(&1, Err("maintenance".to_owned()));
    assert!(both(1).is_err());
    test.clock().advance(SECOND * 10);
    assert_eq!(both(1), Ok(1));
}

#[test]
fn set_values_say_how_long_they_live() {
    #[cache(ttl = |seconds| u64::from(*seconds))]
    fn from_value(n: u32) -> u32 {
        n
    }
    let test = isolate();
    from_value::set(&1, 20);
    assert_eq!(from_value(1), 20);
    test.clock().advance(SECOND * 20);
    assert_eq!(from_value(1), 1);
}

#[test]
fn set_values_follow_a_computed_ttl() {
    const BRIEF: Duration = Duration::from_secs(20);
    #[cache(ttl = BRIEF)]
    fn computed(n: u32) -> u32 {
        n
    }
    let test = isolate();
    computed::set(&1, 20);
    assert_eq!(computed(1), 20);
    test.clock().advance(BRIEF);
    assert_eq!(computed(1), 1);
}

#[test]
fn set_values_follow_the_condition() {
    #[allow(dead_code)] // Only its companions are called.
    #[cache(if = |value| *value > 10)]
    fn conditional(n: u32) -> u32 {
        n
    }
    let _test = isolate();
    conditional::set(&1, 11);
    assert_eq!(conditional::peek(&1), Some(11));
    conditional::set(&1, 3);
    assert_eq!(conditional::peek(&1), None, "what was there is outdated, too");
}

#[test]
fn set_values_whose_options_need_a_call_only_outdate() {
    #[cache(ttl = limit * 2, skip(limit))]
    fn limited(n: u32, limit: u64) -> u32 {
        RUNS.add() + n
    }
    let _test = isolate();
    limited(1, 10);
    limited::set(&1, 70);
    assert_eq!(limited::peek(&1), None);
}

#[test]
fn set_values_have_their_weight() {
    #[allow(dead_code)] // Only its companions are called.
    #[cache(capacity = 100, weight = |_, text| text.len() as u64)]
    fn text(length: usize) -> String {
        "x".repeat(length)
    }
    let _test = isolate();
    text::set(&1, "x".repeat(60));
    assert_eq!(text::stats().weight, 60);
}

#[test]
fn what_nothing_uses_goes() {
    #[cache(ttl = "1h", idle = "10m")]
    fn used(n: u32) -> u32 {
        RUNS.add() * n
    }
    #[cache(idle = 600)]
    async fn used_async(n: u32) -> u32 {
        n
    }
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let test = isolate();
    RUNS.take();
    assert_eq!(used(1), 1);
    for _ in 0..6 {
        test.clock().advance(minutes(9));
        assert_eq!(used(1), 1, "it is in use");
    }
    test.clock().advance(minutes(6));
    assert_eq!(used(1), 2, "its hour is over");
    test.clock().advance(minutes(10));
    assert_eq!(used::peek(&1), None);
    assert_eq!(used(1), 3);
    used::set(&1, 50);
    test.clock().advance(minutes(9));
    assert_eq!((used::contains(&1), used(1)), (true, 50));
    test.clock().advance(minutes(9));
    assert!(used::contains(&1), "used nine minutes ago; to look at it is no use");
    test.clock().advance(minutes(1));
    assert!(!used::contains(&1));
    block_on(async {
        used_async(1).await;
        test.clock().advance(minutes(9));
        used_async(1).await;
        test.clock().advance(minutes(9));
        used_async(1).await;
        test.clock().advance(minutes(10));
        used_async(1).await;
        assert_eq!((used_async::stats().hits, used_async::stats().misses), (2, 2));
    });
}
