//! Types that bincode carries.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::CString;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroI8, NonZeroU32, NonZeroU128, Wrapping};
use std::ops::Bound;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Binary, decode, encode, expressions, round};

#[test]
fn scalars() {
    round(&(i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
    round(&(u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX));
    round(&(usize::MAX, isize::MIN, true, false, 'ß', '\u{10ffff}', '\0'));
    round(&(f32::MIN_POSITIVE, f32::INFINITY, f64::EPSILON, f64::NEG_INFINITY));
    round(&());
    for bits in [0x7fc0_0000, 0xffc0_0001, 0x8000_0000, 0] {
        let encoded = encode(&f32::from_bits(bits)).unwrap();
        assert_eq!(decode::<f32>(&encoded).map(f32::to_bits), Some(bits));
    }
    for bits in [0x7ff8_0000_0000_0000, 0xfff8_0000_0000_0001, 1 << 63, 0] {
        let encoded = encode(&f64::from_bits(bits)).unwrap();
        assert_eq!(decode::<f64>(&encoded).map(f64::to_bits), Some(bits));
    }
}

#[test]
fn what_message_pack_cannot_tell_apart() {
    fn option<T>(value: T) -> Option<T> {
        Some(value)
    }
    round(&None::<Option<u8>>);
    round(&option(None::<u8>));
    round(&option(option(5)));
    round(&option(()));
    round(&option(option(())));
    round(&vec![option(None), option(option(1)), None]);
}

/// `Vec<u8>` is written and read as a whole: to the same bytes, and as strictly, as element by element.
#[test]
fn lists_of_bytes() {
    for length in [0, 1, 250, 251, 65_535, 65_536, 1 << 20] {
        let list = vec![7_u8; length];
        round(&list);
        let encoded = encode(&list).unwrap();
        let other = VecDeque::from(list);
        assert_eq!(encode(&other), Some(encoded.clone()));
        assert_eq!(decode(&encoded), Some(other));

        for bytes in [&encoded.bytes[1..], &[], &[250], &[251, 0, 0], &[251, 1, 0, 7], &[0, 0]] {
            let damaged = encoded.with(bytes);
            assert_eq!(decode::<VecDeque<u8>>(&damaged), None, "{bytes:?}");
            assert_eq!(decode::<Vec<u8>>(&damaged), None, "{bytes:?}");
        }
    }
}

#[test]
fn texts_and_bytes() {
    for length in [0, 1, 250, 251, 65_535, 65_536, 1 << 20] {
        round(&"x".repeat(length));
        round(&Binary(vec![7; length]));
    }
    round(&Box::<str>::from("boxed"));
    round(&Arc::<str>::from("shared"));
    round(&Cow::<'static, str>::Owned("owned".into()));
    round(&CString::new("c").unwrap());
    round(&PathBuf::from("/a/b"));
}

#[test]
fn containers() {
    round(&vec![1_u64, 1 << 40, 3]);
    round(&[Some(1_u8), None, Some(3)]);
    round(&[0_u8; 32]);
    round(&[(); 3]);
    round(&vec![(); 4_000]);
    round(&vec![[(), ()]; 1_000]);
    round(&Vec::<Vec<Vec<u8>>>::from([vec![vec![], vec![1]], vec![]]));
    round(&VecDeque::from([1.5_f32]));
    round(&LinkedList::from(['a', 'b']));
    round(&BTreeSet::from(["a".to_owned()]));
    round(&(-2_500..2_500).collect::<HashSet<i32>>());
    round(&(0..5_000).map(|n| (format!("key {n}"), n * n)).collect::<HashMap<String, u64>>());
    round(&BTreeMap::from([((1_u8, 'x'), vec![Some(())]), ((2, 'y'), vec![])]));
    round(&HashMap::from([(Some(vec![1_u8]), HashMap::from([(1.to_string(), ())]))]));
    round(&Box::<[u16]>::from([1, 2]));
    round(&(Arc::new(Box::new(7_u8)), Rc::new(8_u8)));
    round(&(1_u8, (2_u16, (3_u32, (4_u64,)))));
}

#[test]
fn the_standard_library() {
    round(&(Duration::ZERO, Duration::new(1, 999_999_999), Duration::MAX));
    round(&(SystemTime::UNIX_EPOCH + Duration::from_nanos(5)));
    round(&(NonZeroU32::MAX, NonZeroI8::MIN, NonZeroU128::MIN, Wrapping(7_u8)));
    round(&(0..5_u8, 1..=7_i64, ..3_u8, Bound::Excluded(3_u8), Bound::<u8>::Unbounded));
    round(&Ok::<Result<u8, String>, ()>(Err("inner".into())));
    // These have another form for people.
    round(&IpAddr::from([127, 0, 0, 1]));
    round(&IpAddr::from(Ipv6Addr::LOCALHOST));
    round(&SocketAddr::from(([1, 2, 3, 4], 80)));
    round(&PhantomData::<fn()>);
    round(&vec![PhantomData::<u8>; 3]);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype<T>(T);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tuple<T>(T, Unit, u8);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent(Vec<Transparent>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record<T> {
    #[serde(default)]
    id: u64,
    #[serde(rename = "n")]
    name: String,
    tags: Vec<Event<T>>,
    inner: Option<Box<Record<T>>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Event<T> {
    Unit,
    Newtype(T),
    Tuple(T, u8),
    Struct { inner: T, more: Option<Box<Event<T>>> },
    Empty {},
    Nested(Vec<Event<Option<u8>>>),
}

fn record<T: Clone>(value: &T) -> Record<T> {
    let more = Some(Box::new(Event::Struct { inner: value.clone(), more: None }));
    let tags = vec![
        Event::Unit,
        Event::Newtype(value.clone()),
        Event::Tuple(value.clone(), 3),
        Event::Struct { inner: value.clone(), more },
        Event::Empty {},
        Event::Nested(vec![Event::Newtype(Some(3)), Event::Unit]),
    ];
    let inner = Record { id: 1, name: String::new(), tags: tags.clone(), inner: None };
    Record { id: u64::MAX, name: "outer".into(), tags, inner: Some(Box::new(inner)) }
}

#[test]
fn structs_and_enums() {
    fn all<T: Serialize + DeserializeOwned + PartialEq + Debug + Clone + 'static>(value: &T) {
        round(&record(value));
        round(&Newtype(Newtype(record(value))));
        round(&Tuple(vec![record(value)], Unit, 9));
    }
    all(&7_u32);
    all(&vec!["x".to_owned(), String::new()]);
    all(&Some(Some(())));
    all(&Newtype(Unit));
    all(&record(&Tuple(1.5_f64, Unit, 0)));
    round(&Unit);
    round(&expressions());
    round(&vec![Some(expressions()); 3]);
    round(&Transparent(vec![Transparent(vec![]), Transparent(vec![Transparent(vec![])])]));
}

#[test]
fn types_that_refuse_some_values() {
    /// As the crates `chrono` and `url`, or newtypes that validate, read theirs.
    macro_rules! picky {
        ($type:ident: |$text:ident| $accepted:expr) => {
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(try_from = "String", into = "String")]
            struct $type(String);
            impl From<$type> for String {
                fn from(value: $type) -> Self {
                    value.0
                }
            }
            impl TryFrom<String> for $type {
                type Error = &'static str;
                fn try_from($text: String) -> Result<Self, &'static str> {
                    if $accepted { Ok(Self($text)) } else { Err("refused") }
                }
            }
        };
    }
    picky!(Time: |text| text.contains('T') && text.ends_with('Z'));
    picky!(Address: |text| text.parse::<std::net::Ipv4Addr>().is_ok());
    picky!(Nothing: |text| text == "a word nobody would offer");
    let time = || Time("1999-12-31T23:59:59Z".into());
    let address = || Address("10.0.0.1".into());
    round(&time());
    round(&vec![(time(), address(), Some(time()), String::new())]);
    round(&vec![Event::Newtype(address()), Event::Tuple(address(), 1)]);
    super::round_named(&(Nothing("a word nobody would offer".into()), time()));

    /// As the crate `uuid` reads its values.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Id(#[serde(with = "sixteen")] [u8; 16]);
    round(&vec![(Id([7; 16]), Id([0; 16]))]);
}

mod sixteen {
    use std::fmt;

    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 16], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 16], D::Error> {
        struct Sixteen;
        impl Visitor<'_> for Sixteen {
            type Value = [u8; 16];
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("16 bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<[u8; 16], E> {
                bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }
        d.deserialize_bytes(Sixteen)
    }
}
