//! What each option does, but for `ttl`, which has a file of its own.

mod disable;
mod key_templates;
mod left_out_types;
mod off;
mod outcomes;
mod ttl;

use std::sync::LazyLock;

use cachekit::testing::isolate;
use cachekit::{Cache, TtlPolicy, cache};
use cachekit_tests::Runs;

static RUNS: Runs = Runs::new();

#[test]
fn capacity_bounds_the_entries() {
    const FEW: u64 = 3;
    #[cache(capacity = 3)]
    fn literal(n: u32) -> u32 {
        n
    }
    #[cache(capacity = FEW * 2)]
    fn constant(n: u32) -> u32 {
        n
    }
    #[cache::local(capacity = 1)]
    fn single(n: u32) -> u32 {
        RUNS.add();
        n
    }
    let _test = isolate();
    for n in 0..100 {
        assert_eq!((literal(n), constant(n), single(n), single(n)), (n, n, n, n));
        assert!(literal::stats().entries <= 3);
        assert!(constant::stats().entries <= 6);
        assert!(single::stats().entries <= 1);
    }
    assert!(literal::stats().evictions >= 97);
    assert_eq!(constant::stats().entries, 6, "the room is used");
    let listed = cachekit::functions();
    let listed = listed.iter().find(|function| function.name() == "constant").unwrap();
    assert_eq!(listed.policy().capacity, Some(6));
}

#[test]
fn weight_counts_against_the_capacity() {
    #[expect(clippy::ptr_arg, reason = "the types are those of the key and the value")]
    fn heaviness(key: &usize, value: &String) -> u64 {
        (key / key.max(&1) + value.len()) as u64
    }
    #[cache(capacity = 100, weight = |_, text| text.len() as u64)]
    fn text(length: usize, letter: char) -> String {
        RUNS.add();
        std::iter::repeat_n(letter, length).collect()
    }
    #[cache(capacity = 50, weight = heaviness)]
    fn by_path(length: usize) -> String {
        "x".repeat(length)
    }
    let _test = isolate();
    for letter in 'a'..='z' {
        text(30, letter);
        assert!(text::stats().weight <= 100 && text::stats().entries <= 3);
    }
    assert_eq!((text::stats().weight, text::stats().entries), (90, 3));
    RUNS.take();
    // Too heavy to be kept at all; its caller gets it, and the others stay.
    assert_eq!(text(101, 'a').len() + text(101, 'a').len(), 202);
    assert_eq!((RUNS.take(), text::contains(&101, &'a')), (2, false));
    by_path(10);
    assert_eq!(by_path::stats().weight, 11);
}

#[test]
fn weight_sees_the_value_inside_a_result() {
    #[cache(capacity = 100, weight = |(_, name), list| name.len() as u64 + u64::from(list[0]))]
    fn listed(n: u8, name: &str) -> Result<Vec<u8>, String> {
        if name.is_empty() { Err("no name".into()) } else { Ok(vec![n]) }
    }
    let _test = isolate();
    assert!(listed(5, "").is_err());
    assert_eq!(listed(5, "abc"), Ok(vec![5]));
    assert_eq!((listed::stats().weight, listed::stats().entries), (8, 1));
}

