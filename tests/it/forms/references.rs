//! References to types that only the standard traits describe.

use std::fmt::Display;
use std::hash::Hash;

use cachekit::cache;
use cachekit::testing::isolate;

#[test]
fn references_to_types_of_the_users_own() {
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Point(i32, i32);
    #[cache::local]
    fn length(of: &Point, more: &[Point], perhaps: Option<&Point>) -> i32 {
        of.0 + of.1 + i32::try_from(more.len()).unwrap() + perhaps.map_or(0, |point| point.0)
    }
    let _test = isolate();
    for _ in 0..2 {
        // They end with this block: nothing may hold on to them.
        let (point, more) = (Point(1, 2), vec![Point(0, 0)]);
        assert_eq!(length(&point, &more, None), 4);
        assert_eq!(length(&point, &more, Some(&point)), 5);
    }
    assert_eq!((length::stats().misses, length::stats().hits), (2, 2));
}

#[test]
fn bounds_lifetimes_and_types_together() {
    #[cache::local]
    fn join<'a, T, const N: usize>(items: &'a [T; N], by: &'a str) -> String
    where
        T: Display + Hash + Eq + Clone + Send + Sync + 'static,
    {
        items.iter().map(ToString::to_string).collect::<Vec<_>>().join(by)
    }
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!(join(&[1, 2, 3], "+"), "1+2+3");
        assert_eq!(join(&["a", "b"], "-"), "a-b");
    }
    assert_eq!(join::stats().hits, 2);
    assert_eq!(join::peek(&[1, 2, 3], "+").as_deref(), Some("1+2+3"));
}
