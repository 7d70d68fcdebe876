//! The arguments of a call as one flat array.

use serde::Serialize;
use serde::ser::{Impossible, SerializeSeq as _, Serializer};

use super::compound::{Compound, Shape};
use super::recognize;
use super::refusals::{refuse, refuse_others};
use super::serializer::Encoder;
use crate::interop::error::{ErrorKind, Fault};
use crate::interop::names;

/// Takes a list of arguments, and nothing else.
pub(super) struct Root<'a, 'm>(pub(super) &'a mut Encoder<'m>);

fn no_list<T>() -> Result<T, Fault> {
    Err(Fault::new(
        ErrorKind::Arguments,
        "arguments are a tuple, a sequence or a struct: one argument is `&(argument,)`",
    ))
}

impl<'a, 'm> Root<'a, 'm> {
    #[inline(always)]
    fn open(self, len: Option<usize>) -> Result<Compound<'a, 'm>, Fault> {
        Compound::open(self.0, Shape::Arguments, len, 1)
    }
}

impl<'a, 'm> Serializer for Root<'a, 'm> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Compound<'a, 'm>;
    type SerializeTuple = Compound<'a, 'm>;
    type SerializeTupleStruct = Compound<'a, 'm>;
    type SerializeTupleVariant = Impossible<(), Fault>;
    type SerializeMap = Impossible<(), Fault>;
    type SerializeStruct = Compound<'a, 'm>;
    type SerializeStructVariant = Impossible<(), Fault>;

    fn serialize_unit(self) -> Result<(), Fault> {
        self.open(Some(0))?.end()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Fault> {
        self.serialize_unit()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        if name == names::SET { no_list() } else { value.serialize(self) }
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'a, 'm>, Fault> {
        self.open(len)
    }

    fn collect_seq<I>(self, items: I) -> Result<(), Fault>
    where
        I: IntoIterator<Item: Serialize>,
    {
        if recognize::is_set::<I>() {
            return no_list();
        }
        let items = items.into_iter();
        let mut list = self.open(None)?;
        for item in items {
            list.serialize_element(&item)?;
        }
        list.end()
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Compound<'a, 'm>, Fault> {
        self.open(Some(len))
    }

    #[inline]
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<Compound<'a, 'm>, Fault> {
        self.open(Some(len))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Compound<'a, 'm>, Fault> {
        match name {
            names::DATE_TIME | names::DATE | names::TIME => no_list(),
            _ => self.open(Some(len)),
        }
    }

    refuse_others!(no_list -> ());

    refuse! {
        no_list:
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
    }
}
