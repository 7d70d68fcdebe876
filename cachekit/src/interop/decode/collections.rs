//! The items of arrays and maps, and extension types.

use serde::de::value::BorrowedBytesDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::deserializer::{Document, no_name};
use crate::interop::error::Fault;

/// The remaining items of an array.
pub(super) struct Items<'a, 'de> {
    pub(super) document: &'a mut Document<'de>,
    pub(super) left: &'a mut u32,
}

/// The remaining pairs of a map.
pub(super) struct Pairs<'a, 'de> {
    pub(super) document: &'a mut Document<'de>,
    pub(super) left: &'a mut u32,
    /// The names of a struct's fields.
    pub(super) names: &'static [&'static str],
    /// All keys must be strings.
    pub(super) named: bool,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        *self.left = left;
        seed.deserialize(&mut *self.document).map(Some)
    }

    /// Each item has at least one byte in the document.
    fn size_hint(&self) -> Option<usize> {
        Some(*self.left as usize)
    }
}

impl<'de> MapAccess<'de> for Pairs<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        *self.left = left;
        if self.named && !self.document.reader.next_is_str() {
            return Err(no_name());
        }
        self.document.names = self.names;
        seed.deserialize(&mut *self.document).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        self.document.names = &[];
        seed.deserialize(&mut *self.document)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(*self.left as usize)
    }
}

/// An extension type: a pair of its number and its bytes.
pub(super) struct Extension<'de> {
    tag: Option<i8>,
    bytes: Option<&'de [u8]>,
}

impl<'de> Extension<'de> {
    pub(super) fn new(tag: i8, bytes: &'de [u8]) -> Self {
        Self { tag: Some(tag), bytes: Some(bytes) }
    }
}

impl<'de> Deserializer<'de> for Extension<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for Extension<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        if let Some(tag) = self.tag.take() {
            return seed.deserialize(tag.into_deserializer()).map(Some);
        }
        let Some(bytes) = self.bytes.take() else { return Ok(None) };
        seed.deserialize(BorrowedBytesDeserializer::<Fault>::new(bytes)).map(Some)
    }
}
