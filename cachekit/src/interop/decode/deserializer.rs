//! The deserializer: passes items to serde's visitors.

use serde::de::value::SeqDeserializer;
use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::collections::{Extension, Items, Pairs};
use super::reader::{Item, Reader, SHORT_ARRAY, SHORT_MAP, too_deep};
use super::sentinel::{self, Wanted};
use super::variant::{self, Variant};
use crate::interop::error::{ErrorKind, Fault};
use crate::interop::temporal::Temporal;
use crate::interop::{MAX_DEPTH, MAX_WRAPPERS, names};

/// A document that is being read.
pub(super) struct Document<'de> {
    pub(super) reader: Reader<'de>,
    /// How many collections are open.
    pub(super) depth: usize,
    /// How many `Some`s and newtypes are open: they read no bytes, so a type could contain itself in them without end.
    wrappers: u32,
    /// The names that the next key may have, if a struct is being read.
    pub(super) names: &'static [&'static str],
    /// Whether a number is a date where a type wants one: as in keys, and nowhere else.
    dates_are_numbers: bool,
}

impl<'de> Document<'de> {
    pub(super) fn new(reader: Reader<'de>) -> Self {
        Self { reader, depth: 0, wrappers: 0, names: &[], dates_are_numbers: false }
    }

    /// Of an argument as keys have it.
    pub(super) fn of_key(reader: Reader<'de>) -> Self {
        Self { dates_are_numbers: true, ..Self::new(reader) }
    }

    pub(super) fn rest(&self) -> &'de [u8] {
        self.reader.rest()
    }

    /// Runs the code that reads the items of a collection, and checks that it read all of them.
    pub(super) fn collection<T>(
        &mut self,
        len: u32,
        read: impl FnOnce(&mut Self, &mut u32) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
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
            Err(Fault::new(ErrorKind::Mismatch, "the document has more items than the type"))
        }
    }

    /// Runs the code that reads the content of a `Some` or a newtype.
    #[inline]
    fn wrapped<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.wrappers == MAX_WRAPPERS {
            return Err(too_many_wrappers());
        }
        self.wrappers += 1;
        let value = read(self)?;
        self.wrappers -= 1;
        Ok(value)
    }

    /// For the name of a field or a variant. serde treats a number as its position, which is not a name in any
    /// language.
    fn name<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        match self.reader.item()? {
            Item::Str(name) => visitor.visit_borrowed_str(name),
            _ => Err(no_name()),
        }
    }

    #[inline(never)]
    fn any<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        let item = self.reader.item()?;
        self.visit(item, visitor)
    }

    #[inline]
    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        match self.reader.short_unsigned()? {
            Some(number) => visitor.visit_u64(number),
            None => self.any(visitor),
        }
    }

    #[inline]
    fn items<V: Visitor<'de>>(&mut self, len: u32, visitor: V) -> Result<V::Value, Fault> {
        self.collection(len, |document, left| visitor.visit_seq(Items { document, left }))
    }

    #[inline]
    fn pairs<V: Visitor<'de>>(
        &mut self,
        len: u32,
        (names, is_named): (&'static [&'static str], bool),
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.collection(len, |document, left| {
            visitor.visit_map(Pairs { document, left, names, named: is_named })
        })
    }

    #[inline]
    fn map<V: Visitor<'de>>(
        &mut self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.reader.short_collection(SHORT_MAP)? {
            Some(len) => self.pairs(len, (names, false), visitor),
            None => self.any(visitor),
        }
    }

    #[inline]
    fn visit<V: Visitor<'de>>(&mut self, item: Item<'de>, visitor: V) -> Result<V::Value, Fault> {
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
            Item::Map(len) => self.pairs(len, (&[], is_put_aside::<V::Value>()), visitor),
            Item::Extension(tag, bytes) => visitor.visit_newtype_struct(Extension::new(tag, bytes)),
        }
    }

    /// For types that read a string: dates of other crates do, and find it in a sentinel.
    fn text<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        if let Some(wanted) = Wanted::of::<V::Value>()
            && (self.dates_are_numbers || wanted.is_in_values())
            && let Some((date, after)) = self.date()?
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

    /// The date that comes next, if one does.
    fn date(&self) -> Result<Option<(Temporal, Reader<'de>)>, Fault> {
        if self.dates_are_numbers {
            return Ok(sentinel::read_number(self.reader));
        }
        sentinel::read(self.reader, self.depth)
    }

    /// For types that read a sequence; bytes count as one.
    #[inline]
    fn sequence<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        match self.reader.short_collection(SHORT_ARRAY)? {
            Some(len) => self.items(len, visitor),
            None => self.long_sequence(visitor),
        }
    }

    fn long_sequence<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        match self.reader.item()? {
            Item::Bytes(bytes) => {
                let mut bytes = SeqDeserializer::<_, Fault>::new(bytes.iter().copied());
                let value = visitor.visit_seq(&mut bytes)?;
                bytes.end()?;
                Ok(value)
            }
            item => self.visit(item, visitor),
        }
    }
}

