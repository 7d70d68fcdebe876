//! The probing deserializer: it has no input, answers with plausible values, and records everything
//! that it was asked for.
//!
//! It answers exactly as bincode would, through [`Limited`](super::super::depth::Limited): structs as
//! sequences, variants by number, strings borrowed. What bincode cannot do, it does not do either.

use serde::de::value::{Error, U32Deserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::record::Recording;
use super::{Name, Names, Shape};

/// The strings that are offered, until one is accepted: an empty one, a time, a date, a time of day, an
/// address of each kind, a UUID, a number, a version, a URL, a word.
const TEXTS: [&str; 13] = [
    "",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00",
    "1970-01-01",
    "00:00:00",
    "127.0.0.1",
    "127.0.0.1:80",
    "00000000-0000-0000-0000-000000000000",
    "1",
    "1.0.0",
    "http://localhost/",
    "UTC",
    "a",
];

/// How many bytes are offered. All are zero.
const BYTES: [usize; 10] = [0, 16, 1, 4, 8, 12, 20, 24, 32, 64];

/// Represents one position of a type.
#[derive(Clone, Copy)]
pub(super) struct Probe<'r> {
    recording: &'r Recording,
    /// The position above, and which of its children this is.
    parent: (u32, u32),
}

fn refuse() -> Error {
    Error::custom("no schema")
}

impl<'r> Probe<'r> {
    pub(super) fn root(recording: &'r Recording) -> Self {
        Self { recording, parent: (0, 0) }
    }

    fn below(self, place: u32, child: u32) -> Self {
        Self { parent: (place, child), ..self }
    }

    fn enter<'de, V: Visitor<'de>>(self, shape: Shape) -> Result<u32, Error> {
        self.recording.enter(self.parent, typeid::of::<V>(), shape).ok_or_else(refuse)
    }

    /// Offers one value after the other, one in each run.
    fn offer<'de, V: Visitor<'de>, T: Copy>(
        self,
        shape: Shape,
        values: &[T],
        visit: impl FnOnce(T) -> Result<V::Value, Error>,
    ) -> Result<V::Value, Error> {
        self.enter::<V>(shape)?;
        let Some(&value) = values.get(self.recording.candidate(self.parent)) else {
            return Err(self.give_up());
        };
        visit(value).inspect_err(|_| self.recording.refused())
    }

    fn give_up(self) -> Error {
        self.recording.give_up();
        refuse()
    }

    /// Enters a position.
    fn inside<T>(
        self,
        place: u32,
        child: u32,
        visit: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.recording.go(place, child);
        let result = visit().inspect_err(|_| self.recording.refused());
        self.recording.leave();
        result
    }

    fn elements<'de, V: Visitor<'de>>(
        self,
        place: u32,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let elements = Elements { probe: self, place, next: 0, len };
        let value = self.inside(place, 0, || visitor.visit_seq(elements))?;
        if self.recording.is_full(place) { Ok(value) } else { Err(self.give_up()) }
    }

    fn fixed<'de, V: Visitor<'de>>(self, shape: Shape, visitor: V) -> Result<V::Value, Error> {
        let place = self.enter::<V>(shape)?;
        self.elements(place, shape.arity(), visitor)
    }
}

macro_rules! scalars {
    ($($method:ident: $shape:ident = $visit:ident $values:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.offer::<V, _>(Shape::$shape, &$values, |value| visitor.$visit(value))
        }
    )*};
}

