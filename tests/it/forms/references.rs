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

#[test]
fn references_inside_of_one_part() {
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Point(i32, i32);
    #[cache::local]
    fn in_tuple(pair: (&Point, u8), more: &((&Point, &str), Option<&Point>)) -> i32 {
        pair.0.0 + i32::from(pair.1) + more.0.0.1 + more.1.map_or(0, |point| point.0)
    }
    #[cache::local]
    fn in_result(of: Result<&str, u8>) -> usize {
        of.map_or(0, str::len)
    }
    #[cache::local(key = ((of, 1), more))]
    fn in_expression(of: &Point, more: u8) -> i32 {
        of.0 + i32::from(more)
    }
    struct Shop {
        place: Point,
        name: String,
    }
    impl Shop {
        #[cache::local(self = key((&self.place, self.name.as_str(), 1)))]
        fn rent(&self, month: u8) -> i32 {
            self.place.0 + i32::from(month)
        }
    }
    let _test = isolate();
    for _ in 0..2 {
        let (one, two, text) = (Point(1, 2), Point(3, 4), "three".to_owned());
        assert_eq!(in_tuple((&one, 1), &((&two, &text), Some(&one))), 1 + 1 + 4 + 1);
        assert_eq!(in_tuple((&two, 1), &((&two, &text), Some(&one))), 3 + 1 + 4 + 1);
        assert_eq!(in_tuple((&one, 1), &((&two, &text), None)), 1 + 1 + 4);
        assert_eq!((in_result(Ok(&text)), in_result(Err(1)), in_result(Err(5))), (5, 0, 0));
        assert_eq!((in_expression(&one, 1), in_expression(&two, 1)), (2, 4));
        let shop = Shop { place: one, name: text };
        assert_eq!((shop.rent(1), shop.rent(2)), (2, 3));
    }
    assert_eq!((in_tuple::stats().misses, in_tuple::stats().hits), (3, 3));
    assert_eq!((in_result::stats().misses, in_result::stats().hits), (3, 3));
    assert_eq!((in_expression::stats().misses, in_expression::stats().hits), (2, 2));
    let (one, text) = (Point(1, 2), "three".to_owned());
    assert_eq!(in_tuple::peek(&(&one, 1), &((&Point(3, 4), &text), None)), Some(6));
    assert_eq!(in_result::peek(&Ok(&text)), Some(5));
}
