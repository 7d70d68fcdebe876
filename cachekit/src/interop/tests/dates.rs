//! Dates of three crates and our own: instants in keys, sentinels in values, and never a plain string.

use std::time::{Duration, UNIX_EPOCH};

use super::{argument, not_stored, refused, stored};
use crate::interop::{Date, DateTime, ErrorKind, Time, Value, decode_value, encode_value};

/// 2024-01-01T12:30:45.123456Z
const MICROS: i64 = 1_704_112_245_123_456;
const IN_KEY: &str = "cb41d964ac1d47e6b4";

fn date_time(text: &str) -> DateTime {
    text.parse().unwrap()
}

/// The document of a sentinel.
fn sentinel(tag: &str, text: &str) -> Vec<u8> {
    rmp_serde::to_vec(&std::collections::BTreeMap::from([
        (tag, Either::Tag(true)),
        ("value", Either::Text(text)),
    ]))
    .unwrap()
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Either<'a> {
    Tag(bool),
    Text(&'a str),
}

#[test]
fn an_instant_in_a_key_is_its_seconds() {
    let date = DateTime::from_unix_micros(MICROS).unwrap();
    assert_eq!(date.to_string(), "2024-01-01T12:30:45.123456+00:00");
    assert_eq!(argument(date), IN_KEY);
    assert_eq!(argument(date_time("2024-01-01T18:00:45.123456+05:30")), IN_KEY);
    assert_eq!(argument(date_time("2024-01-01T12:30:45.123456999Z")), IN_KEY);
    assert_eq!(argument(date_time("2024-01-01T00:00:00z")), "ce65920080");
    assert_eq!(argument(date_time("1969-12-31T23:59:59.123456Z")), "cbbfec0ca600b02928");
    // Rounded to a float before the division.
    assert_eq!(argument(date_time("9999-12-31T23:59:59.999999Z")), "cf0000003afff44180");
    assert_eq!(argument(date_time("0001-01-01T00:00:00Z")), "d3fffffff1886e0900");
    // Down, also before 1970.
    let before = UNIX_EPOCH - Duration::from_nanos(1500);
    assert_eq!(DateTime::try_from(before).unwrap().unix_micros(), Some(-2));
    let after = UNIX_EPOCH + Duration::from_nanos(1500);
    assert_eq!(DateTime::try_from(after).unwrap().unix_micros(), Some(1));
}

#[test]
fn what_is_no_instant_is_refused_in_keys() {
    let naive = date_time("2024-01-01T00:00:00");
    assert!(!naive.is_aware() && naive.unix_micros().is_none());
    let day: Date = "2024-02-29".parse().unwrap();
    let time: Time = "10:30:00".parse().unwrap();
    for kind in [
        refused(naive),
        refused(day),
        refused(time),
        refused(std::collections::HashMap::from([("when", vec![Some(naive)])])),
        refused(Value::set([naive])),
    ] {
        assert_eq!(kind, ErrorKind::OutsideModel);
    }
    // It would be the second after it.
    assert_eq!(refused(date_time("2016-12-31T23:59:60Z")), ErrorKind::Range);
    assert_eq!(stored(naive), hex::encode(sentinel("__datetime__", "2024-01-01T00:00:00")));
    assert_eq!(stored(day), hex::encode(sentinel("__date__", "2024-02-29")));
    assert_eq!(stored(time), hex::encode(sentinel("__time__", "10:30:00")));
}

#[test]
fn only_dates_of_the_calendar_are_read() {
    for good in [
        "2024-02-29",
        "2000-02-29",
        "0001-01-01",
        "9999-12-31",
        "2024-01-01T00:00:00",
        "2024-01-01T23:59:60Z",
        "2024-01-01T00:00:00.1-23:59",
        "2024-01-01T00:00:00.123456789123+00:19:32",
        "10:30:00",
        "10:30:00.5Z",
    ] {
        assert!(crate::interop::temporal::Temporal::parse(good).is_some(), "{good}");
    }
    for bad in [
        "",
        "2023-02-29",
        "1900-02-29",
        "0000-01-01",
        "2024-00-01",
        "2024-13-01",
        "2024-04-31",
        "2024-1-1",
        "2024-01-01T24:00:00",
        "2024-01-01T00:60:00",
        "2024-01-01T00:00:61",
        "2024-01-01T00:00",
        "2024-01-01T00:00:00.",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+0000",
        "2024-01-01T00:00:00Z ",
        " 2024-01-01",
        "+2024-01-01",
        "10:30",
        "\u{662}024-01-01",
        "2024-01-01[Europe/Paris]",
        "2024-01-01T00:00:00[Europe/Paris]",
        "2024-01-01T00:00:00+01:00[Europe/Paris]",
        "10:30:00[Europe/Paris]",
    ] {
        assert!(crate::interop::temporal::Temporal::parse(bad).is_none(), "{bad}");
    }
    assert_eq!(not_stored(date_time("2024-01-01T23:59:60Z")), ErrorKind::Range);
    for micros in [i64::MIN, i64::MAX, -62_135_596_800_000_001, 253_402_300_800_000_000] {
        assert_eq!(DateTime::from_unix_micros(micros).unwrap_err().kind(), ErrorKind::Range);
    }
}

#[test]
fn every_day_of_the_calendar_is_counted_once() {
    let first = DateTime::from_unix_micros(-62_135_596_800_000_000).unwrap();
    assert_eq!(first.to_string(), "0001-01-01T00:00:00+00:00");
    let mut last = None;
    for day in -719_162..2_932_897_i64 {
        let micros = day * 86_400_000_000;
        let date = DateTime::from_unix_micros(micros).unwrap();
        assert_eq!(date.unix_micros(), Some(micros));
        assert!(last < Some(date.date));
        last = Some(date.date);
    }
    assert_eq!(last.unwrap().to_string(), "9999-12-31");
}

#[test]
fn sentinels_become_values_and_nothing_else_does() {
    let read = |bytes: &[u8]| decode_value::<Value>(bytes);
    let iso = "2024-01-01T12:30:45.123456+05:30";
    let value = read(&sentinel("__datetime__", iso)).unwrap();
    assert_eq!(value, Value::DateTime(date_time(iso)));
    assert_eq!(encode_value(&value).unwrap(), sentinel("__datetime__", iso));
    let date: DateTime = decode_value(&sentinel("__datetime__", iso)).unwrap();
    assert_eq!(date.unix_micros(), Some(MICROS - 19_800_000_000));
    // Another tag, a tag that is not true, a third key: a map.
    for other in [
        "82a85f5f6e6f6e655f5fc3a576616c7565a131",
        "82a85f5f646174655f5fc2a576616c7565aa323032342d30312d3031",
        "83a85f5f646174655f5fc3a576616c7565aa323032342d30312d3031a17801",
    ] {
        assert!(matches!(super::read(other).unwrap(), Value::Map(_)), "{other}");
    }
    let wrong = read(&sentinel("__date__", "2024-13-01")).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Mismatch);
    assert_eq!(
        decode_value::<Date>(&sentinel("__datetime__", iso)).unwrap_err().kind(),
        ErrorKind::Mismatch
    );
    // A string stays a map to a type that wants a string.
    assert!(decode_value::<String>(&sentinel("__date__", "2024-01-01")).is_err());
}