impl<'de> Deserializer<'de> for &mut Document<'de> {
    type Error = Fault;

    /// Types with two forms read the string form, as it was written.
    fn is_human_readable(&self) -> bool {
        true
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.sequence(visitor)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.sequence(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.sequence(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.reader.peek() == Some(0xc0) {
            self.reader.item()?;
            visitor.visit_none()
        } else {
            self.wrapped(|document| visitor.visit_some(document))
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == names::EXTENSION {
            let item = self.reader.item()?;
            return self.visit(item, visitor);
        }
        self.wrapped(|document| visitor.visit_newtype_struct(document))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.reader.item()? {
            Item::Str(name) => visitor.visit_enum(variant::Name(name)),
            Item::Map(1) => self.collection(0, |document, _| visitor.visit_enum(Variant(document))),
            item => self.visit(item, visitor),
        }
    }

    #[inline]
    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.reader.short_f64()? {
            Some(number) => visitor.visit_f64(number),
            None => self.any(visitor),
        }
    }

    /// A finite number stays finite: serde would turn a number that is too large into an infinity.
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.reader.item()? {
            #[allow(clippy::cast_possible_truncation)] // That is what is asked.
            Item::F64(number) if number.is_finite() && (number as f32).is_infinite() => {
                Err(Fault::new(
                    ErrorKind::Mismatch,
                    "the document has a number that is too large for an `f32`",
                ))
            }
            item => self.visit(item, visitor),
        }
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.reader.short_bool()? {
            Some(value) => visitor.visit_bool(value),
            None => self.any(visitor),
        }
    }

    /// A key that is among the names is UTF-8, as they are, so it need not be checked.
    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.reader.short_name(self.names)? {
            Some(name) => visitor.visit_borrowed_str(name),
            None => self.name(visitor),
        }
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.dates_are_numbers
            && typeid::of::<V::Value>() == typeid::of::<Temporal>()
            && let Some((date, after)) = sentinel::read_number(self.reader)
        {
            self.reader = after;
            return visitor.visit_map(sentinel::Fields::of(date));
        }
        self.map(&[], visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.map(names, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.reader.skip(self.depth)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct
    }
}

#[cold]
fn too_many_wrappers() -> Fault {
    Fault::new(ErrorKind::TooDeep, "more than 256 `Some`s and newtypes stand around a value")
}

#[cold]
pub(super) fn no_name() -> Fault {
    Fault::new(
        ErrorKind::Mismatch,
        "the document has something else than a string where a field or a variant is named",
    )
}

/// Whether serde buffers the value to find out which variant of an enum it may be. The buffered value then treats
/// a number as the position of a field.
fn is_put_aside<T>() -> bool {
    let name = std::any::type_name::<T>();
    name.contains("serde") && name.contains("::Content")
}
