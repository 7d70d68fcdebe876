//! Limits for deserialization: how deep it nests, and how much it claims.
//!
//! Formats count the collections they open, but types nest without any: `struct Chain(Option<Box<Chain>>)`
//! read from the single byte 1 asks for an option, then for its content, then for an option again, all
//! at the same byte, until the stack is exhausted. So every call counts here, whether or not it consumes
//! input.
//!
//! The lengths of sequences and maps are claims, too: a few bytes can promise 2^64 elements that take no
//! bytes. Every other element takes at least one byte of its own, so the sum of all
//! lengths is at most the number of bytes, and anything that exceeds it by much is not a value.
//!
//! Strings and bytes are requested as borrowed ones. A deserializer finds those in its input; for owned
//! ones it may allocate what their length claims.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Maximum number of nested calls. More would be an attack on the stack.
pub(super) const MAX_DEPTH: usize = 100;

/// Elements that may take no bytes.
const MAX_NOTHING: usize = 4_096;

/// How many elements the sequences and maps in this many bytes may have in total.
pub(super) fn budget(bytes: usize) -> usize {
    bytes.saturating_add(MAX_NOTHING)
}

/// A deserializer, or anything handed out by one, with the levels left below it and the elements that
/// may still be claimed.
pub(super) struct Limited<'b, T> {
    inner: T,
    left: usize,
    budget: &'b Cell<usize>,
    /// Whether the length of what follows is a claim of the input. The lengths of tuples and structs are
    /// not.
    claims: bool,
}

impl<'b, T> Limited<'b, T> {
    pub(super) fn new(inner: T, budget: &'b Cell<usize>) -> Self {
        Self { inner, left: MAX_DEPTH, budget, claims: false }
    }

    /// The same limits around something else.
    #[inline]
    fn around<U>(&self, inner: U) -> Limited<'b, U> {
        Limited { inner, left: self.left, budget: self.budget, claims: false }
    }

    fn charge<E: Error>(&self, claim: Option<usize>) -> Result<(), E> {
        if !self.claims {
            return Ok(());
        }
        let left = self.budget.get().checked_sub(claim.unwrap_or(0));
        self.budget.set(left.ok_or_else(|| E::custom("more elements than bytes"))?);
        Ok(())
    }
}

macro_rules! deserialize {
    ($($method:ident($($arg:ident: $type:ty),*) = $inner:ident, $claims:literal;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(
            self,
            $($arg: $type,)*
            visitor: V,
        ) -> Result<V::Value, D::Error> {
            let Some(left) = self.left.checked_sub(1) else {
                return Err(D::Error::custom("nested too deep"));
            };
            let budget = self.budget;
            let visitor = Limited { inner: visitor, left, budget, claims: $claims };
            self.inner.$inner($($arg,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Limited<'_, D> {
    type Error = D::Error;

    deserialize! {
        deserialize_any() = deserialize_any, false;
        deserialize_bool() = deserialize_bool, false;
        deserialize_i8() = deserialize_i8, false;
        deserialize_i16() = deserialize_i16, false;
        deserialize_i32() = deserialize_i32, false;
        deserialize_i64() = deserialize_i64, false;
        deserialize_i128() = deserialize_i128, false;
        deserialize_u8() = deserialize_u8, false;
        deserialize_u16() = deserialize_u16, false;
        deserialize_u32() = deserialize_u32, false;
        deserialize_u64() = deserialize_u64, false;
        deserialize_u128() = deserialize_u128, false;
        deserialize_f32() = deserialize_f32, false;
        deserialize_f64() = deserialize_f64, false;
        deserialize_char() = deserialize_char, false;
        deserialize_str() = deserialize_str, false;
        deserialize_string() = deserialize_str, false;
        deserialize_bytes() = deserialize_bytes, false;
        deserialize_byte_buf() = deserialize_bytes, false;
        deserialize_option() = deserialize_option, false;
        deserialize_unit() = deserialize_unit, false;
        deserialize_unit_struct(name: &'static str) = deserialize_unit_struct, false;
        deserialize_newtype_struct(name: &'static str) = deserialize_newtype_struct, false;
        deserialize_seq() = deserialize_seq, true;
        deserialize_tuple(len: usize) = deserialize_tuple, false;
        deserialize_tuple_struct(name: &'static str, len: usize) = deserialize_tuple_struct, false;
        deserialize_map() = deserialize_map, true;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) = deserialize_struct, false;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) = deserialize_enum, false;
        deserialize_identifier() = deserialize_identifier, false;
        deserialize_ignored_any() = deserialize_ignored_any, false;
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident($type:ty);)*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Limited<'_, V> {
    type Value = V::Value;

    visit! {
        visit_bool(bool);
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_i128(i128);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
        visit_u128(u128);
        visit_f32(f32);
        visit_f64(f64);
        visit_char(char);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let inner = self.around(inner);
        self.inner.visit_some(inner)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let inner = self.around(inner);
        self.inner.visit_newtype_struct(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.charge(inner.size_hint())?;
        let inner = self.around(inner);
        self.inner.visit_seq(inner)
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.charge(inner.size_hint())?;
        let inner = self.around(inner);
        self.inner.visit_map(inner)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let inner = self.around(inner);
        self.inner.visit_enum(inner)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Limited<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let inner = self.around(inner);
        self.inner.deserialize(inner)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Limited<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        inner: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let inner = self.around(inner);
        self.inner.next_element_seed(inner)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Limited<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        inner: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let inner = self.around(inner);
        self.inner.next_key_seed(inner)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, inner: S) -> Result<S::Value, A::Error> {
        let inner = self.around(inner);
        self.inner.next_value_seed(inner)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 'b, A: EnumAccess<'de>> EnumAccess<'de> for Limited<'b, A> {
    type Error = A::Error;
    type Variant = Limited<'b, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        inner: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let limits = self.around(());
        let (value, inner) = self.inner.variant_seed(limits.around(inner))?;
        Ok((value, limits.around(inner)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Limited<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, inner: S) -> Result<S::Value, A::Error> {
        let inner = self.around(inner);
        self.inner.newtype_variant_seed(inner)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, inner: V) -> Result<V::Value, A::Error> {
        let inner = self.around(inner);
        self.inner.tuple_variant(len, inner)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        inner: V,
    ) -> Result<V::Value, A::Error> {
        let inner = self.around(inner);
        self.inner.struct_variant(fields, inner)
    }
}
