//! A 64-bit digest of a value as it is serialized: which kinds, under which names, with which
//! data.
//!
//! It distinguishes what a format may not: integers of different widths, `None`, `Some(None)` and
//! `()`, newtypes and their content. The same value has the same digest in every process, on every
//! platform and in every version: changes here require a new number for the codec.
//!
//! It finds mistakes, not forgeries: it is not a cryptographic digest, and colliding values are easy
//! to construct.

use std::fmt::{self, Display, Write};

use serde::ser::{self, Serialize};

/// `None` if the value does not serialize.
pub(super) fn of<V: Serialize + ?Sized>(value: &V) -> Option<u64> {
    value.serialize(Trace).ok()
}

/// The kind of a value. The numbers are part of the digest: add only at the end.
#[derive(Clone, Copy)]
#[rustfmt::skip]
enum Kind {
    Bool, I8, I16, I32, I64, I128, U8, U16, U32, U64, U128, F32, F64, Char, Str, Bytes,
    None, Some, Unit, UnitStruct, UnitVariant, NewtypeStruct, NewtypeVariant,
    Seq, Tuple, TupleStruct, TupleVariant, Map, Struct, StructVariant,
}

/// Bijective in each argument, so that a single difference is never lost. (The constants are those of
/// `SplitMix64`.)
fn mix(state: u64, word: u64) -> u64 {
    let mut x = (state.rotate_left(29) ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn start(kind: Kind) -> u64 {
    mix(0, kind as u64)
}

fn named(kind: Kind, name: &str) -> u64 {
    mix(start(kind), text(name.as_bytes(), Kind::Str))
}

fn variant(kind: Kind, name: &str, variant: &str) -> u64 {
    mix(named(kind, name), text(variant.as_bytes(), Kind::Str))
}

fn text(bytes: &[u8], kind: Kind) -> u64 {
    let mut text = Text::new(kind);
    text.push(bytes);
    text.finish()
}

/// Bytes in chunks of eight, independent of how the input is split.
struct Text {
    state: u64,
    length: u64,
    chunk: [u8; 8],
    filled: usize,
}

impl Text {
    fn new(kind: Kind) -> Self {
        Self { state: start(kind), length: 0, chunk: [0; 8], filled: 0 }
    }

    fn push(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.filled == 0
                && let Some((chunk, rest)) = bytes.split_first_chunk()
            {
                self.state = mix(self.state, u64::from_le_bytes(*chunk));
                bytes = rest;
                continue;
            }
            let (head, rest) = bytes.split_at(bytes.len().min(8 - self.filled));
            self.chunk[self.filled..][..head.len()].copy_from_slice(head);
            self.filled += head.len();
            bytes = rest;
            if self.filled == 8 {
                self.state = mix(self.state, u64::from_le_bytes(self.chunk));
                self.filled = 0;
            }
        }
    }

    fn finish(mut self) -> u64 {
        if self.filled > 0 {
            self.chunk[self.filled..].fill(0);
            self.state = mix(self.state, u64::from_le_bytes(self.chunk));
        }
        // Distinguishes padding from zeros.
        mix(self.state, self.length)
    }
}

impl Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.push(s.as_bytes());
        Ok(())
    }
}

/// An error without a message, because it is never read and nothing should be allocated for it.
type Refused = fmt::Error;
type Result<T = u64> = std::result::Result<T, Refused>;

/// Serializes to the digest.
struct Trace;

fn scalar(kind: Kind, word: impl Into<u64>) -> u64 {
    mix(start(kind), word.into())
}

fn signed(kind: Kind, value: impl Into<i64>) -> u64 {
    scalar(kind, u64::from_ne_bytes(value.into().to_ne_bytes()))
}

/// Methods that do not fail.
macro_rules! methods {
    ($($method:ident($($arg:ident: $type:ty),*) -> $result:ty = $digest:expr;)*) => {$(
        fn $method(self, $($arg: $type),*) -> Result<$result> {
            Ok($digest)
        }
    )*};
}

/// Methods for wrappers of one value of any type.
macro_rules! wrappers {
    ($($method:ident($($arg:ident: $type:ty),*) = $state:expr;)*) => {$(
        fn $method<T: Serialize + ?Sized>(self, $($arg: $type,)* value: &T) -> Result {
            Ok(mix($state, value.serialize(Trace)?))
        }
    )*};
}

type Name = &'static str;

impl ser::Serializer for Trace {
    type Ok = u64;
    type Error = Refused;
    type SerializeSeq = Unordered;
    type SerializeTuple = Ordered;
    type SerializeTupleStruct = Ordered;
    type SerializeTupleVariant = Ordered;
    type SerializeMap = Unordered;
    type SerializeStruct = Ordered;
    type SerializeStructVariant = Ordered;

