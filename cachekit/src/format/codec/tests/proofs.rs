//! When the writer reads a value back before it is written.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::super::{Encoded, Proof, encode};
use super::{Codec, decode};

/// As values are written that every reader looks at again.
fn write<V: Serialize + for<'de> Deserialize<'de> + 'static>(value: &V) -> Encoded<'static> {
    encode(value, Proof::First).unwrap()
}

/// A number that counts how often it is read. One type for each test, since what is known of a type lasts.
#[derive(Debug, PartialEq)]
struct Counted<const TEST: usize>(u32);

static READ: [AtomicU32; 3] = [const { AtomicU32::new(0) }; 3];

/// What its type panics at.
const LARGE: u32 = 1000;

impl<const TEST: usize> Serialize for Counted<TEST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de, const TEST: usize> Deserialize<'de> for Counted<TEST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        READ[TEST].fetch_add(1, Ordering::Relaxed);
        let number = u32::deserialize(deserializer)?;
        assert!(number < LARGE, "this one is large");
        Ok(Self(number))
    }
}

#[test]
fn the_first_values_of_a_type_are_read_back() {
    let before_schema = READ[0].load(Ordering::Relaxed);
    write(&Counted::<0>(0));
    let of_schema = READ[0].swap(0, Ordering::Relaxed) - before_schema;
    assert!(of_schema >= 1);
    for number in 1..100 {
        let encoded = write(&Counted::<0>(number));
        assert_eq!(encoded.codec, Codec::Bincode);
    }
    assert_eq!(
        READ[0].swap(0, Ordering::Relaxed),
        7 + 3,
        "eight, with the one before; 31, 62 and 93"
    );
    // What nothing looks at again always is.
    for number in 0..100 {
        encode(&Counted::<0>(number), Proof::Each).unwrap();
    }
    assert_eq!(READ[0].swap(0, Ordering::Relaxed), 100);
}

/// In the order of a hash map, which no two maps share; its schema says nothing of that.
mod list {
    use super::{Deserialize, Deserializer, HashMap, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        map: &HashMap<u32, u32>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<HashMap<u32, u32>, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

fn numbers(count: u32) -> HashMap<u32, u32> {
    (0..count).map(|n| (n, n)).collect()
}

#[test]
fn what_a_reader_finds_out_is_heeded_by_the_writer() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Index(#[serde(with = "list")] HashMap<u32, u32>);
    // One element has one order.
    for _ in 0..8 {
        write(&Index(numbers(1)));
    }
    let (hundred, mut misses) = (Index(numbers(100)), 0);
    for _ in 0..3 {
        match decode::<Index>(&write(&hundred)) {
            Some(read) => assert_eq!(read, hundred),
            None => misses += 1,
        }
    }
    assert_eq!(misses, 1, "the first reader missed, and nothing wrong was read");
}

#[test]
fn a_writer_that_never_reads_finds_out_itself() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Index(#[serde(with = "list")] HashMap<u32, u32>);
    for _ in 0..8 {
        write(&Index(numbers(1)));
    }
    let traces: Vec<_> = (0..64).map(|_| write(&Index(numbers(100))).trace).collect();
    assert_eq!(traces[0], 0, "nothing is known yet");
    assert!(traces[32..].iter().all(|trace| *trace != 0));
}

#[test]
fn a_value_that_panics_when_it_is_read_is_not_written_for_long() {
    for number in 0..8 {
        write(&Counted::<1>(number));
    }
    let large = write(&Counted::<1>(LARGE));
    assert!(super::super::decode::<Counted<1>>(&large).is_err());
    assert_eq!(encode(&Counted::<1>(LARGE), Proof::First), None, "its reader has panicked");
    write(&Counted::<1>(7));
}

#[test]
fn what_another_version_of_the_type_wrote_says_nothing() {
    for number in 0..9 {
        write(&Counted::<2>(number));
    }
    let before = write(&7_u64);
    assert_eq!(decode::<Counted<2>>(&before), None);
    READ[2].store(0, Ordering::Relaxed);
    write(&Counted::<2>(9));
    assert_eq!(READ[2].load(Ordering::Relaxed), 0, "it is not doubted");
}

#[test]
fn so_is_what_the_writer_found_out_itself() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Index(#[serde(with = "list")] HashMap<u32, u32>);
    let hundred = Index(numbers(100));
    for _ in 0..50 {
        assert_eq!(decode::<Index>(&write(&hundred)).as_ref(), Some(&hundred));
    }
}

#[test]
fn a_value_that_does_not_read_back_is_a_miss_also_behind_many_that_do() {
    fn lower<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        Ok(String::deserialize(deserializer)?.to_lowercase())
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Lower(#[serde(deserialize_with = "lower")] String);
    for _ in 0..20 {
        let ok = Lower("ok".into());
        assert_eq!(decode::<Lower>(&write(&ok)), Some(ok));
    }
    for _ in 0..3 {
        assert_eq!(decode::<Lower>(&write(&Lower("NOT ok".into()))), None);
    }
}
