//! Calls that the key of all languages does not tell apart share nothing: those whose arguments it shows in part, and
//! functions in several instantiations.

use std::any::type_name;
use std::fmt::Debug;
use std::hash::Hash;

use cachekit::interop::{self, DateTime, Set};
use cachekit::key::Float;
use cachekit::{cache, check};
use cachekit_io::Operation;
use cachekit_io::testing::FaultyBackend;
use cachekit_tests::block_on;
use serde::{Deserialize, Serialize, Serializer};

use super::attribute::{backend, machine, stored};
use crate::shared::init_check::problems;

/// Calls a function on two machines with two keys that are not equal.
fn told_apart<K, V: PartialEq + Debug>(
    backend: &FaultyBackend,
    [one, other]: [K; 2],
    function: impl Fn(&K) -> V,
    expected: impl Fn(&K) -> V,
) {
    let (a, b) = (machine(backend), machine(backend));
    for (machine, key) in [(&a, &one), (&b, &other), (&a, &other), (&b, &one)] {
        machine.run(|| assert_eq!(function(key), expected(key)));
    }
}

fn tens<S: Serializer>(number: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u32(number / 10)
}

fn odd(number: &u32) -> bool {
    number % 2 == 1
}

macro_rules! partly_written {
    ($($module:ident, $namespace:literal, [$($derived:ident),*], [$($attribute:tt)*];)*) => {$(
        mod $module {
            use super::*;

            #[derive(Clone, PartialEq, Eq, Hash, $($derived),*)]
            pub(super) struct Who {
                pub(super) id: u32,
                $($attribute)*
                pub(super) level: u32,
            }

            #[cache(interop = "plain", namespace = $namespace, ttl = 60)]
            pub(super) fn plain(who: &Who) -> (u32, u32) {
                (who.id, who.level)
            }

            #[cache::secure(interop = "sealed", namespace = $namespace, ttl = 60)]
            pub(super) fn sealed(who: Who, factor: u32) -> (u32, u32) {
                (who.id, who.level * factor)
            }
        }
    )*};
}

