//! Functions whose names, attributes and surroundings get in the way.

use cachekit::cache;
use cachekit::testing::isolate;
use cachekit_tests::Runs;

#[test]
fn arguments_named_like_our_own() {
    #[cache]
    #[expect(clippy::too_many_arguments, reason = "each of them is a name of ours")]
    fn sum(
        key: u32,
        value: u32,
        hash: u32,
        shape: u32,
        result: u32,
        site: u32,
        entry: u32,
        __miss: u32,
        __shape: u32,
        __found: u32,
        __value: u32,
        arg0: u32,
    ) -> u32 {
        key + value
            + hash
            + shape
            + result
            + site
            + entry
            + __miss
            + __shape
            + __found
            + __value
            + arg0
    }
    let _test = isolate();
    assert_eq!(sum(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 12);
    assert_eq!(sum(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2), 13);
    sum::set(&1, &1, &1, &1, &1, &1, &1, &1, &1, &1, &1, &1, 7);
    assert_eq!(sum(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 7);
    assert_eq!(sum::refresh(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 12);
}

#[test]
fn more_names_of_ours_under_rules_and_a_key() {
    #[cache(key = (__key0, rules), if = |value| *value > 0, ttl = |_| __ttl())]
    fn sum(__key0: u32, rules: u32, __rules: u32, __done: u32, __cache: u32, __site: u32) -> u32 {
        __key0 + rules + __rules + __done + __cache + __site
    }
    fn __ttl() -> u32 {
        60
    }
    let _test = isolate();
    assert_eq!(sum(1, 2, 3, 4, 5, 6), 21);
    assert_eq!(sum(1, 2, 9, 9, 9, 9), 21);
    assert_eq!(sum::peek(&1, &2, &0, &0, &0, &0), Some(21));
}

#[test]
fn argument_named_like_the_function() {
    #[cache]
    fn count(count: u32) -> u32 {
        count + 1
    }
    let _test = isolate();
    assert_eq!((count(1), count(1), count::refresh(1)), (2, 2, 2));
    assert_eq!(count::stats().hits, 1);
}

#[test]
fn functions_named_like_companion_methods() {
    #[cache]
    fn key(n: u32) -> u32 {
        n
    }
    #[cache]
    fn refresh(n: u32) -> u32 {
        n + 1
    }
    #[cache]
    fn stats() -> u32 {
        3
    }
    let _test = isolate();
    assert_eq!((key(1), refresh(1), stats()), (1, 2, 3));
    assert_eq!((key(1), refresh::refresh(1), stats()), (1, 2, 3));
    assert_eq!((key::stats().hits, stats::stats().hits), (1, 1));
}

#[test]
fn functions_of_our_names_nearby() {
    fn lookup(n: u32) -> u32 {
        n + 10
    }
    fn lookup_shared(n: u32) -> u32 {
        lookup(n) + 100
    }
    fn check_value(n: u32) -> u32 {
        lookup_shared(n) + 1000
    }
    #[cache]
    fn calls(n: u32) -> u32 {
        check_value(n)
    }
    let _test = isolate();
    assert_eq!((calls(1), calls(1)), (1111, 1111));
}

mod hostile {
    //! Everything the prelude gives means something else here.
    #![allow(non_camel_case_types, dead_code, non_snake_case, unused_macros)]

    use ::cachekit::cache;

    pub(super) mod core {}
    pub(super) mod std {}
    pub(super) mod alloc {}
    pub(super) mod cachekit {}
    pub(super) mod inventory {}
    pub(super) struct Some;
    pub(super) struct None;
    pub(super) struct Ok;
    pub(super) struct Err;
    pub(super) struct Result;
    pub(super) struct Option;
    pub(super) struct Box;
    pub(super) struct Vec;
    pub(super) struct String;
    pub(super) struct Future;
    pub(super) struct Pin;
    pub(super) struct bool;
    pub(super) struct usize;
    pub(super) struct Miss;
    pub(super) struct Site;
    pub(super) trait Clone {}
    pub(super) trait Send {}
    pub(super) trait Sync {}
    pub(super) trait Sized {}
    pub(super) trait Fn {}
    pub(super) trait FnOnce {}
    pub(super) trait Into {}
    pub(super) trait Iterator {}
    macro_rules! module_path {
        () => {
            compile_error!("the user's macro was called")
        };
    }
    macro_rules! file {
        () => {
            compile_error!("the user's macro was called")
        };
    }
    macro_rules! line {
        () => {
            compile_error!("the user's macro was called")
        };
    }

    #[cache(ttl = 60, capacity = 10, if = |value| *value > 0)]
    pub(super) fn sync(n: u32) -> u32 {
        n + 1
    }

    #[cache(ttl = 60, key = n)]
    pub(super) async fn asynchronous(n: u32) -> u32 {
        n + 1
    }

    #[cache::local(weight = |_, _| 2)]
    pub(super) fn optional(n: u32) -> ::core::option::Option<u32> {
        ::core::option::Option::Some(n)
    }

    #[cache::local(ttl(ok = 60, err = 1))]
    pub(super) fn fallible(n: u32) -> ::core::result::Result<u32, u32> {
        ::core::result::Result::Err(n)
    }

    pub(super) struct Shop;

    impl Shop {
        #[cache(self = shared)]
        pub(super) fn method(&self, n: u32) -> u32 {
            n + 1
        }
    }
}

#[test]
fn a_scope_without_the_prelude() {
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!(hostile::sync(1), 2);
        assert_eq!(cachekit_tests::block_on(hostile::asynchronous(1)), 2);
        assert_eq!(hostile::optional(1), Some(1));
        assert_eq!(hostile::fallible(1), Err(1));
        assert_eq!(hostile::Shop.method(1), 2);
    }
    assert_eq!(hostile::sync::stats().hits, 1);
    assert_eq!(hostile::optional::peek(&1), Some(Some(1)));
}

#[test]
fn raw_identifiers() {
    #[cache]
    fn r#type(r#fn: u32, r#match: &str) -> u32 {
        r#fn + u32::try_from(r#match.len()).unwrap()
    }
    #[cache(key = r#mod)]
    fn r#use(r#mod: u32, r#ref: u32) -> u32 {
        r#mod + r#ref
    }
    #[cache(skip(r#ref))]
    fn r#static(r#mod: u32, r#ref: u32) -> u32 {
        r#mod + r#ref
    }
    let _test = isolate();
    assert_eq!((r#type(1, "ab"), r#type(1, "ab")), (3, 3));
    assert_eq!(r#type::peek(&1, "ab"), Some(3));
    assert_eq!((r#use(1, 2), r#use(1, 9), r#static(1, 2), r#static(1, 9)), (3, 3, 3, 3));
    let listed = cachekit::functions();
    assert!(listed.iter().any(|function| function.name() == "type"));
}

#[test]
fn other_attributes_stay() {
    static RUNS: Runs = Runs::new();
    /// Documented.
    #[cache(ttl = 60)]
    #[inline]
    #[must_use]
    #[cfg_attr(test, doc = "More documentation.")]
    #[allow(clippy::let_and_return)]
    fn below(n: u32) -> u32 {
        let result = n + RUNS.add();
        result
    }
    #[must_use = "of no use otherwise"]
    #[inline(never)]
    #[cfg(test)]
    #[doc(alias = "nothing")]
    #[cache(ttl = 60)]
    fn above(n: u32) -> u32 {
        n + RUNS.add()
    }
    #[cfg(not(test))]
    #[cache(ttl = 60)]
    fn absent(n: NoSuchType) -> u32 {
        n
    }
    #[cache(ttl = 60)]
    #[cfg(not(test))]
    fn absent_too(n: NoSuchType) -> u32 {
        n
    }
    let _test = isolate();
    assert_eq!((below(1), below(1), above(1), above(1)), (2, 2, 3, 3));
}

#[test]
fn one_of_two_by_cfg() {
    #[cfg(test)]
    #[cache]
    fn chosen(n: u32) -> u32 {
        n
    }
    #[cfg(not(test))]
    #[cache]
    fn chosen(n: u32) -> u32 {
        n + 1
    }
    #[cache]
    #[cfg(test)]
    fn chosen_below(n: u32) -> u32 {
        n
    }
    #[cache]
    #[cfg(not(test))]
    fn chosen_below(n: u32) -> u32 {
        n + 1
    }
    let _test = isolate();
    assert_eq!((chosen(1), chosen_below(1)), (1, 1));
    assert!(chosen::contains(&1) && chosen_below::contains(&1));
}

#[test]
fn inner_attributes_of_the_body() {
    #[cache]
    fn quiet(n: u32) -> u32 {
        #![allow(unused_variables)]
        let unused = n;
        n
    }
    let _test = isolate();
    assert_eq!((quiet(1), quiet(1)), (1, 1));
}

#[test]
fn crate_under_another_name() {
    #[cache(crate = ::other, ttl = 60)]
    fn renamed(n: u32) -> u32 {
        n + 1
    }
    #[cache::local(crate = crate::reexport::inside)]
    async fn reexported(n: u32) -> u32 {
        n + 2
    }
    let _test = isolate();
    assert_eq!((renamed(1), renamed(1)), (2, 2));
    assert_eq!(cachekit_tests::block_on(reexported(1)), 3);
    assert_eq!(renamed::stats().hits, 1);
}

#[test]
fn foreign_abi() {
    #[cache]
    extern "C" fn exported(n: u32) -> u32 {
        n + 1
    }
    let _test = isolate();
    let pointer: extern "C" fn(u32) -> u32 = exported;
    assert_eq!((pointer(1), pointer(1)), (2, 2));
    assert_eq!(exported::stats().hits, 1);
}

#[test]
#[expect(unsafe_code, reason = "an annotated `unsafe fn` is the subject")]
fn unsafe_functions() {
    #[cache]
    unsafe fn trusting(n: u32) -> u32 {
        n + 1
    }
    let _test = isolate();
    // SAFETY: it has no preconditions.
    let values = unsafe { [trusting(1), trusting(1), trusting::refresh(1)] };
    assert_eq!(values, [2, 2, 2]);
    assert_eq!((trusting::stats().hits, trusting::peek(&1)), (1, Some(2)));
}

#[test]
fn function_pointers_and_items_as_values() {
    #[cache]
    fn double(n: u32) -> u32 {
        n * 2
    }
    let _test = isolate();
    let pointer: fn(u32) -> u32 = double;
    assert_eq!([1, 1, 2].map(pointer), [2, 2, 4]);
    assert_eq!([1, 2].into_iter().map(double).sum::<u32>(), 6);
    assert_eq!(double::stats().misses, 2);
}

mod elsewhere {
    /// Public, with a companion of its own visibility and name.
    #[cachekit::cache(vis = pub(super), name = PriceCache)]
    pub(crate) fn price(item: u32) -> u32 {
        item * 100
    }

    #[cachekit::cache]
    pub(super) fn cost(item: u32) -> u32 {
        item * 80
    }
}

#[test]
fn imported_functions_bring_their_companions() {
    use elsewhere::cost as expense;
    use elsewhere::{PriceCache, cost, price};
    let _test = isolate();
    assert_eq!((price(1), cost(1), expense(1)), (100, 80, 80));
    assert_eq!(
        (PriceCache::peek(&1), cost::peek(&1), expense::stats().hits),
        (Some(100), Some(80), 1)
    );
}
