//! In the shared tier as in the process: no call is answered with the value of another one.

use std::marker::PhantomData;
use std::sync::Arc;

use cachekit::cache;
use cachekit::testing::Scope;
use cachekit_io::MemoryBackend;
use serde::{Deserialize, Serialize};

use crate::shared::tier::machines;

#[test]
fn arguments_that_serialize_alike_are_still_different() {
    #[derive(Clone, PartialEq, Eq, Hash, Serialize)]
    struct Query {
        table: &'static str,
        #[serde(skip)]
        tenant: u32,
    }
    #[cache]
    fn nested(n: Option<Option<u32>>) -> String {
        format!("{n:?}")
    }
    #[cache]
    fn unit(n: Option<()>) -> String {
        format!("{n:?}")
    }
    #[cache]
    fn rows(query: Query) -> u32 {
        query.tenant
    }
    let (a, b, _) = machines();
    a.run(|| (nested(None), unit(None), rows(Query { table: "t", tenant: 1 })));
    let other =
        b.run(|| (nested(Some(None)), unit(Some(())), rows(Query { table: "t", tenant: 2 })));
    assert_eq!(other, ("Some(None)".to_owned(), "Some(())".to_owned(), 2));
}

#[test]
fn functions_of_one_name_are_different_functions() {
    let first: fn(u32) -> u32 = {
        #[cache]
        fn same(n: u32) -> u32 {
            n
        }
        same
    };
    let second: fn(u32) -> u32 = {
        #[cache]
        fn same(n: u32) -> u32 {
            n + 1
        }
        same
    };
    let (a, b, _) = machines();
    assert_eq!((a.run(|| first(1)), b.run(|| second(1))), (1, 2));
}

