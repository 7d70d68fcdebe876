//! The keys of maps: strings, and nothing else.

use std::fmt;

use serde::Serialize;
use serde::ser::{Impossible, Serializer};

use super::recognize::{self, Origin};
use super::refusals::{refuse, refuse_others};
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

    refuse_others!(not_a_string -> u64);

    refuse! {
        not_a_string:
        serialize_unit() -> u64;
        serialize_unit_struct(&'static str) -> u64;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
    }
}
