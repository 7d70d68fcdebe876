//! Serialization checked against a schema.
//!
//! Wraps a serializer and fails as soon as a value serializes differently from how its type is read:
//! another kind, another name or number of fields, a missing field, a variant with another number, a
//! length that differs from the announced one.

use std::cell::Cell;
use std::fmt::Display;

use serde::ser::{self, Error, Serialize, Serializer};

use super::schema::{Node, Schema, Shape};

type Name = &'static str;

/// One serialization of one value.
pub(super) struct Walk<'s> {
    schema: &'s Schema,
    claimed: Cell<usize>,
}

impl<'s> Walk<'s> {
    pub(super) fn new(schema: &'s Schema) -> Self {
        Self { schema, claimed: Cell::new(0) }
    }

    /// The lengths of all sequences and maps so far.
    pub(super) fn claimed(&self) -> usize {
        self.claimed.get()
    }

    /// The whole value, to be serialized.
    pub(super) fn value<'w, T: ?Sized>(&'w self, value: &'w T) -> Conforming<'w, T> {
        Conforming { inner: value, at: At { walk: self, node: self.schema.node(0) } }
    }

    fn claim<E: Error>(&self, len: Option<usize>) -> Result<usize, E> {
        let len = len.ok_or_else(deviates)?;
        self.claimed.set(self.claimed.get().saturating_add(len));
        Ok(len)
    }
}

/// A position in the schema.
#[derive(Clone, Copy)]
struct At<'w> {
    walk: &'w Walk<'w>,
    node: &'w Node,
}

impl<'w> At<'w> {
    fn expect<E: Error>(self, shape: Shape) -> Result<(), E> {
        if self.node.shape == shape { Ok(()) } else { Err(deviates()) }
    }

    #[inline]
    fn child<E: Error>(self, index: usize) -> Result<Self, E> {
        let node = *self.node.children.get(index).ok_or_else(deviates)?;
        Ok(Self { node: self.walk.schema.node(node), ..self })
    }

    fn variant<E: Error>(self, name: Name, index: u32, variant: Name) -> Result<Self, E> {
        let index = index as usize;
        match self.node.shape {
            Shape::Enum(known, variants)
                if is_same(known, name)
                    && variants.get(index).is_some_and(|known| is_same(known, variant)) =>
            {
                self.child(index)
            }
            _ => Err(deviates()),
        }
    }

    /// What was announced to have `len` fields.
    fn fields<E: Error, C>(self, len: usize, inner: C) -> Result<Fields<'w, C>, E> {
        let Node { shape, children } = self.node;
        if children.len() != len {
            return Err(deviates());
        }
        let names = match shape {
            Shape::Struct(_, names) | Shape::StructVariant(names) => names,
            _ => &[][..],
        };
        Ok(Fields { inner, walk: self.walk, names, children })
    }
}

/// Most names are the very same string, from one derive.
#[inline]
fn is_same(a: Name, b: Name) -> bool {
    std::ptr::eq(a, b) || a == b
}

#[cold]
fn deviates<E: Error>() -> E {
    E::custom("the value does not conform to its schema")
}

/// A value, or a serializer, at a position of the schema.
pub(super) struct Conforming<'w, T: ?Sized> {
    at: At<'w>,
    inner: &'w T,
}

impl<T: Serialize + ?Sized> Serialize for Conforming<'_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, inner: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(Checked { inner, at: self.at })
    }
}

struct Checked<'w, S> {
    inner: S,
    at: At<'w>,
}

macro_rules! scalars {
    ($($method:ident($type:ty) = $shape:ident;)*) => {$(
        #[inline]
        fn $method(self, v: $type) -> Result<S::Ok, S::Error> {
            if !matches!(self.at.node.shape, Shape::$shape) {
                return Err(deviates());
            }
            self.inner.$method(v)
        }
    )*};
}