partly_written! {
    skipped, "skipped", [Serialize, Deserialize], [#[serde(skip)]];
    skipped_if, "skipped_if", [Serialize, Deserialize], [#[serde(default, skip_serializing_if = "odd")]];
    coarse, "coarse", [Serialize, Deserialize], [#[serde(serialize_with = "tens")]];
    write_only, "write_only", [Serialize], [#[serde(skip)]];
    whole, "whole", [Serialize, Deserialize], [];
}

#[test]
fn arguments_are_as_different_as_their_eq_says() {
    let backend = backend();
    macro_rules! try_them {
        ($($module:ident)*) => {$(
            for levels in [[1, 2], [0, 1], [1, 0], [20, 21], [21, 20], [1, 3]] {
                let who = levels.map(|level| $module::Who { id: 7, level });
                told_apart(&backend, who.clone(), $module::plain, |who| (7, who.level));
                let sealed = |who: &$module::Who| $module::sealed(who.clone(), 2);
                told_apart(&backend, who, sealed, |who| (7, who.level * 2));
            }
        )*};
    }
    try_them!(write_only);
    assert_eq!(backend.count(Operation::Set) + backend.count(Operation::SetFenced), 0);
    try_them!(skipped skipped_if coarse whole);
    // What is written whole is shared.
    let who = whole::Who { id: 7, level: 21 };
    assert!(stored(&backend, &interop::key("whole", "plain", &(&who,)).unwrap()).is_some());
    assert!(stored(&backend, &interop::key("whole", "sealed", &(&who, 2)).unwrap()).is_some());
    // And it is said where values stay.
    let said = machine(&backend).run(|| problems(block_on(check())));
    for function in ["plain", "sealed"] {
        let of_function = |said: &&String| said.contains(&format!("`{function}`: an argument's"));
        assert!(said.iter().filter(of_function).count() >= 4, "{said:?}");
    }
}

/// Our own forms tell these apart, and the key of all languages does not: `2.0` is `2` there, and a text may be a UUID.
#[test]
fn values_that_other_languages_take_for_one_are_not_one_here() {
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Number {
        Whole(i64),
        Real(Float<f64>),
    }
    #[cache(interop = "number", namespace = "alike", ttl = 60)]
    fn number(number: &Number, list: &[Number]) -> String {
        format!("{number:?} {list:?}")
    }
    let backend = backend();
    let real = Number::Real(2.0.into());
    for [one, other] in [[Number::Whole(2), real.clone()], [real, Number::Whole(2)]] {
        let name = |number: &Number| format!("{number:?} [{number:?}]");
        told_apart(&backend, [one, other], |of| number(of, std::slice::from_ref(of)), name);
    }
    let key = interop::key("alike", "number", &(2, [2])).unwrap();
    let ours = interop::encode_value("Whole(2) [Whole(2)]").unwrap();
    assert_eq!(stored(&backend, &key).unwrap(), ours, "that is what the key reads as");
}

/// The document of `Whole(2)` reads as `Real(2.0)`.
#[test]
fn a_result_that_reads_as_another_one_stays_here() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Answer {
        Real(f64),
        Whole(i64),
    }
    #[cache(interop = "answer", namespace = "alike", ttl = 60)]
    fn answer(number: i64, as_real: bool) -> Answer {
        if as_real { Answer::Real(2.0) } else { Answer::Whole(number) }
    }
    let backend = backend();
    for _ in 0..2 {
        machine(&backend).run(|| {
            assert_eq!(answer(2, false), Answer::Whole(2));
            assert_eq!(answer::stats().shared_errors, 1);
            assert_eq!(answer(2, true), Answer::Real(2.0));
            assert_eq!(answer::stats().shared_errors, 1);
        });
    }
    let key = |as_real| interop::key("alike", "answer", &(2, as_real)).unwrap();
    assert!(stored(&backend, &key(false)).is_none() && stored(&backend, &key(true)).is_some());
}

/// The protocol rounds an instant and sorts a set: that is said, and no reason to share nothing.
#[test]
fn dates_and_sets_are_shared() {
    #[cache(interop = "since", namespace = "loose", ttl = 60)]
    fn since(at: DateTime, tags: Set<Vec<u8>>) -> usize {
        let _ = at;
        tags.0.len()
    }
    let backend = backend();
    let at = DateTime::from_unix_micros(1_704_110_400_000_001).unwrap();
    machine(&backend).run(|| since(at, Set(vec![2, 1])));
    let key = interop::key("loose", "since", &(at, [1, 2])).unwrap();
    assert!(stored(&backend, &key).is_some());

    #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Dated {
        at: DateTime,
        #[serde(skip)]
        by: u8,
    }
    #[cache(interop = "dated", namespace = "loose", ttl = 60)]
    fn dated(of: &Dated) -> u8 {
        of.by
    }
    // Nor is a date a reason to share what else is left out.
    told_apart(&backend, [Dated { at, by: 1 }, Dated { at, by: 2 }], |of| dated(of), |of| of.by);
}

trait Kind {
    const NAME: &'static str;
}
struct User;
struct Order;
impl Kind for User {
    const NAME: &'static str = "user";
}
impl Kind for Order {
    const NAME: &'static str = "order";
}

struct Repo<T>(std::marker::PhantomData<T>);
struct Page<const N: usize>;

impl<T: Kind + 'static> Repo<T> {
    const NEW: Self = Repo(std::marker::PhantomData);

    #[cache(interop = "undecided", namespace = "repo", ttl = 60, self = shared)]
    fn undecided(&self, id: u32) -> String {
        format!("{} {id}", type_name::<T>())
    }

    #[cache(interop = "decided", namespace = "repo", ttl = 60, self = shared, key = (T::NAME, id), skip(Self))]
    fn decided(&self, id: u32) -> String {
        format!("{} {id}", type_name::<T>())
    }

    #[cache(interop = "whatever", namespace = "repo", ttl = 60, self = shared, skip(Self))]
    fn whatever(&self, id: u32) -> u32 {
        id
    }

    #[cache::secure(interop = "sealed", namespace = "repo", ttl = 60, self = shared)]
    async fn sealed(&self, id: u32) -> String {
        format!("{} {id}", type_name::<T>())
    }
}

impl<const N: usize> Page<N> {
    #[cache(interop = "page", namespace = "repo", ttl = 60, self = shared)]
    fn page(&self, id: u32) -> usize {
        N + id as usize
    }
}

trait Named {
    fn by_kind(&self, id: u32) -> String;

    /// Of each implementation by itself.
    #[cache(interop = "inherited", namespace = "repo", ttl = 60, self = shared)]
    fn inherited(&self, id: u32) -> String
    where
        Self: 'static,
    {
        format!("{} {id}", type_name::<Self>())
    }
}

impl<T: Kind + 'static> Named for T {
    #[cache(interop = "by_kind", namespace = "repo", ttl = 60, self = shared)]
    fn by_kind(&self, id: u32) -> String {
        format!("{} {id}", T::NAME)
    }
}

