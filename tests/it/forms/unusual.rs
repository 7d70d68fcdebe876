//! Less usual arguments, receivers and surroundings.

use std::cell::RefCell;
use std::fmt::Display;
use std::marker::PhantomData;
use std::pin::Pin;

use cachekit::cache;
use cachekit::testing::isolate;
use cachekit_tests::{Runs, block_on};

static RUNS: Runs = Runs::new();

/// What calls the function again has the same features.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[test]
#[expect(unsafe_code, reason = "a test has no target features")]
fn functions_with_target_features() {
    #[cache(ttl = 60)]
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "sse2"))]
    #[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
    fn conditional(n: u32) -> u32 {
        RUNS.add();
        inner(n)
    }
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "sse2"))]
    #[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
    fn inner(n: u32) -> u32 {
        n + 1
    }
    #[cfg(target_arch = "x86_64")]
    #[cache(ttl = 60, stale = 5)]
    #[target_feature(enable = "sse2")]
    fn of_this_machine(n: u32) -> u32 {
        RUNS.add();
        inner(n)
    }
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "sse2"))]
    #[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
    fn calls() {
        assert_eq!((conditional(1), conditional(1), conditional::refresh(1)), (2, 2, 2));
        assert_eq!(RUNS.take(), 2);
        #[cfg(target_arch = "x86_64")]
        {
            assert_eq!((of_this_machine(1), of_this_machine::refresh(1)), (2, 2));
            assert_eq!(RUNS.take(), 2);
        }
    }
    let _test = isolate();
    // SAFETY: every processor of these architectures has the feature.
    unsafe {
        calls();
    }
}

#[test]
fn impls_with_lifetimes() {
    struct Parser<'a> {
        text: &'a str,
        words: Vec<&'a str>,
    }
    impl<'a> Parser<'a> {
        fn new(text: &'a str) -> Self {
            Self { text, words: text.split(' ').collect() }
        }

        #[cache(self = key(self.text))]
        pub(crate) fn count(&self, word: &str) -> usize {
            RUNS.add();
            self.words.iter().filter(|found| **found == word).count()
        }

        #[cache(self = key((self.text, &self.words)))]
        async fn later<'b>(&'a self, word: &'b str) -> usize
        where
            'a: 'b,
        {
            RUNS.add();
            self.words.len() + word.len()
        }
    }
    let _test = isolate();
    for _ in 0..2 {
        let text = String::from("a b a");
        let parser = Parser::new(&text);
        assert_eq!((parser.count("a"), parser.count("b"), block_on(parser.later("x"))), (2, 1, 4));
        assert!(parser.count_cache("a").contains());
    }
    assert_eq!(Parser::new("b").count("a"), 0);
    assert_eq!(RUNS.take(), 4);
}

#[test]
fn arguments_that_are_no_data() {
    trait Shape {
        fn corners(&self) -> u32;
    }
    struct Square;
    impl Shape for Square {
        fn corners(&self) -> u32 {
            4
        }
    }
    #[cache(key = shape.corners())]
    fn dynamic(shape: &dyn Shape) -> u32 {
        RUNS.add();
        shape.corners()
    }
    #[cache(skip(action, log, L))]
    fn callbacks<L: FnMut(&str)>(
        n: u32,
        action: Box<dyn Fn(u32) -> u32>,
        mut log: L,
        by: PhantomData<String>,
    ) -> u32 {
        RUNS.add();
        log("ran");
        let PhantomData = by;
        action(n)
    }
    #[cache::local]
    fn pointers(action: fn(u32) -> u32, n: u32) -> u32 {
        RUNS.add();
        action(n)
    }
    #[cache(skip(pick, F))]
    fn higher_ranked<F>(text: &str, pick: F) -> String
    where
        F: for<'a> Fn(&'a str) -> &'a str,
    {
        RUNS.add();
        pick(text).to_owned()
    }
    fn one(n: u32) -> u32 {
        n + 1
    }
    fn two(n: u32) -> u32 {
        n * 2
    }
    let _test = isolate();
    let mut log = Vec::new();
    for _ in 0..2 {
        assert_eq!(dynamic(&Square), 4);
        let note = |line: &str| log.push(line.to_owned());
        assert_eq!(callbacks(1, Box::new(|n| n + 1), note, PhantomData), 2);
        assert_eq!((pointers(one, 5), pointers(two, 5)), (6, 10));
        assert_eq!(higher_ranked("abc", |text| &text[1..]), "bc");
    }
    assert_eq!((RUNS.take(), log.len()), (5, 1));
}