/// Wrappers behind which a date is still one.
#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
mod wrapped {
    use serde::{Deserialize, Serialize};
    use std::collections::{BTreeMap, HashMap};
    use std::fmt::Debug;
    use std::rc::Rc;
    use std::sync::Arc;

    use super::*;

    #[derive(Serialize)]
    #[serde(transparent)]
    struct Transparent<T> {
        inner: T,
    }

    #[derive(Serialize)]
    struct Newtype<T>(T);

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Event<T> {
        when: T,
        name: String,
        other: Option<T>,
    }

    #[derive(Serialize)]
    struct Flat<T> {
        #[serde(flatten)]
        event: Event<T>,
    }

    #[derive(Serialize)]
    #[serde(tag = "kind")]
    enum Tagged<T> {
        At { at: T },
    }

    /// All of them have the same key; `expected` is its hex.
    pub(super) fn instant<T: Serialize + Clone + std::hash::Hash + Eq + Ord>(
        date: T,
        expected: &str,
    ) {
        let forms = [
            argument(&date),
            argument(&&date),
            argument(Some(&date)),
            argument(Box::new(date.clone())),
            argument(Rc::new(date.clone())),
            argument(Arc::new(&date)),
            argument(std::borrow::Cow::Borrowed(&date)),
            argument(Newtype(&date)),
            argument(Transparent { inner: &date }),
            argument(Transparent { inner: Some(Transparent { inner: date.clone() }) }),
        ];
        assert_eq!(forms, std::array::from_fn::<_, 10, _>(|_| expected.to_owned()));
        let list = format!("91{expected}");
        assert_eq!(argument(vec![&date]), list);
        assert_eq!(argument(vec![Box::new(&date)]), list);
        assert_eq!(argument([&date].as_slice()), list);
        assert_eq!(argument((&date,)), list);
        assert_eq!(argument(std::collections::HashSet::from([date.clone()])), list);
        assert_eq!(argument(BTreeMap::from([("k", &date)])), format!("81a16b{expected}"));
        assert_eq!(
            argument(Tagged::At { at: &date }),
            format!("82a26174{expected}a46b696e64a24174")
        );
        let event = || Event { when: date.clone(), name: "x".into(), other: Some(date.clone()) };
        let map = format!("83a46e616d65a178a56f74686572{expected}a47768656e{expected}");
        assert_eq!(argument(event()), map);
        assert_eq!(argument(Flat { event: event() }), map);
        assert_eq!(refused(HashMap::from([(date, 1)])), ErrorKind::OutsideModel);
    }

