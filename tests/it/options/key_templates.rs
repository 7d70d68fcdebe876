//! Texts with `{…}` in `key`, `tenant` and `self = key(…)`.

use std::sync::Arc;

use cachekit::cache;
use cachekit::testing::{Scope, isolate};
use cachekit_io::MemoryBackend;
use cachekit_io::testing::FaultyBackend;
use cachekit_tests::{Runs, block_on};

use crate::secure::keyring;

static RUNS: Runs = Runs::new();

#[derive(Clone)]
struct User {
    id: u32,
    name: &'static str,
    at: (u8, u8),
}

const ANN: User = User { id: 1, name: "Ann", at: (1, 2) };

#[test]
fn a_template_is_the_text_it_makes() {
    #[cache::local(key = "user:{id}")]
    fn user(id: u32) -> String {
        RUNS.add();
        format!("the file of {id}")
    }
    #[cache(key = "{user.id:04}/{user.at.1}/{{{user.name:?}}}/{type}")]
    fn fields(user: &User, r#type: char, _trace: std::rc::Rc<u8>) -> String {
        RUNS.add();
        format!("{} {} {} {type}", user.id, user.at.1, user.name)
    }
    #[cache(key = ("a{a}", b % 10))]
    fn in_a_tuple((a, b): (u32, u32)) -> u32 {
        RUNS.add();
        a * 1000 + b % 10
    }
    #[cache(ttl = 60, key = "{text}")]
    async fn later(text: String) -> String {
        RUNS.add();
        text
    }
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!((user(1).as_str(), user(2).as_str()), ("the file of 1", "the file of 2"));
    }
    assert_eq!(RUNS.take(), 2);
    assert!(user::contains(&2) && !user::contains(&3));
    assert!(user::invalidate(&2).was_cached() && !user::contains(&2));

    let trace = std::rc::Rc::new(1);
    for other in
        [ANN, User { id: 2, ..ANN }, User { at: (1, 3), ..ANN }, User { name: "Bob", ..ANN }]
    {
        for _ in 0..2 {
            let expected = format!("{} {} {} x", other.id, other.at.1, other.name);
            assert_eq!(fields(&other, 'x', trace.clone()), expected);
        }
    }
    // What the text leaves out is left out.
    fields(&User { at: (9, 2), ..ANN }, 'x', trace.clone());
    assert_eq!(RUNS.take(), 4);

    assert_eq!((in_a_tuple((1, 2)), in_a_tuple((1, 12)), in_a_tuple((2, 2))), (1002, 1002, 2002));
    assert_eq!(RUNS.take(), 2);
    block_on(async {
        assert_eq!(later("a".into()).await, "a");
        assert_eq!(later("b".into()).await, "b");
        assert_eq!(later::peek(&"a".into()).await.as_deref(), Some("a"));
    });
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn values_beside_each_other_stay_apart() {
    macro_rules! apart {
        ($($name:ident = $key:tt),*) => { $({
            #[cache::local(key = $key)]
            fn $name(a: &str, b: &str) -> String {
                format!("<{a}> <{b}>")
            }
            let values = ["", "1", "12", "2", "23", "3", "a", ":", "1:", ":2", "1:2", "/", "1/", "%", "%2F", "%3A", "F"];
            for a in values {
                for b in values {
                    assert_eq!($name(a, b), format!("<{a}> <{b}>"), "{a:?} {b:?}");
                }
            }
            assert_eq!($name::stats().entries, (values.len() * values.len()) as u64);
        })* };
    }
    let _test = isolate();
    apart!(
        colon = "{a}:{b}",
        nothing = "{a}{b}",
        digits = "{a}2{b}",
        percent = "{a}%{b}",
        word = "x{a}aF/{b}y",
        twice = "{a}:{b}:{a}",
        tuple = ("{a}{b}", "x")
    );
}

struct Shop {
    tenant: &'static str,
    place: (u32, u32),
}