#[test]
fn attributes_of_arguments() {
    #[cache]
    fn noted(#[allow(unused_variables)] a: u32, #[expect(unused_mut)] mut b: u32) -> u32 {
        RUNS.add() + b
    }
    let _test = isolate();
    assert_eq!((noted(1, 2), noted(1, 2), noted(2, 2)), (3, 3, 4));
    RUNS.take();
}

#[test]
fn pinned_receivers() {
    #[derive(Default)]
    struct Machine {
        state: u32,
    }
    impl Machine {
        #[cache(key = (self.state, n))]
        fn step(mut self: Pin<&mut Self>, n: u32) -> u32 {
            RUNS.add();
            self.state += n;
            self.state
        }
        #[cache(self = key(self.state))]
        async fn later(self: Pin<&mut Self>, n: u32) -> u32 {
            RUNS.add();
            self.state + n
        }
    }
    let _test = isolate();
    let mut machine = Box::pin(Machine::default());
    assert_eq!(machine.as_mut().step(5), 5);
    assert_eq!(machine.as_mut().step(5), 10, "it is in another state now");
    let mut again = Box::pin(Machine::default());
    assert_eq!((again.as_mut().step(5), again.state), (5, 0));
    assert_eq!(
        block_on(async { again.as_mut().later(1).await + again.as_mut().later(1).await }),
        2
    );
    assert_eq!(RUNS.take(), 3);
}

#[test]
fn generic_traits() {
    trait Convert<T> {
        #[cache(self = shared)]
        fn convert(&self, n: u32) -> String
        where
            T: Default + Display,
        {
            RUNS.add();
            format!("{n}{}{}", T::default(), std::any::type_name::<Self>().len())
        }
    }
    struct Any;
    impl Convert<u32> for Any {}
    impl Convert<String> for Any {}
    impl Convert<bool> for Any {}
    impl<T> Convert<T> for Vec<T> {}
    let _test = isolate();
    for _ in 0..2 {
        let numbers = <Any as Convert<u32>>::convert(&Any, 1);
        let texts = <Any as Convert<String>>::convert(&Any, 1);
        let flags = <Any as Convert<bool>>::convert(&Any, 1);
        assert!(
            numbers.starts_with("10") && flags.starts_with("1false") && texts.len() < numbers.len()
        );
        assert_ne!(vec![0_u32].convert(1), numbers);
    }
    assert_eq!(RUNS.take(), 4);
}

#[test]
fn mutable_handles_in_async_code() {
    struct Connection {
        queries: u32,
    }
    #[cache(skip(connection))]
    async fn load(connection: &mut Connection, id: u32) -> Result<u32, String> {
        connection.queries += 1;
        tokio::task::yield_now().await;
        Ok(id + connection.queries)
    }
    let _test = isolate();
    let mut connection = Connection { queries: 0 };
    block_on(async {
        assert_eq!(load(&mut connection, 1).await, Ok(2));
        assert_eq!(load(&mut connection, 1).await, Ok(2));
        assert_eq!(load(&mut connection, 2).await, Ok(4));
        assert!(load::invalidate(&1).await.was_cached());
        assert_eq!(load::refresh(&mut connection, 2).await, Ok(5));
    });
    assert_eq!(connection.queries, 3);
}

#[test]
fn bodies_that_borrow_and_change_their_surroundings() {
    struct Counter {
        seen: RefCell<Vec<u32>>,
        total: u32,
    }
    impl Counter {
        #[cache(self = shared)]
        fn add(&mut self, n: u32) -> u32 {
            let Self { seen, total } = self;
            seen.get_mut().push(n);
            *total += n;
            *total
        }
    }
    let _test = isolate();
    let mut counter = Counter { seen: RefCell::default(), total: 0 };
    assert_eq!((counter.add(1), counter.add(1), counter.add(2)), (1, 1, 3));
    assert_eq!(*counter.seen.borrow(), [1, 2]);
}