    pub(super) fn no_instant<T: Serialize>(date: T) {
        assert_eq!(refused(&date), ErrorKind::OutsideModel);
        assert_eq!(refused(Some(Box::new(&date))), ErrorKind::OutsideModel);
        assert_eq!(refused(Transparent { inner: &date }), ErrorKind::OutsideModel);
    }

    /// The value is written as the sentinel, wherever it stands, and comes back.
    pub(super) fn value<T>(date: T, tag: &str, text: &str)
    where
        T: Serialize + for<'de> Deserialize<'de> + PartialEq + Clone + Debug,
    {
        let expected = sentinel(tag, text);
        assert_eq!(encode_value(&date).unwrap(), expected, "{date:?}");
        assert_eq!(encode_value(&Transparent { inner: Box::new(&date) }).unwrap(), expected);
        assert_eq!(decode_value::<T>(&expected).unwrap(), date);
        assert_eq!(decode_value::<Box<T>>(&expected).unwrap().as_ref(), &date);
        let event = Event { when: date.clone(), name: "x".into(), other: None };
        let encoded = encode_value(&event).unwrap();
        assert_eq!(decode_value::<Event<T>>(&encoded).unwrap(), event);
        let list = vec![Some(date.clone()), None];
        assert_eq!(decode_value::<Vec<Option<T>>>(&encode_value(&list).unwrap()).unwrap(), list);
    }

    pub(super) fn other_kind<T: for<'de> Deserialize<'de> + Debug>(tag: &str, text: &str) {
        let error = decode_value::<T>(&sentinel(tag, text)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch);
    }
}

