//! Enums: a variant's name, or a map of the name and the variant's content.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    Deserialize as _, DeserializeSeed, Deserializer as _, EnumAccess, Error as _, Unexpected,
    VariantAccess, Visitor,
};

use super::deserializer::Document;
use crate::interop::error::Fault;

/// A variant that is only a name.
pub(super) struct Name<'de>(pub(super) &'de str);

impl<'de> EnumAccess<'de> for Name<'de> {
    type Error = Fault;
    type Variant = Unit;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Unit), Fault> {
        Ok((seed.deserialize(BorrowedStrDeserializer::<Fault>::new(self.0))?, Unit))
    }
}

/// The content of a name alone: nothing.
pub(super) struct Unit;

fn holds_something<T>() -> Result<T, Fault> {
    Err(Fault::invalid_type(Unexpected::UnitVariant, &"a variant with content"))
}

impl<'de> VariantAccess<'de> for Unit {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Fault> {
        holds_something()
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        holds_something()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fault> {
        holds_something()
    }
}

/// A variant in a map of one pair, whose header was read.
pub(super) struct Variant<'a, 'de>(pub(super) &'a mut Document<'de>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        Ok((seed.deserialize(&mut *self.0)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        <()>::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.0.deserialize_struct("", fields, visitor)
    }
}
