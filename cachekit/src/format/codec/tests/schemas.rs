//! What fingerprints tell apart, and what they do not.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Codec, Expr, decode, encode, fingerprint};

/// Types of one name that are told apart.
macro_rules! versions {
    ($($version:ident: $(#[$attribute:meta])* $kind:ident $body:tt)*) => {
        [$({
            mod $version {
                use super::*;
                #[derive(Debug, PartialEq, Serialize, Deserialize)]
                #[allow(dead_code)]
                $(#[$attribute])*
                pub(super) $kind Type $body
            }
            (stringify!($version), fingerprint::<$version::Type>().expect(stringify!($version)))
        }),*]
    };
}

#[track_caller]
fn all_differ(versions: &[(&str, u64)]) {
    let mut seen = HashMap::new();
    for (version, fingerprint) in versions {
        assert_eq!(seen.insert(fingerprint, version), None, "{version}");
    }
}

#[test]
fn every_change_of_a_struct_is_another_schema() {
    all_differ(&versions! {
        same: struct { a: u32, b: u32, }
        renamed: struct { a: u32, c: u32, }
        renamed_by_serde: struct { a: u32, #[serde(rename = "B")] b: u32, }
        reordered: struct { b: u32, a: u32, }
        more: struct { a: u32, b: u32, c: u32, }
        fewer: struct { a: u32, }
        empty: struct {}
        wider: struct { a: u32, b: u64, }
        signed: struct { a: u32, b: i32, }
        float: struct { a: u32, b: f32, }
        optional: struct { a: u32, b: Option<u32>, }
        doubly: struct { a: u32, b: Option<Option<u32>>, }
        list: struct { a: u32, b: Vec<u32>, }
        array: struct { a: u32, b: [u32; 2], }
        array_of_another_length: struct { a: u32, b: [u32; 3], }
        tuple: struct { a: u32, b: (u32, u64), }
        text: struct { a: u32, b: String, }
        bytes: struct { a: u32, b: super::super::Binary, }
        map: struct { a: u32, b: HashMap<u32, u64>, }
        map_the_other_way: struct { a: u32, b: HashMap<u64, u32>, }
        unit: struct { a: u32, b: (), }
        recursive: struct { a: u32, b: Option<Box<Type>>, }
        recursive_list: struct { a: u32, b: Vec<Type>, }
        nested: struct { a: u32, b: Inner, }
        nested_otherwise: struct { a: u32, b: Outer, }
        wrapped: struct { a: u32, b: Newtype, }
        another_name: #[serde(rename = "Other")] struct { a: u32, b: u32, }
    });
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(u32);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "N")]
struct Inner {
    x: u8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "N")]
struct Outer {
    y: u8,
}

#[test]
fn every_change_of_an_enum_is_another_schema() {
    all_differ(&versions! {
        same: enum { A, B(u8), C { x: u8 }, }
        inserted: enum { A, New, B(u8), C { x: u8 }, }
        appended: enum { A, B(u8), C { x: u8 }, New, }
        removed: enum { A, B(u8), }
        renamed: enum { A, Bb(u8), C { x: u8 }, }
        reordered: enum { B(u8), A, C { x: u8 }, }
        field_renamed: enum { A, B(u8), C { y: u8 }, }
        field_added: enum { A, B(u8), C { x: u8, y: u8 }, }
        widened: enum { A, B(u16), C { x: u8 }, }
        tuple: enum { A, B(u8, u8), C { x: u8 }, }
        one_tuple: enum { A, B((u8,)), C { x: u8 }, }
        empty_tuple: enum { A(), B(u8), C { x: u8 }, }
        optional: enum { A, B(Option<u8>), C { x: u8 }, }
        recursive: enum { A, B(Vec<Type>), C { x: u8 }, }
        another_name: #[serde(rename = "Other")] enum { A, B(u8), C { x: u8 }, }
    });
}

#[test]
fn scalars_are_told_apart() {
    all_differ(&[
        ("bool", fingerprint::<bool>().unwrap()),
        ("i8", fingerprint::<i8>().unwrap()),
        ("i16", fingerprint::<i16>().unwrap()),
        ("i32", fingerprint::<i32>().unwrap()),
        ("i64", fingerprint::<i64>().unwrap()),
        ("i128", fingerprint::<i128>().unwrap()),
        ("u8", fingerprint::<u8>().unwrap()),
        ("u16", fingerprint::<u16>().unwrap()),
        ("u32", fingerprint::<u32>().unwrap()),
        ("u64", fingerprint::<u64>().unwrap()),
        ("u128", fingerprint::<u128>().unwrap()),
        ("f32", fingerprint::<f32>().unwrap()),
        ("f64", fingerprint::<f64>().unwrap()),
        ("char", fingerprint::<char>().unwrap()),
        ("String", fingerprint::<String>().unwrap()),
        ("Binary", fingerprint::<super::Binary>().unwrap()),
        ("()", fingerprint::<()>().unwrap()),
        ("(u8,)", fingerprint::<(u8,)>().unwrap()),
        ("Vec<u8>", fingerprint::<Vec<u8>>().unwrap()),
        ("Option<u8>", fingerprint::<Option<u8>>().unwrap()),
        ("Newtype", fingerprint::<Newtype>().unwrap()),
    ]);
}

#[test]
fn what_serializes_alike_has_one_schema() {
    assert_eq!(fingerprint::<String>(), fingerprint::<Arc<str>>());
    assert_eq!(fingerprint::<Vec<u8>>(), fingerprint::<Box<[u8]>>());
    assert_eq!(fingerprint::<Vec<u8>>(), fingerprint::<HashSet<u8>>());
    assert_eq!(fingerprint::<usize>(), fingerprint::<u64>());
    assert_eq!(fingerprint::<HashMap<u8, ()>>(), fingerprint::<BTreeMap<u8, ()>>());
    assert_eq!(fingerprint::<(u8, u8)>(), fingerprint::<[u8; 2]>());
}

/// Whether what was written as one type is served as another.
#[track_caller]
fn served<A, B>(value: &A) -> bool
where
    A: Serialize + DeserializeOwned + 'static,
    B: Serialize + DeserializeOwned + 'static,
{
    let encoded = encode(value).unwrap();
    assert_eq!(encoded.codec, Codec::Bincode);
    assert!(decode::<A>(&encoded).is_some());
    decode::<B>(&encoded).is_some()
}

#[test]
fn only_what_has_no_order_needs_a_trace() {
    use std::collections::{BTreeSet, VecDeque};

    fn trace<V: Serialize + DeserializeOwned + 'static>(value: &V) -> u64 {
        encode(value).unwrap().trace
    }
    assert_eq!(trace(&vec![(1, "a".to_owned())]), 0);
    assert_eq!(trace(&BTreeMap::from([(1, BTreeSet::from([2]))])), 0);
    assert_eq!(trace(&VecDeque::from([Box::<[u8]>::from([1])])), 0);
    assert_ne!(trace(&HashSet::from([1])), 0);
    assert_ne!(trace(&vec![Some(HashMap::<u8, u8>::new())]), 0);
}

#[test]
fn values_of_another_schema_miss() {
    assert!(served::<HashSet<u8>, Vec<u8>>(&HashSet::from([1, 2])));
    assert!(!served::<Vec<u8>, HashSet<u8>>(&vec![1, 1]), "read back, it is less");
    assert!(!served::<u8, i8>(&1));
    assert!(!served::<Vec<u8>, String>(&b"text".to_vec()));
    assert!(!served::<Option<u8>, bool>(&None));
    assert!(!served::<Inner, Outer>(&Inner { x: 1 }));
    assert!(!served::<Newtype, u32>(&Newtype(1)));
}

#[test]
fn generics_of_one_name_are_not_confused() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrap<T> {
        value: T,
    }
    type Deep<T> = Wrap<Wrap<Wrap<T>>>;
    all_differ(&[
        ("1", fingerprint::<Wrap<u8>>().unwrap()),
        ("2", fingerprint::<Wrap<Wrap<u8>>>().unwrap()),
        ("3", fingerprint::<Deep<u8>>().unwrap()),
        ("other", fingerprint::<Deep<u16>>().unwrap()),
        ("result", fingerprint::<Result<u8, Result<u16, ()>>>().unwrap()),
        ("another", fingerprint::<Result<Result<u16, ()>, u8>>().unwrap()),
    ]);
    let deep = Wrap { value: Wrap { value: Wrap { value: 7_u8 } } };
    super::round(&deep);
}

