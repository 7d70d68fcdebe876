//! Types and values that bincode cannot carry: they go as MessagePack, and are right.

use std::collections::HashMap;
use std::fmt::{self, Debug};

use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

use super::{Codec, decode, encode, fingerprint, round, round_named};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Internal {
    A { n: u64, list: Vec<Option<i8>> },
    B,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: HashMap<String, Untagged>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Number(u64),
    Text(String),
    Nothing,
}

#[test]
fn types_that_ask_for_whatever_comes() {
    round_named(&vec![Internal::A { n: u64::MAX, list: vec![Some(-1), None] }, Internal::B]);
    round_named(&vec![Untagged::Number(-5), Untagged::Text("t".into())]);
    round_named(&Flat { id: 1, rest: HashMap::from([("x".into(), Untagged::Number(1))]) });
    assert_eq!(fingerprint::<IgnoredAny>(), None);
    // Deep inside of something else, too.
    assert_eq!(fingerprint::<HashMap<u8, Vec<Option<(u8, Untagged)>>>>(), None);
}

#[test]
fn types_that_ask_for_what_they_were_told() {
    // What stands in "c" depends on "t".
    assert_eq!(fingerprint::<Adjacent>(), None);
    round_named(&vec![Adjacent::Number(1), Adjacent::Text("t".into()), Adjacent::Nothing]);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sparse {
    id: u8,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    note: Option<u8>,
    last: u8,
}

#[test]
fn values_that_leave_something_out() {
    // It depends on the value.
    round(&Sparse { id: 1, note: Some(2), last: 3 });
    round_named(&Sparse { id: 1, note: None, last: 3 });
    round(&vec![Sparse { id: 1, note: Some(2), last: 3 }]);
    round_named(&vec![
        Sparse { id: 1, note: Some(2), last: 3 },
        Sparse { id: 4, note: None, last: 5 },
    ]);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Never {
        kept: u8,
        #[serde(skip_serializing, default)]
        dropped: u8,
    }
    round_named(&Never { kept: 1, dropped: 0 });

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Skipped {
        #[serde(skip)]
        cache: u8,
        kept: u8,
    }
    // Neither written nor read.
    round(&Skipped { cache: 0, kept: 1 });
}

#[test]
fn a_default_that_was_not_written_is_not_served() {
    fn filled() -> String {
        "filled in".into()
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Filled {
        #[serde(skip_serializing_if = "String::is_empty", default = "filled")]
        lost: String,
    }
    let encoded = encode(&Filled { lost: String::new() }).unwrap();
    assert_eq!(encoded.codec, Codec::MessagePack);
    assert_eq!(decode::<Filled>(&encoded), None);
    round(&Filled { lost: "kept".into() });
}

#[test]
fn a_deserialization_that_is_no_inverse_is_not_served() {
    fn lower<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        Ok(String::deserialize(deserializer)?.to_lowercase())
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Lower(#[serde(deserialize_with = "lower")] String);
    round(&Lower("ok".into()));
    let encoded = encode(&Lower("NOT ok".into())).unwrap();
    assert_eq!(encoded.codec, Codec::MessagePack);
    assert_eq!(decode::<Lower>(&encoded), None);
    // As another version of the program may have written it.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "Lower")]
    struct Before(String);
    let encoded = encode(&Before("NOT ok".into())).unwrap();
    assert_eq!(Some(encoded.fingerprint), fingerprint::<Lower>());
    assert_eq!(decode::<Lower>(&encoded), None);
}

#[test]
fn a_deserialization_that_swallows_errors_is_not_served() {
    fn or_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        Ok(u32::deserialize(deserializer).unwrap_or_default())
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Lenient {
        #[serde(deserialize_with = "or_default")]
        n: u32,
        m: u8,
    }
    round(&Lenient { n: 7, m: 1 });
    let whole = encode(&Lenient { n: 7, m: 1 }).unwrap();
    assert_eq!(*whole.bytes, [7, 1]);
    // An integer wider than 32 bits is none to bincode, and the field falls back.
    let wide = whole.with(&[253, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(decode::<Lenient>(&wide), None);
}

/// An enum whose numbers are not those of its names.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Gap {
    First,
    #[serde(skip)]
    #[allow(dead_code)]
    Hidden,
    Second(u8),
    Third(u8),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Alias {
    #[serde(alias = "A", alias = "Zero")]
    First,
    Second,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Open {
    Known,
    #[serde(other)]
    Unknown,
}

#[test]
fn enums_whose_numbers_are_not_those_of_their_names() {
    round(&Gap::First);
    round_named(&Gap::Second(3));
    round_named(&Gap::Third(4));
    round_named(&Alias::First);
    round_named(&Alias::Second);
    round(&vec![Open::Known, Open::Unknown]);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Field {
        #[serde(alias = "old")]
        new: u8,
        other: u8,
    }
    round_named(&Field { new: 1, other: 2 });

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Void {}
    assert_eq!(fingerprint::<Void>(), None);
    assert_eq!(fingerprint::<Option<Void>>(), None);
}

/// Implements what serde asks for by hand.
macro_rules! by_hand {
    ($type:ident: |$value:ident, $s:ident| $serialize:expr; |$d:ident| $deserialize:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, $s: S) -> Result<S::Ok, S::Error> {
                let $value = self;
                $serialize
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>($d: D) -> Result<Self, D::Error> {
                $deserialize
            }
        }
    };
}

#[test]
fn announced_lengths_are_checked() {
    /// A list that says it is shorter, or does not say.
    #[derive(Debug, PartialEq)]
    struct Liar(Option<usize>);
    by_hand!(Liar: |liar, s| {
        let mut seq = s.serialize_seq(liar.0)?;
        for n in 0..3_u8 {
            seq.serialize_element(&n)?;
        }
        seq.end()
    }; |d| {
        let list = Vec::<u8>::deserialize(d)?;
        if list.is_empty() { Ok(Self(Some(0))) } else { Ok(Self(Some(list.len()))) }
    });
    round(&Liar(Some(3)));
    for len in [None, Some(2), Some(4), Some(usize::MAX)] {
        let encoded = encode(&Liar(len));
        assert!(encoded.is_none_or(|encoded| encoded.codec == Codec::MessagePack), "{len:?}");
    }

    /// A struct that has other fields than it reads.
    #[derive(Debug, PartialEq)]
    struct Fields(&'static [&'static str]);
    by_hand!(Fields: |fields, s| {
        let mut out = s.serialize_struct("Fields", fields.0.len())?;
        for field in fields.0 {
            out.serialize_field(field, &1_u8)?;
        }
        out.end()
    }; |d| {
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Fields {
            a: u8,
            b: u8,
        }
        Fields::deserialize(d).map(|_| Self(&["a", "b"]))
    });
    round(&Fields(&["a", "b"]));
    for fields in [&["b", "a"][..], &["a"], &["a", "b", "c"], &["a", "c"], &[]] {
        let encoded = encode(&Fields(fields)).unwrap();
        assert_eq!(encoded.codec, Codec::MessagePack, "{fields:?}");
    }
}

#[test]
fn what_is_asked_for_may_depend_on_numbers_that_were_not_offered() {
    /// The second number is wider in some versions. One the recording offers, three it does not.
    #[derive(Debug, PartialEq)]
    struct Versioned(u8, u64);
    by_hand!(Versioned: |it, s| {
        match u32::try_from(it.1) {
            Ok(narrow) if it.0 != 3 => (it.0, narrow).serialize(s),
            _ => (it.0, it.1).serialize(s),
        }
    }; |d| {
        struct Two;
        impl<'de> Visitor<'de> for Two {
            type Value = Versioned;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("two numbers")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Versioned, A::Error> {
                let missing = || A::Error::custom("missing");
                let version = list.next_element()?.ok_or_else(missing)?;
                let number = if version == 3 {
                    list.next_element::<u64>()?
                } else {
                    list.next_element::<u32>()?.map(u64::from)
                };
                Ok(Versioned(version, number.ok_or_else(missing)?))
            }
        }
        d.deserialize_tuple(2, Two)
    });
    round(&Versioned(1, 5));
    round_named(&Versioned(3, 5));
    // Written when the third version was as the others. The same bytes, but not the same value.
    let before = encode(&(3_u8, 5_u32)).unwrap();
    assert_eq!(Some(before.fingerprint), fingerprint::<Versioned>());
    assert_eq!(before.bytes, encode(&(3_u8, 5_u64)).unwrap().bytes);
    assert_eq!(decode::<Versioned>(&before), None);
}

#[test]
fn a_list_of_what_has_no_order_reads_back() {
    use std::collections::HashSet;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(from = "Vec<u32>", into = "Vec<u32>")]
    struct Index(HashSet<u32>);
    impl From<Index> for Vec<u32> {
        fn from(index: Index) -> Self {
            index.0.into_iter().collect()
        }
    }
    impl From<Vec<u32>> for Index {
        fn from(list: Vec<u32>) -> Self {
            Self(list.into_iter().collect())
        }
    }
    let encoded = encode(&Index((0..100).collect())).unwrap();
    assert_ne!(encoded.trace, 0, "the bytes would not be the same");
    round(&Index((0..100).collect()));
}

#[test]
fn types_that_read_otherwise_than_they_write() {
    #[derive(Debug, PartialEq)]
    struct Wide(u8);
    by_hand!(Wide: |wide, s| s.serialize_u8(wide.0); |d| u16::deserialize(d).map(|n| Self(n.to_le_bytes()[0])));
    round_named(&Wide(3));

    #[derive(Debug, PartialEq)]
    struct Text(String);
    by_hand!(Text: |text, s| s.serialize_bytes(text.0.as_bytes()); |d| {
        let bytes = super::Binary::deserialize(d)?.0;
        String::from_utf8(bytes).map(Self).map_err(D::Error::custom)
    });
    round(&Text("x".into()));

    #[derive(Debug, PartialEq)]
    struct Display(u8);
    by_hand!(Display: |n, s| s.collect_str(&n.0); |d| {
        String::deserialize(d)?.parse().map(Self).or(Ok(Self(0)))
    });
    round(&Display(77));
}

#[test]
fn visitors_that_do_not_read_to_the_end() {
    #[derive(Debug, PartialEq)]
    struct First(u8);
    impl<'de> Visitor<'de> for First {
        type Value = Self;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
            list.next_element()?.map(Self).ok_or_else(|| A::Error::custom("empty"))
        }
    }
    by_hand!(First: |first, s| (first.0, 0_u8).serialize(s); |d| d.deserialize_tuple(2, First(0)));
    assert_eq!(fingerprint::<First>(), None);
    // As it has always been: what is left over is an error to MessagePack.
    let encoded = encode(&First(3)).unwrap();
    assert_eq!(encoded.codec, Codec::MessagePack);
    assert_eq!(decode::<First>(&encoded), None);
}

#[test]
fn a_type_that_panics_at_what_it_is_offered() {
    #[derive(Debug, PartialEq)]
    struct Panics(String);
    by_hand!(Panics: |panics, s| panics.0.serialize(s); |d| {
        let text = String::deserialize(d)?;
        assert!(text.starts_with("id-"), "this message belongs to a test that passes");
        Ok(Self(text))
    });
    assert_eq!(fingerprint::<Panics>(), None);
    round_named(&Panics("id-1".into()));
}

#[test]
fn borrowed_values_are_carried_by_their_owned_forms() {
    use std::borrow::Cow;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Both {
        text: Cow<'static, str>,
        list: Cow<'static, [u8]>,
    }
    round(&Both { text: Cow::Borrowed("t"), list: Cow::Borrowed(&[1, 2]) });
}

#[test]
fn collections_of_nothing_beyond_what_is_read_back() {
    round(&vec![(); 4_096]);
    round_named(&vec![(); 5_000]);
    round(&vec![vec![(); 2_000]; 2]);
    round_named(&vec![vec![(); 2_000]; 3]);
    round_named(&(0..5_000_u32).map(|_| [(); 2]).collect::<Vec<_>>());
}