#[test]
fn key_replaces_the_arguments() {
    #[derive(Clone)]
    struct Request {
        user: String,
        // Nothing a key could be made of.
        trace: std::rc::Rc<u8>,
    }
    #[cache(key = (&request.user, page % 10))]
    fn page(request: &Request, page: u32) -> String {
        RUNS.add();
        format!("{}{page}{}", request.user, request.trace)
    }
    #[cache(key = request.user.to_lowercase())]
    fn owned(request: Request) -> String {
        RUNS.add();
        request.user
    }
    #[cache(key = ())]
    fn constant(n: u32) -> u32 {
        RUNS.add();
        n
    }
    #[cache(key = ((a.min(b), a.max(b)), *a == *b))]
    fn symmetric(a: u32, b: u32) -> u32 {
        RUNS.add();
        a * b
    }
    #[cache(key = x + y)]
    fn taken_apart((x, y): (u32, u32), _rest: std::cell::Cell<u8>) -> u32 {
        RUNS.add();
        x * y
    }
    let _test = isolate();
    let request = Request { user: "Ada".into(), trace: std::rc::Rc::new(1) };
    assert_eq!((page(&request, 1), page(&request, 11)), ("Ada11".into(), "Ada11".into()));
    assert_eq!(page(&Request { user: "Bob".into(), ..request.clone() }, 1), "Bob11");
    assert_eq!(RUNS.take(), 2);
    let lower = Request { user: "ada".into(), ..request.clone() };
    assert_eq!((owned(request.clone()), owned(lower)), ("Ada".into(), "Ada".into()));
    assert_eq!((constant(1), constant(2)), (1, 1));
    assert_eq!((symmetric(3, 4), symmetric(4, 3), symmetric(4, 4)), (12, 12, 16));
    let cell = std::cell::Cell::new(0);
    assert_eq!((taken_apart((2, 3), cell.clone()), taken_apart((1, 4), cell)), (6, 6));
    assert_eq!(RUNS.take(), 5);
    assert_eq!(owned::peek(&request).as_deref(), Some("Ada"));
    assert!(page::invalidate(&request, &21).was_cached());
}

#[test]
fn skipped_arguments_do_not_count() {
    #[cache(skip(log, connection))]
    fn query(log: &mut Vec<String>, sql: &str, connection: std::cell::Cell<u8>) -> usize {
        log.push(format!("{sql}{}", connection.get()));
        sql.len()
    }
    let _test = isolate();
    let mut log = Vec::new();
    let cell = std::cell::Cell::new(7);
    assert_eq!(query(&mut log, "select", cell.clone()), 6);
    assert_eq!(query(&mut Vec::new(), "select", std::cell::Cell::new(8)), 6);
    assert_eq!(log, ["select7"]);
    assert_eq!(query::peek("select"), Some(6));
    assert!(query::invalidate("select").was_cached());
    assert_eq!(query::refresh(&mut log, "select", cell), 6);
    assert_eq!(log.len(), 2);
}

#[test]
fn if_decides_what_is_stored() {
    fn is_even(n: &u32) -> bool {
        n.is_multiple_of(2)
    }
    #[cache(if = |value| *value < limit)]
    fn small(n: u32, limit: u32) -> u32 {
        RUNS.add();
        n
    }
    #[cache(if = is_even)]
    fn even(n: u32) -> u32 {
        RUNS.add();
        n
    }
    #[cache(if = |list| !list.is_empty())]
    fn full(n: usize) -> Result<Vec<u8>, String> {
        RUNS.add();
        Ok(vec![0; n])
    }
    #[cache(if = |found| found.is_some())]
    async fn found(n: u32) -> Option<u32> {
        RUNS.add();
        (n > 0).then_some(n)
    }
    let _test = isolate();
    assert_eq!([small(1, 5), small(1, 5), small(9, 5), small(9, 5)], [1, 1, 9, 9]);
    assert_eq!(RUNS.take(), 3);
    assert_eq!([even(2), even(2), even(3), even(3)], [2, 2, 3, 3]);
    assert_eq!(RUNS.take(), 3);
    for n in [0, 0, 1, 1] {
        assert_eq!(full(n), Ok(vec![0; n]));
        let n = u32::try_from(n).unwrap();
        assert_eq!(cachekit_tests::block_on(found(n)), (n > 0).then_some(n));
    }
    assert_eq!(RUNS.take(), 6);
    assert_eq!(small::stats().entries, 1);
    let listed = cachekit::functions();
    assert!(
        listed.iter().any(|function| function.name() == "small" && function.policy().conditional)
    );
}

