//! Free sync functions in every form.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cachekit::cache;
use cachekit::testing::isolate;
use cachekit_tests::Runs;

#[test]
fn plain_function_runs_once_per_key() {
    static RUNS: Runs = Runs::new();
    #[cache(ttl = 60)]
    fn double(n: u64) -> u64 {
        RUNS.add();
        n * 2
    }
    let _test = isolate();
    assert_eq!([double(2), double(2), double(3)], [4, 4, 6]);
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn attribute_without_options_and_without_parentheses() {
    static RUNS: Runs = Runs::new();
    #[cache]
    fn shared(n: u8) -> u32 {
        RUNS.add();
        n.into()
    }
    #[cache::local()]
    fn local(n: u8) -> u32 {
        RUNS.add();
        n.into()
    }
    let _test = isolate();
    assert_eq!([shared(1), shared(1), local(1), local(1)], [1; 4]);
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn function_without_arguments_has_one_entry() {
    static RUNS: Runs = Runs::new();
    #[cache]
    fn answer() -> u32 {
        RUNS.add() * 42
    }
    let _test = isolate();
    assert_eq!((answer(), answer()), (42, 42));
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn unit_function_runs_once_per_key() {
    static RUNS: Runs = Runs::new();
    #[cache]
    fn once(_n: u32) -> () {
        RUNS.add();
    }
    let _test = isolate();
    once(1);
    once(1);
    once(2);
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn every_argument_is_part_of_the_key() {
    static RUNS: Runs = Runs::new();
    #[cache]
    #[expect(
        clippy::too_many_arguments,
        clippy::many_single_char_names,
        reason = "the limit is 12"
    )]
    fn twelve(
        a: u8,
        b: u16,
        c: u32,
        d: u64,
        e: u128,
        f: i8,
        g: i16,
        h: i32,
        i: i64,
        j: bool,
        k: char,
        l: usize,
    ) -> String {
        RUNS.add();
        format!("{a} {b} {c} {d} {e} {f} {g} {h} {i} {j} {k} {l}")
    }
    let _test = isolate();
    let first = twelve(0, 0, 0, 0, 0, 0, 0, 0, 0, false, 'a', 0);
    let others = [
        twelve(1, 0, 0, 0, 0, 0, 0, 0, 0, false, 'a', 0),
        twelve(0, 1, 0, 0, 0, 0, 0, 0, 0, false, 'a', 0),
        twelve(0, 0, 1, 0, 0, 0, 0, 0, 0, false, 'a', 0),
        twelve(0, 0, 0, 1, 0, 0, 0, 0, 0, false, 'a', 0),
        twelve(0, 0, 0, 0, 1, 0, 0, 0, 0, false, 'a', 0),
        twelve(0, 0, 0, 0, 0, 1, 0, 0, 0, false, 'a', 0),
        twelve(0, 0, 0, 0, 0, 0, 1, 0, 0, false, 'a', 0),
        twelve(0, 0, 0, 0, 0, 0, 0, 1, 0, false, 'a', 0),
        twelve(0, 0, 0, 0, 0, 0, 0, 0, 1, false, 'a', 0),
        twelve(0, 0, 0, 0, 0, 0, 0, 0, 0, true, 'a', 0),
        twelve(0, 0, 0, 0, 0, 0, 0, 0, 0, false, 'b', 0),
        twelve(0, 0, 0, 0, 0, 0, 0, 0, 0, false, 'a', 1),
    ];
    assert_eq!(RUNS.take(), 13);
    assert!(!others.contains(&first));
    assert_eq!(twelve(0, 0, 0, 0, 0, 0, 0, 0, 0, false, 'a', 0), first);
    assert_eq!(RUNS.take(), 0);
    twelve::invalidate(&0, &0, &0, &0, &0, &0, &0, &0, &0, &false, &'a', &0).ignore();
    twelve(0, 0, 0, 0, 0, 0, 0, 0, 0, false, 'a', 0);
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn borrowed_strings_and_slices() {
    static RUNS: Runs = Runs::new();
    #[cache]
    fn length(text: &str, bytes: &[u8]) -> usize {
        RUNS.add();
        text.len() + bytes.len()
    }
    let _test = isolate();
    assert_eq!(length("abc", &[1, 2]), 5);
    // Equal contents at other addresses.
    assert_eq!(length(&String::from("abc"), &Vec::from([1, 2])), 5);
    assert_eq!(RUNS.take(), 1);
    assert_eq!(length("abc", &[1]), 4);
    assert_eq!(length("ab", &[1, 2]), 4);
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn neighbouring_arguments_do_not_run_together() {
    #[cache]
    fn joined(a: &str, b: &str) -> String {
        format!("{a}|{b}")
    }
    #[cache]
    fn lists(a: &[&str], b: &[&str]) -> String {
        format!("{a:?}{b:?}")
    }
    let _test = isolate();
    assert_eq!(joined("ab", "c"), "ab|c");
    assert_eq!(joined("a", "bc"), "a|bc");
    assert_eq!(lists(&["ab"], &[]), r#"["ab"][]"#);
    assert_eq!(lists(&["a", "b"], &[]), r#"["a", "b"][]"#);
    assert_eq!(lists(&["a"], &["b"]), r#"["a"]["b"]"#);
    assert_eq!(lists::stats().misses, 3);
}

#[test]
fn optional_references() {
    #[cache]
    fn number(n: Option<&u32>, name: Option<&str>, list: Option<&[u32]>) -> String {
        format!("{n:?} {name:?} {list:?}")
    }
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!(number(None, None, None), "None None None");
        assert_eq!(number(Some(&0), None, None), "Some(0) None None");
        assert_eq!(number(None, Some(""), None), r#"None Some("") None"#);
        assert_eq!(number(None, None, Some(&[])), "None None Some([])");
    }
    assert_eq!((number::stats().misses, number::stats().hits), (4, 4));
    assert!(number::contains(&None, &Some(""), &None));
    number::invalidate(&None, &Some(""), &None).ignore();
    assert!(!number::contains(&None, &Some(""), &None) && number::contains(&None, &None, &None));
}

#[test]
fn nested_references_and_cows() {
    #[cache]
    fn all(words: &[&str], text: Cow<'_, str>, at: &Path, deep: &&u8) -> String {
        format!("{words:?} {text} {} {deep}", at.display())
    }
    let _test = isolate();
    let first = all(&["a", "b"], Cow::Borrowed("x"), Path::new("/tmp"), &&7);
    let owned = [String::from("a"), String::from("b")];
    let words: Vec<&str> = owned.iter().map(String::as_str).collect();
    // Owned or borrowed, a `Cow` is the same key.
    let second = all(&words, Cow::Owned("x".to_owned()), Path::new("/tmp"), &&7);
    assert_eq!(first, second);
    assert_eq!((all::stats().misses, all::stats().hits), (1, 1));
}

#[test]
fn explicit_lifetimes() {
    #[cache]
    fn pair<'a, 'b>(a: &'a str, b: &'b str) -> (String, usize)
    where
        'b: 'a,
    {
        (a.to_owned(), b.len())
    }
    let _test = isolate();
    for _ in 0..2 {
        let short = String::from("short");
        assert_eq!(pair(&short, "long"), ("short".to_owned(), 4));
    }
    assert_eq!(pair::stats().hits, 1);
    pair::set("short", "long", (String::new(), 0));
    assert_eq!(pair("short", "long"), (String::new(), 0));
}

#[test]
fn floats_compare_as_keys() {
    static RUNS: Runs = Runs::new();
    #[cache]
    fn root(x: f64, y: f32) -> f64 {
        RUNS.add();
        x.sqrt() + f64::from(y)
    }
    let _test = isolate();
    root(0.0, -0.0);
    root(-0.0, 0.0);
    assert_eq!(RUNS.take(), 1, "-0.0 is 0.0");
    assert!(root(f64::NAN, 0.0).is_nan());
    assert!(root(-f64::NAN, 0.0).is_nan());
    assert_eq!(RUNS.take(), 1, "NaN is NaN");
    root(f64::INFINITY, 0.0);
    root(f64::MIN_POSITIVE, 0.0);
    root(f64::from_bits(1), 0.0);
    assert_eq!(RUNS.take(), 3);
    #[cache]
    fn sum(points: &[(f64, f64)]) -> f64 {
        points.iter().map(|(x, y)| x + y).sum()
    }
    let total = sum(&[(0.0, 1.0)]);
    assert_eq!(total.to_bits(), sum(&[(-0.0, 1.0)]).to_bits());
    assert_eq!(sum::stats().hits, 1);
}

#[test]
fn patterns_take_arguments_apart() {
    #[derive(Clone, PartialEq, Eq, Hash, serde::Serialize)]
    struct Point {
        x: i32,
        y: i32,
    }
    static RUNS: Runs = Runs::new();
    #[cache]
    fn distance((a, b): (i32, i32), Point { x, y: up }: Point, [first, ..]: [u8; 3], _: u8) -> i32 {
        RUNS.add();
        a + b + x + up + i32::from(first)
    }
    let _test = isolate();
    assert_eq!(distance((1, 2), Point { x: 3, y: 4 }, [5, 0, 0], 9), 15);
    assert_eq!(distance((1, 2), Point { x: 3, y: 4 }, [5, 0, 0], 9), 15);
    assert_eq!(RUNS.take(), 1);
    // What the body does not look at is part of the key as well.
    distance((1, 2), Point { x: 3, y: 4 }, [5, 0, 1], 9);
    distance((1, 2), Point { x: 3, y: 4 }, [5, 0, 0], 8);
    assert_eq!(RUNS.take(), 2);
    assert_eq!(distance::peek(&(1, 2), &Point { x: 3, y: 4 }, &[5, 0, 0], &9), Some(15));
}

#[test]
fn mutable_arguments_are_keyed_by_what_came_in() {
    #[cache]
    fn drained(mut list: Vec<u32>, mut n: u32) -> u32 {
        while let Some(last) = list.pop() {
            n += last;
        }
        n
    }
    let _test = isolate();
    assert_eq!(drained(vec![1, 2], 3), 6);
    assert_eq!(drained(vec![1, 2], 3), 6);
    assert_eq!(drained(vec![], 6), 6);
    assert_eq!((drained::stats().hits, drained::stats().misses), (1, 2));
}

#[test]
fn owned_collections_as_keys() {
    #[cache]
    fn size(map: BTreeMap<String, Vec<u32>>, boxed: Box<str>, shared: Arc<[u8]>) -> usize {
        map.len() + boxed.len() + shared.len()
    }
    let _test = isolate();
    let map = || BTreeMap::from([("a".to_owned(), vec![1])]);
    assert_eq!(size(map(), "bc".into(), Arc::from([1, 2, 3])), 6);
    assert_eq!(size(map(), "bc".into(), Arc::from([1, 2, 3])), 6);
    assert_eq!(size(BTreeMap::new(), "bc".into(), Arc::from([1, 2, 3])), 5);
    assert_eq!((size::stats().hits, size::stats().misses), (1, 2));
}

#[test]
fn shared_values_are_shared() {
    #[cache]
    fn page(n: u32) -> Arc<Vec<u32>> {
        Arc::new(vec![n; 100])
    }
    let _test = isolate();
    assert!(Arc::ptr_eq(&page(1), &page(1)));
    assert!(!Arc::ptr_eq(&page(1), &page(2)));
}

#[test]
fn static_references_are_values() {
    #[cache::local]
    fn name(n: u32) -> &'static str {
        if n == 0 { "zero" } else { "many" }
    }
    let _test = isolate();
    assert_eq!([name(0), name(0), name(5)], ["zero", "zero", "many"]);
    assert_eq!(name::stats().hits, 1);
}

#[test]
fn functions_inside_functions_are_their_own() {
    fn outer(n: u32) -> u32 {
        #[cache]
        fn step(n: u32) -> u32 {
            n + 1
        }
        step(n) + step(n)
    }
    fn other(n: u32) -> u32 {
        #[cache]
        fn step(n: u32) -> u32 {
            n + 100
        }
        step(n)
    }
    #[cache]
    fn cached_outer(n: u32) -> u32 {
        #[cache]
        fn step(n: u32) -> u32 {
            n * 10
        }
        let inside = step(n);
        assert_eq!(step::peek(&n), Some(inside));
        inside
    }
    let _test = isolate();
    assert_eq!((outer(1), other(1), cached_outer(1)), (4, 101, 10));
}

#[test]
fn early_returns_and_question_marks_stay_inside() {
    #[cache]
    fn parsed(text: &str) -> Option<u32> {
        if text.is_empty() {
            return None;
        }
        let n: u32 = text.parse().ok()?;
        for k in 0.. {
            if k * k >= n {
                return Some(k);
            }
        }
        unreachable!()
    }
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!([parsed(""), parsed("x"), parsed("9")], [None, None, Some(3)]);
    }
    assert_eq!(parsed::stats().hits, 3);
}

#[test]
fn macros_may_write_cached_functions() {
    macro_rules! multiplier {
        ($name:ident, $by:expr, $arg:ident: $ty:ty => $ret:ty) => {
            #[cache(ttl = 60)]
            fn $name($arg: $ty) -> $ret {
                <$ret>::from($arg) * $by
            }
        };
    }
    multiplier!(twice, 2, n: u8 => u32);
    multiplier!(thrice, 3, text: u16 => u64);
    let _test = isolate();
    assert_eq!((twice(2), twice(2), thrice(2)), (4, 4, 6));
    assert_eq!((twice::stats().hits, thrice::stats().hits), (1, 0));
    twice::invalidate(&2).ignore();
    assert!(!twice::contains(&2) && thrice::contains(&2));
}