#[cfg(feature = "chrono")]
#[test]
fn dates_of_chrono() {
    use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};
    let utc = Utc.timestamp_micros(MICROS).unwrap();
    let india = utc.with_timezone(&FixedOffset::east_opt(19_800).unwrap());
    wrapped::instant(utc, IN_KEY);
    wrapped::instant(india, IN_KEY);
    wrapped::instant(utc + chrono::Duration::nanoseconds(999), IN_KEY);
    wrapped::no_instant(utc.naive_utc());
    wrapped::no_instant(utc.date_naive());
    wrapped::no_instant(utc.time());
    wrapped::value(utc, "__datetime__", "2024-01-01T12:30:45.123456+00:00");
    wrapped::value(india, "__datetime__", "2024-01-01T18:00:45.123456+05:30");
    wrapped::value(utc.naive_utc(), "__datetime__", "2024-01-01T12:30:45.123456");
    wrapped::value(NaiveDate::MIN.with_year_(1), "__date__", "0001-01-01");
    wrapped::value(NaiveTime::from_hms_opt(10, 30, 0).unwrap(), "__time__", "10:30:00");
    wrapped::other_kind::<NaiveDateTime>("__datetime__", "2024-01-01T12:30:45+00:00");
    wrapped::other_kind::<chrono::DateTime<Utc>>("__datetime__", "2024-01-01T12:30:45");
    wrapped::other_kind::<NaiveDate>("__datetime__", "2024-01-01T12:30:45");
    // Python's offsets may have seconds.
    let odd = sentinel("__datetime__", "2024-01-01T12:50:17.123456+00:19:32");
    assert_eq!(decode_value::<chrono::DateTime<Utc>>(&odd).unwrap(), utc);
    assert_eq!(refused(NaiveDate::MAX.and_time(NaiveTime::MIN).and_utc()), ErrorKind::Range);
    // Finer than a microsecond is cut off.
    let fine = utc + chrono::Duration::nanoseconds(999);
    assert_eq!(stored(fine), stored(utc));
    // As the published Rust SDK writes it.
    let plain = rmp_serde::to_vec_named(&utc).unwrap();
    assert_eq!(decode_value::<chrono::DateTime<Utc>>(&plain).unwrap(), utc);
    // Names are no dates.
    assert_eq!(argument(chrono::Weekday::Mon), argument("Mon"));
    assert_eq!(argument(chrono::Month::May), argument("May"));
}

#[cfg(feature = "chrono")]
trait Year {
    fn with_year_(self, year: i32) -> Self;
}

#[cfg(feature = "chrono")]
impl Year for chrono::NaiveDate {
    fn with_year_(self, year: i32) -> Self {
        chrono::Datelike::with_year(&self, year).unwrap()
    }
}

#[cfg(feature = "jiff")]
#[test]
fn dates_of_jiff() {
    use jiff::civil;
    use jiff::tz::TimeZone;
    let utc = jiff::Timestamp::from_microsecond(MICROS).unwrap();
    let zoned = utc.to_zoned(TimeZone::fixed(jiff::tz::offset(5)));
    wrapped::instant(utc, IN_KEY);
    wrapped::instant(zoned.clone(), IN_KEY);
    wrapped::no_instant(zoned.datetime());
    wrapped::no_instant(zoned.date());
    wrapped::no_instant(zoned.time());
    wrapped::value(utc, "__datetime__", "2024-01-01T12:30:45.123456+00:00");
    wrapped::value(zoned.datetime(), "__datetime__", "2024-01-01T17:30:45.123456");
    wrapped::value(civil::date(1, 1, 1), "__date__", "0001-01-01");
    wrapped::value(civil::time(10, 30, 0, 0), "__time__", "10:30:00");
    wrapped::other_kind::<civil::DateTime>("__datetime__", "2024-01-01T12:30:45+00:00");
    wrapped::other_kind::<jiff::Timestamp>("__datetime__", "2024-01-01T12:30:45");
    assert_eq!(not_stored(&zoned), ErrorKind::OutsideModel);
    assert_eq!(refused(jiff::Timestamp::MIN), ErrorKind::Range);
    assert_eq!(argument(jiff::SignedDuration::from_secs(5)), argument("PT5S"));
    assert_eq!(argument(jiff::Span::new().hours(2)), argument("PT2H"));
}