#[test]
fn types_of_one_name_are_different_types() {
    #[cache]
    fn size<T>(n: usize) -> usize {
        size_of::<T>() * n
    }
    #[cache(key = (std::any::type_name::<F>(), n))]
    fn apply<F: Fn(u32) -> u32>(n: u32, f: F) -> u32 {
        f(n)
    }
    let first: fn(usize) -> usize = {
        struct Same(#[allow(dead_code)] u8);
        size::<Same>
    };
    let second: fn(usize) -> usize = {
        struct Same(#[allow(dead_code)] u64);
        size::<Same>
    };
    let (a, b, _) = machines();
    assert_eq!((a.run(|| first(1)), b.run(|| second(1))), (1, 8));
    assert_eq!((a.run(|| apply(1, |n| n + 1)), b.run(|| apply(1, |n| n + 2))), (2, 3));
}

#[test]
fn generic_instantiations_are_apart() {
    #[cache]
    fn name<T, const N: usize>(n: u32) -> String {
        format!("{} {N} {n}", std::any::type_name::<T>())
    }
    struct Shop<T>(PhantomData<T>);
    impl<T> Shop<T> {
        #[cache(self = shared)]
        pub(crate) fn method(&self, n: u32) -> String {
            format!("{} {n}", std::any::type_name::<T>())
        }
    }
    let (a, b, _) = machines();
    let first = a.run(|| (name::<u8, 1>(1), name::<u8, 2>(1), name::<u16, 1>(1)));
    assert_eq!(first, ("u8 1 1".into(), "u8 2 1".into(), "u16 1 1".into()));
    assert_eq!(b.run(|| (name::<u8, 1>(1), name::<u8, 2>(1), name::<u16, 1>(1))), first);
    let shop = |scope: &Scope| {
        scope.run(|| (Shop::<u8>(PhantomData).method(1), Shop::<u16>(PhantomData).method(1)))
    };
    assert_eq!(shop(&a), ("u8 1".into(), "u16 1".into()));
    assert_eq!(shop(&b), shop(&a));
    assert_eq!(b.run(name::stats).shared_hits, 3);
}

#[test]
fn what_was_shared_before_a_name_had_two_owners_is_still_removed() {
    #[cache]
    fn size<T>(n: usize) -> usize {
        size_of::<T>() * n
    }
    let invalidate: fn() -> bool;
    let first: fn(usize) -> usize = {
        struct Same(#[allow(dead_code)] u8);
        invalidate = || size::invalidate::<Same>(&1).is_confirmed();
        size::<Same>
    };
    let second: fn(usize) -> usize = {
        struct Same(#[allow(dead_code)] u64);
        size::<Same>
    };
    let backend = MemoryBackend::new();
    let machine = Scope::new().with_backend(Arc::new(backend.clone()));
    machine.run(|| first(1));
    assert_eq!(backend.len(), 1);
    machine.run(|| second(1));
    assert!(machine.run(invalidate));
    assert!(backend.is_empty(), "no other process may be served it");
}

/// Each written by one macro invocation, which gives all of them one module, one name and one place.
mod written_by_a_macro {
    use cachekit::cache;

    pub(super) struct Order;
    pub(super) struct User;

    macro_rules! repositories {
        ($($table:ident),*) => {$(
            impl $table {
                pub(super) fn nested(&self, id: u64) -> String {
                    #[cache(ttl = 60)]
                    fn load(id: u64) -> String {
                        format!("{} {id}", stringify!($table))
                    }
                    load(id)
                }

                #[cache(ttl = 60, self = shared)]
                pub(super) fn method(&self, id: u64) -> String {
                    format!("{} {id}", stringify!($table))
                }
            }

            impl super::Load for $table {
                #[cache::secure(ttl = 60, namespace = "macros", self = shared)]
                fn load(&self, id: u64) -> String {
                    format!("{} {id}", stringify!($table))
                }
            }
        )*};
    }

    repositories!(Order, User);

    macro_rules! in_blocks {
        ($($number:literal),*) => {
            pub(super) fn blocks(n: u32) -> Vec<u32> {
                vec![$({
                    #[cache(ttl = 60)]
                    fn block(n: u32) -> u32 {
                        n + $number
                    }
                    block(n)
                }),*]
            }
        };
    }

    pub(super) fn named(n: u32) -> Vec<u32> {
        let first = {
            #[cache(ttl = 60, name = first_block)]
            fn named(n: u32) -> u32 {
                n + 10
            }
            named(n)
        };
        let second = {
            #[cache(ttl = 60, name = second_block)]
            fn named(n: u32) -> u32 {
                n + 20
            }
            named(n)
        };
        vec![first, second]
    }

    pub(super) fn spaced(n: u32) -> Vec<u32> {
        let first = {
            #[cache(ttl = 60, namespace = "first")]
            fn spaced(n: u32) -> u32 {
                n + 10
            }
            spaced(n)
        };
        let second = {
            #[cache(ttl = 60, namespace = "second")]
            fn spaced(n: u32) -> u32 {
                n + 20
            }
            spaced(n)
        };
        vec![first, second]
    }

    in_blocks!(1, 2, 3);
}

trait Load {
    fn load(&self, id: u64) -> String;
}

#[test]
fn functions_that_one_macro_writes_are_different_functions() {
    use written_by_a_macro::{Order, User};
    let (a, b, _) = machines();
    let orders = |id| (Order.nested(id), Order.method(id), Order.load(id));
    let users = |id| (User.nested(id), User.method(id), User.load(id));
    assert_eq!(a.run(|| orders(1)), ("Order 1".into(), "Order 1".into(), "Order 1".into()));
    assert_eq!(b.run(|| users(1)), ("User 1".into(), "User 1".into(), "User 1".into()));
    // Each is still shared with itself.
    b.run(|| orders(1));
    let shared: u64 = b.run(|| cachekit::functions().iter().map(|f| f.stats().shared_hits).sum());
    assert_eq!(shared, 3);
}

#[test]
fn functions_of_one_path_stay_in_the_process_and_are_named_by_check() {
    let backend = MemoryBackend::new();
    let machine = || Scope::new().with_backend(Arc::new(backend.clone()));
    let (a, b) = (machine(), machine());
    assert_eq!(a.run(|| written_by_a_macro::blocks(1)), [2, 3, 4]);
    assert_eq!(b.run(|| written_by_a_macro::blocks(1)), [2, 3, 4]);
    assert!(backend.is_empty(), "nothing of them leaves the process");
    let error = futures::executor::block_on(a.wrap(cachekit::check())).unwrap_err().to_string();
    assert!(error.contains("`block`") && error.contains("`name = …`"), "{error}");
    assert!(!error.contains("`spaced`") && !error.contains("`named`"), "{error}");
}

#[test]
fn a_name_or_a_namespace_tells_functions_of_one_path_apart() {
    let backend = MemoryBackend::new();
    let machine = || Scope::new().with_backend(Arc::new(backend.clone()));
    let (a, b) = (machine(), machine());
    for calls in [written_by_a_macro::named, written_by_a_macro::spaced] {
        assert_eq!(a.run(|| calls(1)), [11, 21]);
        assert_eq!(b.run(|| calls(1)), [11, 21]);
    }
    assert_eq!(backend.len(), 4, "each shares its own entry");
}

/// `Hash` and serialization cover less than `Eq`, which is legal. The second machine must not be served what the
/// first one stored for an unequal key.
#[test]
fn keys_are_as_different_as_their_eq_says() {
    macro_rules! key {
        ($name:ident, $function:ident, [$($derived:ident),*], [$($attribute:tt)*]) => {
            #[derive(Clone, PartialEq, Eq, $($derived),*)]
            struct $name {
                id: u32,
                $($attribute)*
                region: u32,
            }
            impl std::hash::Hash for $name {
                fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                    self.id.hash(state);
                }
            }
            #[cache(ttl = 60)]
            fn $function(key: &$name) -> (u32, u32) {
                (key.id, key.region)
            }
        };
    }
    fn lost(region: &u32) -> bool {
        *region != 7
    }
    fn coarse<S: serde::Serializer>(region: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(region / 10)
    }
    key!(Skipped, skipped, [Serialize, Deserialize], [#[serde(skip)]]);
    key!(WriteOnly, write_only, [Serialize], [#[serde(skip)]]);
    key!(SkippedIf, skipped_if, [Serialize, Deserialize], [#[serde(default, skip_serializing_if = "lost")]]);
    key!(Coarse, coarse_key, [Serialize, Deserialize], [#[serde(serialize_with = "coarse")]]);
    let (a, b, _) = machines();
    for (first, second) in [(1, 2), (0, 1), (1, 0), (7, 8), (8, 7), (70, 71)] {
        for (machine, region) in [(&a, first), (&b, second), (&a, second), (&b, first)] {
            machine.run(|| {
                assert_eq!(skipped(&Skipped { id: 1, region }), (1, region));
                assert_eq!(write_only(&WriteOnly { id: 1, region }), (1, region));
                assert_eq!(skipped_if(&SkippedIf { id: 1, region }), (1, region));
                assert_eq!(coarse_key(&Coarse { id: 1, region }), (1, region));
            });
        }
    }
}

/// The same under `secure`, where the arguments are not part of what is stored.
#[test]
fn sealed_keys_are_as_different_as_their_eq_says() {
    #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
    struct Key {
        id: u32,
        #[serde(skip)]
        region: u32,
    }
    impl std::hash::Hash for Key {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            self.id.hash(state);
        }
    }
    #[cache::secure(ttl = 60, namespace = "eq")]
    fn sealed(key: Key) -> u32 {
        key.region
    }
    let (a, b, _) = machines();
    assert_eq!(a.run(|| sealed(Key { id: 1, region: 1 })), 1);
    assert_eq!(b.run(|| sealed(Key { id: 1, region: 2 })), 2);
    assert_eq!(a.run(|| sealed(Key { id: 1, region: 0 })), 0);
    assert_eq!(b.run(|| sealed(Key { id: 1, region: 0 })), 0);
    assert_eq!(b.run(|| sealed::stats().shared_hits), 1, "what is written whole is shared");
}

/// An argument that panics while it is written or read never fails a call, nor is it shared.
#[test]
fn keys_that_panic_in_serialization_stay_in_the_process() {
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Unlucky(u32);
    impl Serialize for Unlucky {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            assert_ne!(self.0, 13, "unlucky");
            serializer.serialize_u32(self.0)
        }
    }
    impl<'de> Deserialize<'de> for Unlucky {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let number = u32::deserialize(deserializer)?;
            assert_ne!(number, 14, "unlucky to read");
            Ok(Self(number))
        }
    }
    #[cache(ttl = 60)]
    fn same(key: Unlucky) -> u32 {
        key.0
    }
    let (a, b, _) = machines();
    for number in 12..16 {
        assert_eq!(a.run(|| same(Unlucky(number))), number);
        assert_eq!(b.run(|| same(Unlucky(number))), number);
        assert!(a.run(|| same::invalidate(&Unlucky(number)).was_cached()));
    }
    assert_eq!(b.run(|| same::stats().shared_hits), 2);
}

/// Whatever reads back as itself is still shared.
#[test]
fn keys_of_every_kind_are_shared() {
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    enum Kind {
        Unit,
        Tuple(u8, String),
        Struct { deep: Option<Option<u32>>, list: Vec<(i64, char)> },
    }
    #[cache(ttl = 60)]
    fn kinds(kind: &Kind, text: &str, slice: &[Option<&str>], float: f64, wide: i128) -> String {
        format!("{kind:?} {text} {slice:?} {float} {wide}")
    }
    let (a, b, _) = machines();
    let all = [
        Kind::Unit,
        Kind::Tuple(1, "x".into()),
        Kind::Struct { deep: None, list: vec![] },
        Kind::Struct { deep: Some(None), list: vec![(-1, 'ä')] },
        Kind::Struct { deep: Some(Some(1)), list: vec![] },
    ];
    let call = |kind: &Kind| kinds(kind, "t", &[None, Some("s")], f64::NAN, i128::MIN);
    for kind in &all {
        assert_eq!(b.run(|| call(kind)), a.run(|| call(kind)));
    }
    assert_eq!(a.run(|| kinds::stats().shared_hits), all.len() as u64);
}

/// The body of an async function is a closure to the compiler. That is no reason to keep its values here.
#[test]
fn async_methods_of_a_trait_are_shared() {
    trait Fetch {
        async fn fetch_through_trait(&self, n: u32) -> u32;
    }
    struct Shop;
    impl Fetch for Shop {
        #[cache(ttl = 60, self = shared)]
        async fn fetch_through_trait(&self, n: u32) -> u32 {
            n + 1
        }
    }
    let (a, b, _) = machines();
    assert_eq!(futures::executor::block_on(a.wrap(Shop.fetch_through_trait(1))), 2);
    assert_eq!(futures::executor::block_on(b.wrap(Shop.fetch_through_trait(1))), 2);
    let functions = cachekit::functions();
    let shared = |name| functions.iter().find(|f| f.name() == name).unwrap().stats().shared_hits;
    assert_eq!(b.run(|| shared("fetch_through_trait")), 1);
}
