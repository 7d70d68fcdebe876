//! The keys of maps: strings, and nothing else.

use std::fmt;

use serde::Serialize;
use serde::ser::{Impossible, Serializer};

use super::recognize::{self, Origin};
use super::serializer::Encoder;
use super::sort::prefix;
use super::write::{self, text_of};
use crate::interop::error::{ErrorKind, Fault};
use crate::interop::temporal::Temporal;

/// Writes a map's key, and says how it starts.
pub(super) struct MapKey<'a, 'm>(pub(super) &'a mut Encoder<'m>);

fn not_a_string<T>() -> Result<T, Fault> {
    Err(Fault::new(ErrorKind::OutsideModel, "the keys of a map are strings in every language"))
}

macro_rules! refuse {
    ($($method:ident($($argument:ty),*) -> $result:ty;)*) => {$(
        fn $method(self, $(_: $argument),*) -> Result<$result, Fault> {
            not_a_string()
        }
    )*};
}

impl Serializer for MapKey<'_, '_> {
    type Ok = u64;
    type Error = Fault;
    type SerializeSeq = Impossible<u64, Fault>;
    type SerializeTuple = Impossible<u64, Fault>;
    type SerializeTupleStruct = Impossible<u64, Fault>;
    type SerializeTupleVariant = Impossible<u64, Fault>;
    type SerializeMap = Impossible<u64, Fault>;
    type SerializeStruct = Impossible<u64, Fault>;
    type SerializeStructVariant = Impossible<u64, Fault>;

    fn is_human_readable(&self) -> bool {
        self.0.has_two_forms.set(true);
        true
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<u64, Fault> {
        // As for values: a date of the crate `time`.
        if self.0.has_two_forms.replace(false) && Temporal::parse_spaced(value).is_some() {
            return not_a_string();
        }
        write::map_key(&mut self.0.out, value)
    }

    fn serialize_char(self, value: char) -> Result<u64, Fault> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<u64, Fault> {
        if recognize::origin::<T>() != Origin::Other {
            return not_a_string();
        }
        let start = self.0.out.len();
        self.0.collect_str(value)?;
        Ok(prefix(text_of(&self.0.out.written()[start..])))
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<u64, Fault> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<u64, Fault> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<u64, Fault> {
        not_a_string()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<u64, Fault> {
        not_a_string()
    }

    refuse! {
        serialize_bool(bool) -> u64;
        serialize_i8(i8) -> u64;
        serialize_i16(i16) -> u64;
        serialize_i32(i32) -> u64;
        serialize_i64(i64) -> u64;
        serialize_i128(i128) -> u64;
        serialize_u8(u8) -> u64;
        serialize_u16(u16) -> u64;
        serialize_u32(u32) -> u64;
        serialize_u64(u64) -> u64;
        serialize_u128(u128) -> u64;
        serialize_f32(f32) -> u64;
        serialize_f64(f64) -> u64;
        serialize_bytes(&[u8]) -> u64;
        serialize_none() -> u64;
        serialize_unit() -> u64;
        serialize_unit_struct(&'static str) -> u64;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}