/// Each instantiation on a machine of its own, which never sees another one: that has to be told before.
#[test]
fn instantiations_share_nothing_that_the_key_does_not_tell_apart() {
    let backend = backend();
    let of = |at: &dyn Fn()| machine(&backend).run(at);
    let (users, orders) = (Repo::<User>::NEW, Repo::<Order>::NEW);
    let name = |of: &str| format!("{}::{of} 1", module_path!());
    of(&|| assert_eq!(users.undecided(1), name("User")));
    of(&|| assert_eq!(orders.undecided(1), name("Order")));
    of(&|| assert_eq!(block_on(users.sealed(1)), name("User")));
    of(&|| assert_eq!(block_on(orders.sealed(1)), name("Order")));
    of(&|| assert_eq!((Page::<10>.page(1), Page::<20>.page(1)), (11, 21)));
    of(&|| assert_eq!(Page::<20>.page(1), 21));
    of(&|| assert_eq!(User.by_kind(1), "user 1"));
    of(&|| assert_eq!(Order.by_kind(1), "order 1"));
    of(&|| assert_eq!(User.inherited(1), name("User")));
    of(&|| assert_eq!(Order.inherited(1), name("Order")));
    for operation in ["undecided", "sealed", "page", "by_kind", "inherited"] {
        let key = interop::key("repo", operation, &(1,)).unwrap();
        assert!(stored(&backend, &key).is_none(), "{operation}");
    }
    let said = machine(&backend).run(|| problems(block_on(check())));
    for function in ["undecided", "sealed", "page", "by_kind", "inherited"] {
        let says = |said: &String| {
            said.contains(&format!("`{function}`: the key")) && said.contains("`skip(Self)`")
        };
        assert!(said.iter().any(says), "{function}: {said:?}");
    }

    // What the author has decided is shared, by its key.
    of(&|| assert_eq!((users.decided(1), users.whatever(1)), (name("User"), 1)));
    of(&|| assert_eq!((orders.decided(1), orders.whatever(1)), (name("Order"), 1)));
    for kind in ["user", "order"] {
        assert!(stored(&backend, &interop::key("repo", "decided", &(kind, 1)).unwrap()).is_some());
    }
    assert!(stored(&backend, &interop::key("repo", "whatever", &(1,)).unwrap()).is_some());
    of(&|| {
        assert_eq!(orders.whatever(1), 1);
        let stats: Vec<_> = cachekit::functions()
            .iter()
            .filter(|f| f.name() == "whatever")
            .map(|f| f.stats())
            .collect();
        assert_eq!((stats[0].loads, stats[0].shared_hits), (0, 1));
    });
}

#[test]
fn a_parameter_of_the_function_is_told_apart_or_left_out() {
    #[cache(interop = "load", namespace = "generic", ttl = 60, key = (T::NAME, id))]
    fn load<T: Kind + 'static>(id: u32) -> String {
        format!("{} {id}", type_name::<T>())
    }
    #[cache(interop = "length", namespace = "generic", ttl = 60, skip(T))]
    fn length<
        T: AsRef<str>
            + Hash
            + Eq
            + Clone
            + Send
            + Sync
            + 'static
            + Serialize
            + for<'de> Deserialize<'de>,
    >(
        text: T,
    ) -> usize {
        text.as_ref().len()
    }
    let backend = backend();
    machine(&backend).run(|| {
        assert_eq!(load::<User>(1), format!("{} 1", type_name::<User>()));
        assert_eq!(load::<Order>(1), format!("{} 1", type_name::<Order>()));
        assert_eq!(length("four".to_owned()), 4);
    });
    machine(&backend).run(|| {
        assert_eq!(load::<Order>(1), format!("{} 1", type_name::<Order>()));
        assert_eq!((load::stats().shared_hits, load::stats().loads), (1, 0));
        assert_eq!(length(Box::<str>::from("four")), 4);
        assert_eq!((length::stats().shared_hits, length::stats().loads), (1, 0));
    });
}
