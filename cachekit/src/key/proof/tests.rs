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
struct With<T> {
    beside: T,
    of: Number,
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
}

#[cfg(feature = "time")]
#[test]
fn dates_of_time_are_known() {
    let now = time::OffsetDateTime::from_unix_timestamp(1_704_110_400).unwrap();
    known(&now, true);
    known(&With { beside: now, of: Number::Whole(2) }, true);
    known(&time::UtcDateTime::from_unix_timestamp(1_704_110_400).unwrap(), true);
}