#[test]
fn modules_in_functions_and_functions_in_constants() {
    const ANSWER: fn() -> u32 = {
        #[cache]
        fn answer() -> u32 {
            RUNS.add() + 41
        }
        answer
    };
    mod inner {
        #[cachekit::cache]
        pub(super) fn answer() -> u32 {
            super::RUNS.add() + 41
        }
    }
    let _test = isolate();
    assert_eq!((ANSWER(), ANSWER(), inner::answer(), inner::answer()), (42, 42, 43, 43));
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn another_name_of_a_reference_is_a_reference() {
    #[derive(Clone, Copy, PartialEq, Eq, Hash)]
    struct User(u8);
    type UserRef<'a> = &'a User;
    trait Lend {
        type Item<'a>;
    }
    impl Lend for User {
        type Item<'a> = &'a User;
    }
    trait Reads<'a> {}
    #[cache::local]
    fn named(user: UserRef<'_>, perhaps: Option<UserRef<'_>>, more: (UserRef<'_>, u8)) -> u8 {
        user.0 + perhaps.map_or(0, |user| user.0) + more.0.0 + more.1
    }
    #[cache::local]
    fn lent(user: <User as Lend>::Item<'_>) -> u8 {
        user.0
    }
    #[cache::local]
    fn bound(marker: PhantomData<dyn for<'x> Reads<'x> + Send + Sync>) -> u8 {
        let PhantomData = marker;
        3
    }
    let _test = isolate();
    let user = User(1);
    for _ in 0..2 {
        assert_eq!(named(&user, Some(&user), (&user, 1)), 4);
        assert_eq!(named(&user, None, (&User(2), 1)), 4);
        assert_eq!((lent(&user), bound(PhantomData)), (1, 3));
    }
    assert_eq!((named::stats().hits, lent::stats().hits, bound::stats().hits), (2, 1, 1));
    named::invalidate(&&user, &Some(&user), &(&user, 1)).ignore();
    assert_eq!(named::peek(&&user, &Some(&user), &(&user, 1)), None);
}

#[test]
fn long_and_odd_signatures() {
    type Alias<'a, T> = &'a [(T, Option<&'a str>)];
    #[cache]
    #[rustfmt::skip]
    fn odd<'a, const N: usize>(
        (a, (b, c)): (u8, (u8, [u8; N],),),
        list: Alias<'a, u8>,
        text: (&'a str, String,),
    ) -> (String, [u8; N],) where [u8; N]: Clone + serde::Serialize + serde::de::DeserializeOwned, {
        (format!("{a}{b}{c:?}{list:?}{text:?}"), c,)
    }
    let _test = isolate();
    for _ in 0..2 {
        let text = ("x", "y".to_owned());
        let (shown, array) = odd((1, (2, [3, 4])), &[(5, None), (6, Some("z"))], text);
        assert_eq!(
            (shown.as_str(), array),
            (r#"12[3, 4][(5, None), (6, Some("z"))]("x", "y")"#, [3, 4])
        );
    }
    assert_eq!(odd::stats().hits, 1);
}

#[test]
fn patterns_with_references_in_a_key() {
    #[cache::local(key = a + b)]
    fn sum((a, &b): (u32, &u32)) -> u32 {
        RUNS_OF_SUMS.add();
        a + b
    }
    #[cache::local(key = (a, b, c))]
    fn parts((mut a, &(b, ref c)): (u32, &(u32, String))) -> String {
        a += 1;
        format!("{a} {b} {c}")
    }
    #[cache::local(key = a)]
    fn changed((&mut a, _): (&mut u32, u32)) -> u32 {
        a
    }
    static RUNS_OF_SUMS: Runs = Runs::new();
    let _test = isolate();
    assert_eq!((sum((1, &2)), sum((2, &1)), sum((2, &2))), (3, 3, 4));
    assert_eq!(RUNS_OF_SUMS.take(), 2);
    assert_eq!(parts((1, &(2, "x".to_owned()))), "2 2 x");
    assert_eq!((changed((&mut 1, 1)), changed((&mut 2, 1))), (1, 2));
}
