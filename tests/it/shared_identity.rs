//! In the shared tier as in the process: no call is answered with the value of another one.

use std::marker::PhantomData;
use std::sync::Arc;

use cachekit::cache;
use cachekit::testing::Scope;
use cachekit_io::MemoryBackend;
use serde::Serialize;

use crate::shared_tier::machines;

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