impl<'w, S: Serializer> Serializer for Checked<'w, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Items<'w, S::SerializeSeq>;
    type SerializeTuple = Fields<'w, S::SerializeTuple>;
    type SerializeTupleStruct = Fields<'w, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Fields<'w, S::SerializeTupleVariant>;
    type SerializeMap = Items<'w, S::SerializeMap>;
    type SerializeStruct = Fields<'w, S::SerializeStruct>;
    type SerializeStructVariant = Fields<'w, S::SerializeStructVariant>;

    scalars! {
        serialize_bool(bool) = Bool;
        serialize_i8(i8) = I8;
        serialize_i16(i16) = I16;
        serialize_i32(i32) = I32;
        serialize_i64(i64) = I64;
        serialize_i128(i128) = I128;
        serialize_u8(u8) = U8;
        serialize_u16(u16) = U16;
        serialize_u32(u32) = U32;
        serialize_u64(u64) = U64;
        serialize_u128(u128) = U128;
        serialize_f32(f32) = F32;
        serialize_f64(f64) = F64;
        serialize_char(char) = Char;
        serialize_str(&str) = Str;
        serialize_bytes(&[u8]) = Bytes;
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.at.expect::<S::Error>(Shape::Option)?;
        self.inner.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.at.expect::<S::Error>(Shape::Option)?;
        self.inner.serialize_some(&Conforming { at: self.at.child(0)?, inner: value })
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.at.expect::<S::Error>(Shape::Unit)?;
        self.inner.serialize_unit()
    }

    fn serialize_unit_struct(self, name: Name) -> Result<S::Ok, S::Error> {
        self.at.expect::<S::Error>(Shape::UnitStruct(name))?;
        self.inner.serialize_unit_struct(name)
    }

    fn serialize_unit_variant(
        self,
        name: Name,
        index: u32,
        variant: Name,
    ) -> Result<S::Ok, S::Error> {
        let content = self.at.variant(name, index, variant)?;
        content.expect::<S::Error>(Shape::UnitVariant)?;
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: Name,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.at.expect::<S::Error>(Shape::NewtypeStruct(name))?;
        let value = Conforming { at: self.at.child(0)?, inner: value };
        self.inner.serialize_newtype_struct(name, &value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: Name,
        index: u32,
        variant: Name,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let content = self.at.variant(name, index, variant)?;
        content.expect::<S::Error>(Shape::NewtypeVariant)?;
        let value = Conforming { at: content.child(0)?, inner: value };
        self.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.at.expect::<S::Error>(Shape::Seq)?;
        let left = self.at.walk.claim(len)?;
        let element = self.at.child(0)?;
        Ok(Items { inner: self.inner.serialize_seq(len)?, key: element, element, left })
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.at.expect::<S::Error>(Shape::Tuple(len))?;
        self.at.fields(len, self.inner.serialize_tuple(len)?)
    }

    fn serialize_tuple_struct(
        self,
        name: Name,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.at.expect::<S::Error>(Shape::TupleStruct(name, len))?;
        self.at.fields(len, self.inner.serialize_tuple_struct(name, len)?)
    }

    fn serialize_tuple_variant(
        self,
        name: Name,
        index: u32,
        variant: Name,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let content = self.at.variant(name, index, variant)?;
        content.expect::<S::Error>(Shape::TupleVariant(len))?;
        content.fields(len, self.inner.serialize_tuple_variant(name, index, variant, len)?)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.at.expect::<S::Error>(Shape::Map)?;
        let left = self.at.walk.claim(len)?;
        let (key, element) = (self.at.child(0)?, self.at.child(1)?);
        Ok(Items { inner: self.inner.serialize_map(len)?, key, element, left })
    }

    fn serialize_struct(self, name: Name, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        match self.at.node.shape {
            Shape::Struct(known, _) if is_same(known, name) => {
                self.at.fields(len, self.inner.serialize_struct(name, len)?)
            }
            _ => Err(deviates()),
        }
    }

    fn serialize_struct_variant(
        self,
        name: Name,
        index: u32,
        variant: Name,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let content = self.at.variant(name, index, variant)?;
        match content.node.shape {
            Shape::StructVariant(_) => {
                content.fields(len, self.inner.serialize_struct_variant(name, index, variant, len)?)
            }
            _ => Err(deviates()),
        }
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.at.expect::<S::Error>(Shape::Str)?;
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// A sequence or a map, and how many elements are still to come.
struct Items<'w, C> {
    inner: C,
    key: At<'w>,
    /// Of a map: the value.
    element: At<'w>,
    left: usize,
}

impl<C> Items<'_, C> {
    #[inline]
    fn count<E: Error>(&mut self) -> Result<(), E> {
        self.left = self.left.checked_sub(1).ok_or_else(deviates)?;
        Ok(())
    }

    fn end<E: Error>(self) -> Result<C, E> {
        if self.left == 0 { Ok(self.inner) } else { Err(deviates()) }
    }
}

impl<C: ser::SerializeSeq> ser::SerializeSeq for Items<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        self.count()?;
        self.inner.serialize_element(&Conforming { at: self.element, inner: value })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.end::<C::Error>()?.end()
    }
}

impl<C: ser::SerializeMap> ser::SerializeMap for Items<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.count()?;
        self.inner.serialize_key(&Conforming { at: self.key, inner: key })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        self.inner.serialize_value(&Conforming { at: self.element, inner: value })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.end::<C::Error>()?.end()
    }
}

/// A tuple, a struct, or the content of a variant, and the positions of the remaining fields.
struct Fields<'w, C> {
    inner: C,
    walk: &'w Walk<'w>,
    names: &'w [Name],
    children: &'w [u32],
}

impl<'w, C> Fields<'w, C> {
    /// The position of the next field.
    #[inline]
    fn next<E: Error>(&mut self) -> Result<At<'w>, E> {
        let (&node, rest) = self.children.split_first().ok_or_else(deviates)?;
        self.children = rest;
        Ok(At { walk: self.walk, node: self.walk.schema.node(node) })
    }

    #[inline]
    fn named<E: Error>(&mut self, name: Name) -> Result<At<'w>, E> {
        let (known, rest) = self.names.split_first().ok_or_else(deviates)?;
        if !is_same(known, name) {
            return Err(deviates());
        }
        self.names = rest;
        self.next()
    }

    fn end<E: Error>(self) -> Result<C, E> {
        if self.children.is_empty() { Ok(self.inner) } else { Err(deviates()) }
    }
}

macro_rules! fields {
    ($($compound:ident::$method:ident($($key:ident)?) = $next:ident;)*) => {$(
        impl<C: ser::$compound> ser::$compound for Fields<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: Name,)?
                value: &T,
            ) -> Result<(), C::Error> {
                let at = self.$next($($key)?)?;
                self.inner.$method($($key,)? &Conforming { at, inner: value })
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.end::<C::Error>()?.end()
            }
        }
    )*};
}

fields! {
    SerializeTuple::serialize_element() = next;
    SerializeTupleStruct::serialize_field() = next;
    SerializeTupleVariant::serialize_field() = next;
    SerializeStruct::serialize_field(key) = named;
    SerializeStructVariant::serialize_field(key) = named;
}