#[test]
fn version_and_namespace_are_listed() {
    #[cache(version = 3, namespace = "shop-1.eu_west", ttl = "1h30m")]
    fn versioned(n: u32) -> u32 {
        n
    }
    let _test = isolate();
    assert_eq!(versioned(1), 1);
    let listed = cachekit::functions();
    let policy = listed.iter().find(|function| function.name() == "versioned").unwrap().policy();
    assert_eq!((policy.version, policy.namespace), (3, Some("shop-1.eu_west")));
    assert_eq!(policy.ttl, TtlPolicy::Fixed(std::time::Duration::from_secs(5400)));
}

mod names {
    #[cachekit::cache(name = UserCache, vis = pub(in crate::options))]
    pub(crate) fn user(id: u32) -> u32 {
        id
    }

    pub(crate) struct Shop;

    impl Shop {
        #[cachekit::cache(self = shared, name = price_entry, vis = pub(crate))]
        fn price(&self, item: u32) -> u32 {
            item * 100
        }

        pub(super) fn ask(&self, item: u32) -> u32 {
            self.price(item)
        }
    }
}

#[test]
fn name_and_vis_of_companions() {
    let _test = isolate();
    // The companion's name is free for a type.
    #[allow(non_camel_case_types)]
    struct user(u32);
    assert_eq!(names::user(1) + user(1).0, 2);
    assert_eq!(names::UserCache::peek(&1), Some(1));
    names::Shop.ask(2);
    assert_eq!(names::Shop.price_entry(&2).peek(), Some(200));
}

static WORDS: LazyLock<Cache<String, usize>> = LazyLock::new(|| Cache::new(100));

#[cache(in = WORDS)]
fn length(word: &str) -> usize {
    RUNS.add();
    word.len()
}

#[cache(in = WORDS, key = word.trim(), if = |length| *length > 0, ttl = 60)]
fn trimmed(word: &str) -> Result<usize, String> {
    RUNS.add();
    if word.contains('!') { Err("loud".to_owned()) } else { Ok(word.trim().len()) }
}

struct Directory {
    users: Cache<(u32, String), Option<u32>>,
    offset: u32,
}

impl Directory {
    #[cache(in = self.users, skip(log))]
    fn find(&self, id: u32, name: &str, log: &mut Vec<u32>) -> Option<u32> {
        log.push(id);
        (!name.is_empty()).then_some(id + self.offset)
    }

    #[cache(in = self.users)]
    async fn find_later(&self, id: u32, name: &str) -> Option<u32> {
        RUNS.add();
        (!name.is_empty()).then_some(id + self.offset)
    }
}

#[test]
fn in_names_the_cache() {
    let _test = isolate();
    assert_eq!((length("in a"), length("in a"), WORDS.get("in a")), (4, 4, Some(4)));
    assert_eq!(RUNS.take(), 1);
    // Another function over the same cache: that is what the author asked for.
    assert_eq!(trimmed("  in a "), Ok(4));
    assert_eq!(RUNS.take(), 0);
    assert!(trimmed("in b!").is_err() && trimmed("in b!").is_err());
    assert_eq!((trimmed(""), trimmed("")), (Ok(0), Ok(0)));
    assert_eq!(RUNS.take(), 4);
    WORDS.insert("in c".to_owned(), 9);
    assert_eq!(length("in c"), 9);
    assert!(WORDS.invalidate("in c"));
    assert_eq!(length("in c"), 4);
}

#[test]
fn in_names_a_field() {
    let new = |offset| Directory { users: Cache::new(10), offset };
    let (a, b) = (new(0), new(100));
    let mut log = Vec::new();
    for _ in 0..2 {
        assert_eq!((a.find(1, "x", &mut log), b.find(1, "x", &mut log)), (Some(1), Some(101)));
        assert_eq!(a.find(1, "", &mut log), None);
        assert_eq!(cachekit_tests::block_on(a.find_later(1, "x")), Some(1));
    }
    assert_eq!((log, RUNS.take()), (vec![1, 1, 1], 0));
    assert_eq!((a.users.len(), b.users.len()), (2, 1));
    assert_eq!(a.users.get(&(1, "x".to_owned())), Some(Some(1)));
    // Counted by the cache, not by the function.
    assert_eq!(a.users.stats().misses, 2);
}