    // Variants are identified by their names, as in the bytes: their position among the others does
    // not count.
    methods! {
        serialize_bool(v: bool) -> u64 = scalar(Kind::Bool, v);
        serialize_i8(v: i8) -> u64 = signed(Kind::I8, v);
        serialize_i16(v: i16) -> u64 = signed(Kind::I16, v);
        serialize_i32(v: i32) -> u64 = signed(Kind::I32, v);
        serialize_i64(v: i64) -> u64 = signed(Kind::I64, v);
        serialize_i128(v: i128) -> u64 = text(&v.to_le_bytes(), Kind::I128);
        serialize_u8(v: u8) -> u64 = scalar(Kind::U8, v);
        serialize_u16(v: u16) -> u64 = scalar(Kind::U16, v);
        serialize_u32(v: u32) -> u64 = scalar(Kind::U32, v);
        serialize_u64(v: u64) -> u64 = scalar(Kind::U64, v);
        serialize_u128(v: u128) -> u64 = text(&v.to_le_bytes(), Kind::U128);
        serialize_f32(v: f32) -> u64 = scalar(Kind::F32, v.to_bits());
        serialize_f64(v: f64) -> u64 = scalar(Kind::F64, v.to_bits());
        serialize_char(v: char) -> u64 = scalar(Kind::Char, v);
        serialize_str(v: &str) -> u64 = text(v.as_bytes(), Kind::Str);
        serialize_bytes(v: &[u8]) -> u64 = text(v, Kind::Bytes);
        serialize_none() -> u64 = start(Kind::None);
        serialize_unit() -> u64 = start(Kind::Unit);
        serialize_unit_struct(n: Name) -> u64 = named(Kind::UnitStruct, n);
        serialize_unit_variant(n: Name, _i: u32, v: Name) -> u64 = variant(Kind::UnitVariant, n, v);
        serialize_seq(_len: Option<usize>) -> Unordered = Unordered::new(Kind::Seq);
        serialize_tuple(_len: usize) -> Ordered = Ordered::new(start(Kind::Tuple));
        serialize_tuple_struct(n: Name, _len: usize) -> Ordered =
            Ordered::new(named(Kind::TupleStruct, n));
        serialize_tuple_variant(n: Name, _i: u32, v: Name, _len: usize) -> Ordered =
            Ordered::new(variant(Kind::TupleVariant, n, v));
        serialize_map(_len: Option<usize>) -> Unordered = Unordered::new(Kind::Map);
        serialize_struct(n: Name, _len: usize) -> Ordered = Ordered::new(named(Kind::Struct, n));
        serialize_struct_variant(n: Name, _i: u32, v: Name, _len: usize) -> Ordered =
            Ordered::new(variant(Kind::StructVariant, n, v));
    }

    wrappers! {
        serialize_some() = start(Kind::Some);
        serialize_newtype_struct(n: Name) = named(Kind::NewtypeStruct, n);
        serialize_newtype_variant(n: Name, _i: u32, v: Name) = variant(Kind::NewtypeVariant, n, v);
    }

    // Equal to the digest of the whole string, without making one.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result {
        let mut text = Text::new(Kind::Str);
        write!(text, "{value}")?;
        Ok(text.finish())
    }

    // The same answer as the format of the bytes; the default would be true.
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Tuples and structs: in order. Skipped fields do not appear.
struct Ordered {
    state: u64,
    count: u64,
}

impl Ordered {
    fn new(state: u64) -> Self {
        Self { state, count: 0 }
    }
}

/// Sequences and maps: in any order, because sets are sequences to serde and have no order. A sum
/// counts duplicates; an exclusive or would lose them.
struct Unordered {
    state: u64,
    sum: u64,
    count: u64,
    key: u64,
}

impl Unordered {
    fn new(kind: Kind) -> Self {
        Self { state: start(kind), sum: 0, count: 0, key: 0 }
    }

    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.sum = self.sum.wrapping_add(mix(self.key, value.serialize(Trace)?));
        self.count += 1;
        Ok(())
    }
}

macro_rules! ordered {
    ($($compound:ident::$method:ident($($key:ident)?);)*) => {$(
        impl ser::$compound for Ordered {
            type Ok = u64;
            type Error = Refused;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<()> {
                $(self.state = mix(self.state, text($key.as_bytes(), Kind::Str));)?
                self.state = mix(self.state, value.serialize(Trace)?);
                self.count += 1;
                Ok(())
            }

            fn end(self) -> Result {
                Ok(mix(self.state, self.count))
            }
        }
    )*};
}

ordered! {
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(key);
    SerializeStructVariant::serialize_field(key);
}

impl ser::SerializeSeq for Unordered {
    type Ok = u64;
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.add(value)
    }

    fn end(self) -> Result {
        Ok(mix(mix(self.state, self.sum), self.count))
    }
}

impl ser::SerializeMap for Unordered {
    type Ok = u64;
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.key = key.serialize(Trace)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.add(value)
    }

    fn end(self) -> Result {
        Ok(mix(mix(self.state, self.sum), self.count))
    }
}