impl Shop {
    #[cache::local(self = key("{self.tenant}"))]
    pub(crate) fn price(&self, item: u32) -> String {
        RUNS.add();
        format!("{} {item}", self.tenant)
    }

    #[cache(key = "{self.place.0}{self.place.1}{item}")]
    pub(crate) fn stock(&self, item: u32, _trace: u32) -> String {
        RUNS.add();
        format!("{:?} {item}", self.place)
    }
}

#[test]
fn objects_are_told_apart_by_their_fields() {
    let _test = isolate();
    let a = Shop { tenant: "a", place: (1, 23) };
    let b = Shop { tenant: "b", place: (12, 3) };
    for _ in 0..2 {
        assert_eq!((a.price(1), b.price(1)), ("a 1".to_owned(), "b 1".to_owned()));
        let stock = (a.stock(4, 5), b.stock(4, 5));
        assert_eq!(stock, ("(1, 23) 4".to_owned(), "(12, 3) 4".to_owned()));
    }
    assert_eq!(RUNS.take(), 4);
    assert!(a.price_cache(&1).invalidate().was_cached() && b.price_cache(&1).contains());
    assert!(a.stock_cache(&4, &6).invalidate().was_cached() && b.stock_cache(&4, &6).contains());
}

#[cache::secure(ttl = 60, namespace = "templates", tenant = "{org}/{team}")]
fn file(org: &str, team: &str, id: u32) -> String {
    format!("<{org}> <{team}> {id}")
}

#[cache::secure(ttl = 60, namespace = "templates", skip(shop), tenant = "{shop.tenant}")]
fn sealed(shop: &Shop, id: u32) -> String {
    format!("{} {id}", shop.tenant)
}

#[test]
fn tenants_stay_apart() {
    let store = FaultyBackend::new(MemoryBackend::new());
    let machine =
        || Scope::new().with_backend(Arc::new(store.clone())).with_keyring(keyring(1, &[]));
    let pairs = [("a", "b/c"), ("a/b", "c"), ("a/b/c", ""), ("", "a/b/c"), ("a%2Fb", "c")];
    for machine in [machine(), machine()] {
        machine.run(|| {
            for (org, team) in pairs {
                assert_eq!(file(org, team, 1), format!("<{org}> <{team}> 1"));
            }
            let shop = |tenant| Shop { tenant, place: (0, 0) };
            assert_eq!(
                (sealed(&shop("a"), 1), sealed(&shop("b"), 1)),
                ("a 1".into(), "b 1".into())
            );
        });
    }
    assert_eq!(crate::secure::written(&store).len(), pairs.len() + 2);
}

#[cache::secure(ttl = 60, namespace = "templates", skip(org), tenant = format!("{org}"))]
fn formatted(org: &str, id: u32) -> String {
    format!("{org} {id}")
}

/// Names that only a text mentions are mentioned.
#[test]
fn texts_of_macros_count() {
    #[cache::local(if = |value| *value > format!("{n}").len())]
    fn ruled(n: usize) -> usize {
        n
    }
    #[cache::local(key = format!("{n}"))]
    fn keyed(n: u32, _trace: std::rc::Rc<u8>) -> u32 {
        n
    }
    let _test = isolate();
    assert_eq!((ruled(1), ruled(2)), (1, 2));
    assert!(!ruled::contains(&1) && ruled::contains(&2));
    // What `if` says of a value without a call is not known.
    ruled::set(&2, 5);
    assert!(!ruled::contains(&2));
    let trace = std::rc::Rc::new(1);
    assert_eq!((keyed(1, trace.clone()), keyed(2, trace)), (1, 2));
    Scope::new().with_keyring(keyring(1, &[])).run(|| {
        assert_eq!((formatted("a", 1), formatted("b", 1)), ("a 1".into(), "b 1".into()));
        assert_eq!(formatted::stats().entries, 2);
    });
}