#[test]
fn recursive_types_that_reach_their_variants_through_each_other() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum A {
        ThroughB(Box<B>),
        ThroughC(Box<C>),
        End,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct B {
        a: A,
        again: Vec<A>,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum C {
        One(A),
        Two { map: HashMap<u8, B> },
        Three(Option<Box<C>>),
        Four,
    }
    let b = B { a: A::End, again: vec![A::ThroughC(Box::new(C::Four))] };
    let two = C::Two { map: HashMap::from([(1, b)]) };
    super::round(&A::ThroughC(Box::new(C::Three(Some(Box::new(two))))));
    assert!(fingerprint::<B>().is_some() && fingerprint::<C>().is_some());
    assert!(fingerprint::<Expr>().is_some());
}

#[test]
fn types_without_an_end_have_no_schema() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Endless(Box<Endless>);
    assert_eq!(fingerprint::<Endless>(), None);

    #[derive(Debug, Serialize, Deserialize)]
    enum Neither {
        One(Box<Neither>),
        Two(Box<Neither>),
    }
    assert_eq!(fingerprint::<Neither>(), None);
}

#[test]
fn what_repeats_is_recorded_once() {
    // Two to the power of 30 places, if every one counts; 31 types.
    type Twice<T> = (T, T);
    type Eight<T> = Twice<Twice<Twice<T>>>;
    type Many = Eight<Eight<Eight<Eight<Eight<Eight<()>>>>>>;
    assert!(fingerprint::<Many>().is_none(), "a value of it still has that many parts");

    type Lists<T> = Vec<(Vec<T>, Vec<T>)>;
    type Deep<T> = Lists<Lists<Lists<Lists<T>>>>;
    assert!(fingerprint::<Deep<Deep<u8>>>().is_some());
}

/// Many variants of many variants, and twenty places of those.
#[test]
fn large_types_have_a_schema() {
    #[rustfmt::skip]
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Many<T> {
        A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, B0(T), B1, B2, B3, B4, B5, B6, B7, B8, B9,
        C0, C1, C2, C3, C4, C5, C6, C7, C8 { a: T, b: T }, C9, D0, D1, D2, D3, D4, D5, D6, D7(T),
    }
    type Ten = [Many<Many<Option<Many<String>>>>; 10];
    assert!(fingerprint::<(Ten, Vec<Ten>)>().is_some());
}

#[test]
fn fingerprints_are_the_same_in_every_process_and_version() {
    // Stored values carry them: other numbers here make every cache cold.
    assert_eq!(
        (fingerprint::<u8>(), fingerprint::<Expr>()),
        (Some(15_407_627_938_055_675_210), Some(8_176_458_028_381_373_970))
    );
}
