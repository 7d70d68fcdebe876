//! Which keys of all languages are known to be those of one argument.

use serde::{Deserialize, Serialize};

use super::{Fidelity, Form, read_back};
use crate::interop::{DateTime, Set};
use crate::key::Float;

/// One number for other languages.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(i64),
    Real(Float<f64>),
}

/// An instant is a number in a key.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum When {
    At(DateTime),
    Seconds(i64),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Tags {
    List(Vec<u8>),
    Set(Set<Vec<u8>>),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct With<T, N = Number> {
    beside: T,
    of: N,
}

/// Two bytes, or any number of them in no order.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Pick {
    Pair([u8; 2]),
    Any(Set<Vec<u8>>),
}

/// The same, all of them sets.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Sets {
    Pair(Set<[u8; 2]>),
    Named(Set<(u8, String)>),
    Any(Set<Vec<Item>>),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Item {
    Number(u8),
    Name(String),
}

/// Where one has a date, the other has a number.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Span {
    From { start: DateTime, end: i64 },
    To { start: i64, end: DateTime },
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Page {
    #[serde(flatten)]
    span: With<DateTime, i64>,
}

#[track_caller]
fn known<T: Serialize + for<'de> Deserialize<'de> + Eq>(key: &T, is_known: bool) {
    let fidelity = read_back(key, Form::Interop);
    assert_eq!(fidelity != Fidelity::Partial, is_known);
}

fn at(seconds: i64) -> DateTime {
    DateTime::from_unix_micros(seconds * 1_000_000).unwrap()
}

#[test]
fn what_the_protocol_shortens_excuses_nothing_beside_it() {
    let real = || Number::Real(2.0.into());
    known(&Number::Whole(2), true);
    known(&real(), false);
    known(&at(5), true);
    known(&With { beside: at(5), of: Number::Whole(2) }, true);
    known(&With { beside: at(5), of: real() }, false);
    known(&Set(vec![2, 1]), true);
    known(&With { beside: Set(vec![2, 1]), of: Number::Whole(2) }, true);
    known(&With { beside: Set(vec![2, 1]), of: real() }, false);
    known(&(at(5), Set(vec![2, 1, 2])), true);
}

#[test]
fn a_date_that_may_be_a_number_and_a_set_that_may_be_a_list_are_not_known() {
    known(&When::Seconds(5), true);
    known(&When::At(at(5)), false);
    known(&Tags::List(vec![1, 2]), true);
    known(&Tags::List(vec![2, 1]), true);
    known(&Tags::Set(Set(vec![2, 1])), false);
    known(&Tags::Set(Set(vec![1, 2])), false);
}

/// All values of a type with the same place in a key, of which at most one may be known.
#[track_caller]
fn at_most_one_is_known<T: Serialize + for<'de> Deserialize<'de> + Eq>(alike: &[T]) {
    let places: Vec<_> = alike.iter().map(|key| crate::interop::encode_args(&(key,))).collect();
    assert!(places.iter().all(Result::is_ok), "{places:?}");
    assert!(places.windows(2).all(|pair| pair[0].as_ref().ok() == pair[1].as_ref().ok()));
    let known = alike.iter().filter(|key| read_back(*key, Form::Interop) != Fidelity::Partial);
    assert!(known.count() <= 1);
}

#[test]
fn values_that_share_a_place_are_not_known_both() {
    let when = [When::Seconds(5), When::At(at(5))];
    at_most_one_is_known(&when);
    at_most_one_is_known(&when.map(|of| With { beside: at(9), of }));
    let when = || [When::Seconds(5), When::At(at(5))];
    at_most_one_is_known(&when().map(|of| With { beside: Set(vec![2, 1]), of }));
    at_most_one_is_known(&when().map(|of| vec![With { beside: vec![Some(at(9))], of }]));
    at_most_one_is_known(&when().map(|of| (at(1), Set(vec![of]))));
    at_most_one_is_known(&[
        vec![When::At(at(1)), When::Seconds(2)],
        vec![When::Seconds(1), When::At(at(2))],
    ]);
    at_most_one_is_known(&[Pick::Pair([1, 2]), Pick::Any(Set(vec![1, 2, 2]))]);
    at_most_one_is_known(
        &[Pick::Pair([1, 2]), Pick::Any(Set(vec![2, 1]))].map(|of| With { beside: at(1), of }),
    );
    at_most_one_is_known(&[Span::From { start: at(1), end: 2 }, Span::To { start: 1, end: at(2) }]);
    let any = |items: [Item; 3]| Sets::Any(Set(items.into()));
    let number = Item::Number;
    at_most_one_is_known(&[
        Sets::Pair(Set([1, 2])),
        any([number(1), number(2), number(2)]),
        any([number(2), number(1), number(2)]),
    ]);
    let name = || Item::Name("x".to_owned());
    at_most_one_is_known(&[
        Sets::Named(Set((1, "x".to_owned()))),
        any([name(), number(1), name()]),
    ]);
    at_most_one_is_known(&[Tags::List(vec![1, 2]), Tags::Set(Set(vec![2, 1]))]);
}

#[test]
fn a_date_is_known_wherever_its_type_stands() {
    // The microseconds of years far from 1970 are more than a float counts.
    for micros in
        [0, 1, -1, 1_704_110_400_123_457, 253_402_300_799_000_001, -62_135_596_800_000_000]
    {
        known(&DateTime::from_unix_micros(micros).unwrap(), true);
    }
    known(&With { beside: at(5), of: vec![Some(at(6)), None] }, true);
    known(
        &With { beside: at(5), of: std::collections::BTreeMap::from([("a".to_owned(), at(6))]) },
        true,
    );
    known(&Set(vec![at(2), at(1), at(2)]), true);
    // serde puts a number aside as a number, and offers the date nothing else.
    known(&Page { span: With { beside: at(5), of: 1 } }, false);
}

#[cfg(feature = "chrono")]
#[test]
fn dates_of_chrono_are_known() {
    let now = chrono::DateTime::from_timestamp(1_704_110_400, 123_456_789).unwrap();
    known(&now, true);
    known(&now.fixed_offset(), true);
    known(&With { beside: vec![Some(now)], of: Number::Whole(2) }, true);
}

#[cfg(feature = "jiff")]
#[test]
fn dates_of_jiff_are_known() {
    let now = jiff::Timestamp::new(1_704_110_400, 123_456_789).unwrap();
    known(&now, true);
    known(&With { beside: Some(now), of: Number::Whole(2) }, true);
    let zoned = now.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(2)));
    known(&zoned, true);
    known(&With { beside: zoned, of: Number::Whole(2) }, true);
}

#[cfg(feature = "time")]
#[test]
fn dates_of_time_are_known() {
    let now = time::OffsetDateTime::from_unix_timestamp(1_704_110_400).unwrap();
    known(&now, true);
    known(&With { beside: now, of: Number::Whole(2) }, true);
    known(&time::UtcDateTime::from_unix_timestamp(1_704_110_400).unwrap(), true);
}