macro_rules! refused {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
            Err(self.give_up())
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    // Ones first, because zero is the number that types refuse.
    scalars! {
        deserialize_bool: Bool = visit_bool [true, false];
        deserialize_i8: I8 = visit_i8 [1, 0];
        deserialize_i16: I16 = visit_i16 [1, 0];
        deserialize_i32: I32 = visit_i32 [1, 0];
        deserialize_i64: I64 = visit_i64 [1, 0];
        deserialize_i128: I128 = visit_i128 [1, 0];
        deserialize_u8: U8 = visit_u8 [1, 0];
        deserialize_u16: U16 = visit_u16 [1, 0];
        deserialize_u32: U32 = visit_u32 [1, 0];
        deserialize_u64: U64 = visit_u64 [1, 0];
        deserialize_u128: U128 = visit_u128 [1, 0];
        deserialize_f32: F32 = visit_f32 [1.0, 0.0];
        deserialize_f64: F64 = visit_f64 [1.0, 0.0];
        deserialize_char: Char = visit_char ['a', '0'];
        deserialize_str: Str = visit_borrowed_str TEXTS;
    }

    refused! {
        deserialize_any
        deserialize_identifier
        deserialize_ignored_any
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        const ZEROS: [u8; 64] = [0; 64];
        self.offer::<V, _>(Shape::Bytes, &BYTES, |len| visitor.visit_borrowed_bytes(&ZEROS[..len]))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.offer::<V, _>(Shape::Unit, &[()], |()| visitor.visit_unit())
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: Name,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.offer::<V, _>(Shape::UnitStruct(name), &[()], |()| visitor.visit_unit())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: Name,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let place = self.enter::<V>(Shape::NewtypeStruct(name))?;
        let inner = self.below(place, 0);
        let value = self.inside(place, 0, || visitor.visit_newtype_struct(inner))?;
        if self.recording.is_full(place) { Ok(value) } else { Err(self.give_up()) }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let place = self.enter::<V>(Shape::Option)?;
        if !self.recording.wants(place) {
            return visitor.visit_none().inspect_err(|_: &Error| self.recording.refused());
        }
        let value = self.inside(place, 0, || visitor.visit_some(self.below(place, 0)))?;
        if self.recording.is_full(place) { Ok(value) } else { Err(self.give_up()) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let place = self.enter::<V>(Shape::Seq)?;
        self.recording.collection(std::any::type_name::<V::Value>());
        if self.recording.wants(place) {
            return self.elements(place, 1, visitor);
        }
        let none = Elements { probe: self, place, next: 0, len: 0 };
        visitor.visit_seq(none).inspect_err(|_| self.recording.refused())
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let place = self.enter::<V>(Shape::Map)?;
        self.recording.collection(std::any::type_name::<V::Value>());
        if !self.recording.wants(place) {
            let none = Elements { probe: self, place, next: 0, len: 0 };
            return visitor.visit_map(none).inspect_err(|_| self.recording.refused());
        }
        let entries = Elements { probe: self, place, next: 0, len: 1 };
        let value = self.inside(place, 0, || visitor.visit_map(entries))?;
        if self.recording.is_full(place) { Ok(value) } else { Err(self.give_up()) }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.fixed(Shape::Tuple(len), visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: Name,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.fixed(Shape::TupleStruct(name, len), visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: Name,
        fields: Names,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.fixed(Shape::Struct(name, fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: Name,
        variants: Names,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let place = self.enter::<V>(Shape::Enum(name, variants))?;
        let variant = self.recording.variant(place).ok_or_else(refuse)?;
        let inner = Variant { probe: self, place, index: variant };
        let value = self.inside(place, variant, || visitor.visit_enum(inner))?;
        if self.recording.child((place, variant)).is_none() {
            return Err(self.give_up());
        }
        self.recording.completed(place, variant);
        Ok(value)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// A tuple's elements, a struct's fields, or the one element of a sequence or entry of a map.
struct Elements<'r> {
    probe: Probe<'r>,
    place: u32,
    next: u32,
    len: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let child = self.next;
        if child as usize >= self.len {
            return Ok(None);
        }
        self.next += 1;
        seed.deserialize(self.probe.below(self.place, child)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len - self.next as usize)
    }
}

impl<'de> MapAccess<'de> for Elements<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        if self.next as usize >= self.len {
            return Ok(None);
        }
        self.next += 1;
        seed.deserialize(self.probe.below(self.place, 0)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.probe.below(self.place, 1))
    }

    fn size_hint(&self) -> Option<usize> {
        SeqAccess::size_hint(self)
    }
}

/// One variant of an enum.
struct Variant<'r> {
    probe: Probe<'r>,
    place: u32,
    index: u32,
}

impl Variant<'_> {
    fn enter(&self, shape: Shape) -> Result<u32, Error> {
        let place = self.probe.recording.enter_variant((self.place, self.index), shape);
        place.ok_or_else(refuse)
    }
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let value = seed.deserialize(U32Deserializer::new(self.index))?;
        Ok((value, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.enter(Shape::UnitVariant).map(drop)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        let place = self.enter(Shape::NewtypeVariant)?;
        seed.deserialize(self.probe.below(place, 0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        let place = self.enter(Shape::TupleVariant(len))?;
        self.probe.elements(place, len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: Names, visitor: V) -> Result<V::Value, Error> {
        let place = self.enter(Shape::StructVariant(fields))?;
        self.probe.elements(place, fields.len(), visitor)
    }
}