#[cfg(feature = "time")]
#[test]
fn dates_of_time() {
    use time::{OffsetDateTime, PrimitiveDateTime, UtcDateTime, UtcOffset};
    let utc = OffsetDateTime::from_unix_timestamp_nanos(i128::from(MICROS) * 1000).unwrap();
    let india = utc.to_offset(UtcOffset::from_hms(5, 30, 0).unwrap());
    wrapped::instant(utc, IN_KEY);
    wrapped::instant(india, IN_KEY);
    let naive = PrimitiveDateTime::new(utc.date(), utc.time());
    wrapped::no_instant(utc.date());
    wrapped::no_instant(utc.time());
    wrapped::value(utc, "__datetime__", "2024-01-01T12:30:45.123456+00:00");
    wrapped::value(india, "__datetime__", "2024-01-01T18:00:45.123456+05:30");
    wrapped::value(utc.date(), "__date__", "2024-01-01");
    wrapped::value(time::Time::from_hms(10, 30, 0).unwrap(), "__time__", "10:30:00");
    // The two that write the same text.
    let unzoned = UtcDateTime::from_unix_timestamp_nanos(i128::from(MICROS) * 1000).unwrap();
    for form in [argument(unzoned), argument(&unzoned), argument(Some(Box::new(unzoned)))] {
        assert_eq!(form, IN_KEY);
    }
    assert_eq!(argument(vec![unzoned]), format!("91{IN_KEY}"));
    assert_eq!(
        (refused(naive), refused(Some(&naive))),
        (ErrorKind::OutsideModel, ErrorKind::OutsideModel)
    );
    assert_eq!(stored(unzoned), stored(utc));
    let iso = "2024-01-01T12:30:45.123456";
    assert_eq!(stored(naive), hex::encode(sentinel("__datetime__", iso)));
    assert_eq!(decode_value::<UtcDateTime>(&encode_value(&unzoned).unwrap()).unwrap(), unzoned);
    assert_eq!(decode_value::<UtcDateTime>(&encode_value(&india).unwrap()).unwrap(), unzoned);
    assert_eq!(decode_value::<PrimitiveDateTime>(&encode_value(&naive).unwrap()).unwrap(), naive);
    wrapped::other_kind::<PrimitiveDateTime>("__datetime__", "2024-01-01T12:30:45+00:00");
    wrapped::other_kind::<OffsetDateTime>("__datetime__", "2024-01-01T12:30:45");
    #[derive(serde::Serialize)]
    #[serde(transparent)]
    struct Hidden(UtcDateTime);
    assert_eq!(refused(Hidden(unzoned)), ErrorKind::OutsideModel);
    assert_eq!(not_stored(Hidden(unzoned)), ErrorKind::OutsideModel);
    assert_eq!(argument(time::Weekday::Monday), argument("Monday"));
}

/// A date in a value is one map deep, and in a key a number: no deeper.
#[test]
fn a_date_takes_the_levels_that_are_written() {
    fn nested(levels: usize, date: DateTime) -> Value {
        (0..levels).fold(Value::DateTime(date), |inner, _| Value::Array(vec![inner]))
    }
    let date = DateTime::from_unix_micros(MICROS).unwrap();
    let deepest = encode_value(&nested(99, date)).unwrap();
    assert_eq!(decode_value::<Value>(&deepest).unwrap(), nested(99, date));
    assert_eq!(not_stored(nested(100, date)), ErrorKind::TooDeep);
    // The list of the arguments is a level as well.
    let encoded = argument(nested(99, date));
    assert!(encoded.ends_with(IN_KEY));
    assert_eq!(refused(nested(100, date)), ErrorKind::TooDeep);
    for value in [
        Value::Date("2024-01-01".parse::<Date>().unwrap()),
        Value::Time("12:30:00".parse::<Time>().unwrap()),
    ] {
        let nested = (0..99).fold(value, |inner, _| Value::Array(vec![inner]));
        assert!(encode_value(&nested).is_ok());
    }
}
