//! The deserializer: items to serde's visitors.

use serde::de::value::SeqDeserializer;
use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::collections::{Extension, Items, Pairs};
use super::reader::{Item, Reader, SHORT_ARRAY, SHORT_MAP, too_deep};
use super::sentinel::{self, Wanted};
use super::variant::{self, Variant};
use crate::interop::error::{Error, ErrorKind};
use crate::interop::{MAX_DEPTH, names};

/// A document that is being read.
pub(super) struct Document<'de> {
    pub(super) reader: Reader<'de>,
    /// How many collections are open.
    pub(super) depth: usize,
}

impl<'de> Document<'de> {
    pub(super) fn new(reader: Reader<'de>) -> Self {
        Self { reader, depth: 0 }
    }

    pub(super) fn rest(&self) -> &'de [u8] {
        self.reader.rest()
    }

    /// Runs what reads the items of a collection, and checks that it read all of them.
    pub(super) fn collection<T>(
        &mut self,
        len: u32,
        read: impl FnOnce(&mut Self, &mut u32) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.depth == MAX_DEPTH {
            return Err(too_deep());
        }
        self.depth += 1;
        let mut left = len;
        let value = read(self, &mut left)?;
        self.depth -= 1;
        if left == 0 {
            Ok(value)
        } else {
            Err(Error::new(ErrorKind::Mismatch, "the document has more items than the type"))
        }
    }

    #[inline(never)]
    fn any<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let item = self.reader.item()?;
        self.visit(item, visitor)
    }

    #[inline]
    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.short_unsigned()? {
            Some(number) => visitor.visit_u64(number),
            None => self.any(visitor),
        }
    }

    #[inline]
    fn items<V: Visitor<'de>>(&mut self, len: u32, visitor: V) -> Result<V::Value, Error> {
        self.collection(len, |document, left| visitor.visit_seq(Items { document, left }))
    }

    #[inline]
    fn pairs<V: Visitor<'de>>(&mut self, len: u32, visitor: V) -> Result<V::Value, Error> {
        self.collection(len, |document, left| visitor.visit_map(Pairs { document, left }))
    }

    #[inline]
    fn visit<V: Visitor<'de>>(&mut self, item: Item<'de>, visitor: V) -> Result<V::Value, Error> {
        match item {
            Item::Nil => visitor.visit_unit(),
            Item::Bool(value) => visitor.visit_bool(value),
            Item::Unsigned(value) => visitor.visit_u64(value),
            Item::Signed(value) => visitor.visit_i64(value),
            Item::F32(value) => visitor.visit_f32(value),
            Item::F64(value) => visitor.visit_f64(value),
            Item::Str(value) => visitor.visit_borrowed_str(value),
            Item::Bytes(value) => visitor.visit_borrowed_bytes(value),
            Item::Array(len) => {
                self.collection(len, |document, left| visitor.visit_seq(Items { document, left }))
            }
            Item::Map(len) => {
                self.collection(len, |document, left| visitor.visit_map(Pairs { document, left }))
            }
            Item::Extension(tag, bytes) => visitor.visit_newtype_struct(Extension::new(tag, bytes)),
        }
    }

    /// For types that read a text: dates of other crates do, and find it in a sentinel.
    fn text<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        if let Some(wanted) = Wanted::of::<V::Value>()
            && let Some((date, after)) = sentinel::read(self.reader, self.depth)?
        {
            self.reader = after;
            let text = wanted.text(date)?;
            return visitor.visit_str(text.as_str());
        }
        match self.reader.short_str()? {
            Some(text) => visitor.visit_borrowed_str(text),
            None => self.any(visitor),
        }
    }

    /// For types that read a sequence: bytes are one, too.
    #[inline]
    fn sequence<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.short_collection(SHORT_ARRAY)? {
            Some(len) => self.items(len, visitor),
            None => self.long_sequence(visitor),
        }
    }

    fn long_sequence<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.item()? {
            Item::Bytes(bytes) => {
                let mut bytes = SeqDeserializer::new(bytes.iter().copied());
                let value = visitor.visit_seq(&mut bytes)?;
                bytes.end()?;
                Ok(value)
            }
            item => self.visit(item, visitor),
        }
    }
}

impl<'de> Deserializer<'de> for &mut Document<'de> {
    type Error = Error;

    /// Types with two forms read the text, as it was written.
    fn is_human_readable(&self) -> bool {
        true
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text(visitor)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text(visitor)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text(visitor)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.sequence(visitor)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.sequence(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.sequence(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.reader.peek() == Some(0xc0) {
            self.reader.item()?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == names::EXTENSION {
            let item = self.reader.item()?;
            return self.visit(item, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.reader.item()? {
            Item::Str(name) => visitor.visit_enum(variant::Name(name)),
            Item::Map(1) => self.collection(0, |document, _| visitor.visit_enum(Variant(document))),
            item => self.visit(item, visitor),
        }
    }

    #[inline]
    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.text(visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.reader.short_collection(SHORT_MAP)? {
            Some(len) => self.pairs(len, visitor),
            None => self.any(visitor),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.reader.skip(self.depth)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char bytes byte_buf unit unit_struct
    }
}
