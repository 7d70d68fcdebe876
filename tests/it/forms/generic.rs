//! Generic functions: every instantiation has entries of its own.

use std::any::type_name;
use std::fmt::{Debug, Display};
use std::hash::Hash;

use cachekit::cache;
use cachekit::testing::isolate;
use cachekit_tests::Runs;
use serde::Serialize;
use serde::de::DeserializeOwned;

#[test]
fn type_of_an_argument() {
    #[cache::local]
    fn name<T: Hash + Eq + Clone + Send + Sync + 'static>(_value: T) -> &'static str {
        type_name::<T>()
    }
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!(name(1_u32), "u32");
        assert_eq!(name(1_i32), "i32");
        assert_eq!(name("1"), "&str");
    }
    assert_eq!((name::stats().misses, name::stats().hits), (3, 3));
    assert!(name::contains(&1_u32) && !name::contains(&2_u32));
    name::invalidate::<u32>(&1).ignore();
    assert!(!name::contains(&1_u32) && name::contains(&1_i32));
    name::clear().ignore();
    assert!(!name::contains(&1_i32));
}

#[test]
fn type_in_the_output_only() {
    #[cache]
    fn parse<T>(text: &str) -> Option<T>
    where
        T: std::str::FromStr + Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
    {
        text.parse().ok()
    }
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!(parse::<u8>("300"), None);
        assert_eq!(parse::<u16>("300"), Some(300));
        assert_eq!(parse::<String>("300"), Some("300".to_owned()));
    }
    assert_eq!(parse::stats().misses, 3);
    assert_eq!(parse::peek::<u16>("300"), Some(Some(300)));
    assert_eq!(parse::peek::<u32>("300"), None);
    parse::set::<u8>("300", Some(44));
    assert_eq!((parse::<u8>("300"), parse::<u16>("300")), (Some(44), Some(300)));
    assert_eq!(parse::refresh::<u8>("300"), None);
    assert_eq!(parse::<u8>("300"), None);
}

#[test]
fn type_in_the_body_only() {
    #[cache]
    fn size<T>(times: usize) -> usize {
        size_of::<T>() * times
    }
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!(size::<u8>(3), 3);
        assert_eq!(size::<u64>(3), 24);
        assert_eq!(size::<[u64; 2]>(3), 48);
        // Types that the cache could not store: they are only names here.
        assert_eq!(size::<std::rc::Rc<u8>>(3), 3 * size_of::<usize>());
    }
    assert_eq!(size::stats().misses, 4);
    assert_ne!(size::key::<u8>(&3), size::key::<u64>(&3));
    assert_eq!(size::key::<u8>(&3), size::key::<u8>(&3));
}

#[test]
fn constants() {
    #[cache]
    fn filled<const N: usize, const NEGATIVE: bool>(value: i64) -> Vec<i64> {
        vec![if NEGATIVE { -value } else { value }; N]
    }
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!(filled::<2, false>(7), [7, 7]);
        assert_eq!(filled::<3, false>(7), [7, 7, 7]);
        assert_eq!(filled::<2, true>(7), [-7, -7]);
    }
    assert_eq!(filled::stats().misses, 3);
    filled::invalidate::<2, true>(&7).ignore();
    assert!(!filled::contains::<2, true>(&7) && filled::contains::<2, false>(&7));
}

#[test]
fn array_arguments_of_any_length() {
    #[cache]
    fn total<const N: usize>(numbers: [u32; N]) -> u32 {
        numbers.iter().sum()
    }
    let _test = isolate();
    assert_eq!((total([1, 2]), total([1, 2]), total([1, 2, 0])), (3, 3, 3));
    assert_eq!((total::stats().misses, total::stats().hits), (2, 1));
}

#[test]
fn cached_functions_in_generic_functions() {
    fn outer<T: Debug + Default>(n: u32) -> String {
        #[cache]
        fn inner(n: u32) -> u32 {
            n + 1
        }
        format!("{:?}{}", T::default(), inner(n))
    }
    let _test = isolate();
    // An item inside a generic function does not see the generics, so its entries are the same.
    assert_eq!((outer::<u8>(1), outer::<String>(1)), ("02".to_owned(), "\"\"2".to_owned()));
}

#[test]
fn impl_trait_arguments_by_themselves() {
    static RUNS: Runs = Runs::new();
    #[cache::local]
    fn shown(value: impl Display + Hash + Eq + Clone + Send + Sync + 'static) -> String {
        RUNS.add();
        value.to_string()
    }
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!((shown(1_u8), shown(1_i64), shown("1")), ("1".into(), "1".into(), "1".into()));
    }
    assert_eq!(RUNS.take(), 3, "one entry per type");
    assert_eq!((shown::stats().misses, shown::stats().hits), (3, 3));
    shown::clear().ignore();
    shown(1_u8);
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn impl_trait_arguments_with_a_key() {
    static RUNS: Runs = Runs::new();
    #[cache(key = text.as_ref())]
    fn counted(text: impl AsRef<str>) -> usize {
        RUNS.add();
        text.as_ref().len()
    }
    #[cache(skip(visit))]
    fn visited(n: u32, visit: &dyn Fn(u32) -> u32) -> u32 {
        RUNS.add();
        visit(n)
    }
    let _test = isolate();
    assert_eq!([counted("abc"), counted("abc"), counted("ab")], [3, 3, 2]);
    assert_eq!(RUNS.take(), 2);
    let twice = |n| n * 2;
    assert_eq!([visited(1, &twice), visited(1, &twice)], [2, 2]);
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn closures_of_one_signature_are_different_types() {
    // The closure cannot be in the key, and its type can.
    #[cache::local(key = (std::any::type_name::<F>(), n))]
    fn apply<F: Fn(u32) -> u32>(n: u32, f: F) -> u32 {
        f(n)
    }
    let _test = isolate();
    assert_eq!((apply(1, |n| n + 1), apply(1, |n| n + 2)), (2, 3));
    assert_eq!(apply::stats().misses, 2);
}
