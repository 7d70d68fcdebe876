//! The serializer: each kind of value to its bytes.

use std::cell::Cell;
use std::fmt::{self, Write as _};

use serde::Serialize;
use serde::ser::{SerializeSeq as _, Serializer};

use super::compound::{Compound, Shape};
use super::recognize::{self, Origin, Zone};
use super::sink::Window;
use super::sort::Marks;
use super::write::{self, Profile};
use crate::interop::error::{ErrorKind, Fault};
use crate::interop::temporal::Text;
use crate::interop::{MAX_DEPTH, MAX_WRAPPERS, names};

/// Writes values in the canonical form.
pub(super) struct Encoder<'m> {
    pub(super) out: Window<'m>,
    /// Of the collections that are open.
    pub(super) marks: &'m mut Marks,
    /// The argument that is being written.
    pub(super) argument: Option<u32>,
    pub(super) profile: Profile,
    /// How many collections are open.
    depth: u32,
    wrappers: u32,
    /// The next sequence is a set.
    is_set: bool,
    /// The value has asked whether text or bytes are wanted, so it has two forms.
    pub(super) has_two_forms: Cell<bool>,
    /// What is known of the value's type.
    pub(super) zone: Zone,
    /// A date was written in a key: the protocol itself keeps less of it than its type has.
    pub(super) has_dates: bool,
    /// Likewise a collection in a `Set`.
    pub(super) has_sets: bool,
}

impl<'m> Encoder<'m> {
    pub(super) fn new(out: Window<'m>, marks: &'m mut Marks, profile: Profile) -> Self {
        Self {
            out,
            marks,
            argument: None,
            profile,
            depth: 0,
            wrappers: 0,
            is_set: false,
            has_two_forms: Cell::new(false),
            zone: Zone::Unknown,
            has_dates: false,
            has_sets: false,
        }
    }

    #[inline]
    pub(super) fn descend(&mut self) -> Result<(), Fault> {
        if self.depth as usize == MAX_DEPTH {
            return Err(too_deep());
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    pub(super) fn ascend(&mut self, levels: u32) {
        self.depth -= levels;
    }

    /// Two types of sets may read the same document, one in any order and the other only in the order that it has there.
    fn mark_set<T: ?Sized>(&mut self) {
        if self.profile == Profile::Marked {
            write::mark(&mut self.out);
            self.out.extend(std::any::type_name::<T>().as_bytes());
        }
    }

    /// What stands in a collection or a wrapper. Forgets what was known of the value before it.
    #[inline]
    pub(super) fn serialize_part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.is_set = false;
        self.has_two_forms.set(false);
        self.zone = recognize::zone::<T>();
        value.serialize(self)
    }

    #[inline]
    fn wrapped<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        if self.wrappers == MAX_WRAPPERS {
            return Err(too_deep());
        }
        self.wrappers += 1;
        self.serialize_part(value)?;
        self.wrappers -= 1;
        Ok(())
    }

    /// The map around a variant's content.
    fn variant(&mut self, name: &str) -> Result<(), Fault> {
        self.descend()?;
        self.out.push(0x81);
        write::string(&mut self.out, name)
    }
}

fn too_deep() -> Fault {
    Fault::new(ErrorKind::TooDeep, "collections are nested more than 100 deep")
}

impl<'a, 'm> Serializer for &'a mut Encoder<'m> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Compound<'a, 'm>;
    type SerializeTuple = Compound<'a, 'm>;
    type SerializeTupleStruct = Compound<'a, 'm>;
    type SerializeTupleVariant = Compound<'a, 'm>;
    type SerializeMap = Compound<'a, 'm>;
    type SerializeStruct = Compound<'a, 'm>;
    type SerializeStructVariant = Compound<'a, 'm>;

    /// Types with two forms write text: it means the same in every language.
    #[inline]
    fn is_human_readable(&self) -> bool {
        self.has_two_forms.set(true);
        true
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Fault> {
        self.out.push(if value { 0xc3 } else { 0xc2 });
        Ok(())
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_i16(self, value: i16) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<(), Fault> {
        write::signed(&mut self.out, value);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), Fault> {
        write::wide(&mut self.out, value)
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<(), Fault> {
        self.serialize_u64(value.into())
    }

    #[inline]
    fn serialize_u16(self, value: u16) -> Result<(), Fault> {
        self.serialize_u64(value.into())
    }

    #[inline]
    fn serialize_u32(self, value: u32) -> Result<(), Fault> {
        self.serialize_u64(value.into())
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), Fault> {
        write::unsigned(&mut self.out, value);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Fault> {
        let value = u64::try_from(value).map_err(|_| write::out_of_range())?;
        self.serialize_u64(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Fault> {
        self.serialize_f64(value.into())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), Fault> {
        write::float(&mut self.out, value, self.profile)
    }

    fn serialize_char(self, value: char) -> Result<(), Fault> {
        write::string(&mut self.out, value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Fault> {
        if self.has_two_forms.get() {
            return self.text_of_two_forms(value);
        }
        write::string(&mut self.out, value)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Fault> {
        let mut text = Text::new();
        write!(text, "{value}")
            .map_err(|_| Fault::new(ErrorKind::Serialize, "the value's `Display` failed"))?;
        match recognize::origin::<T>() {
            Origin::Other => write::string(&mut self.out, text.as_str()),
            origin => self.displayed_date(origin, text.as_str()),
        }
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Fault> {
        write::bytes(&mut self.out, value)
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Fault> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        let start = self.out.len();
        self.wrapped(value)?;
        if self.out.len() == start + 1 && self.out.written()[start] == 0xc0 {
            return Err(Fault::new(
                ErrorKind::OutsideModel,
                "`Some` of nothing, as `Some(None)`, cannot be told from `None`",
            ));
        }
        Ok(())
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Fault> {
        self.out.push(0xc0);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Fault> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Fault> {
        write::string(&mut self.out, variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        match name {
            names::SET => {
                self.is_set = self.profile != Profile::Whole;
                self.has_sets = true;
                self.mark_set::<T>();
                value.serialize(self)
            }
            names::EXTENSION => Err(Fault::new(
                ErrorKind::OutsideModel,
                "extension types of MessagePack are not in the model",
            )),
            _ => self.wrapped(value),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.variant(variant)?;
        self.serialize_part(value)?;
        self.ascend(1);
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'a, 'm>, Fault> {
        let shape = if self.is_set { Shape::Set } else { Shape::Array };
        Compound::open(self, shape, len, 1)
    }

    #[inline]
    fn collect_seq<I>(self, items: I) -> Result<(), Fault>
    where
        I: IntoIterator<Item: Serialize>,
    {
        let shape = if self.is_set || recognize::is_set::<I>() { Shape::Set } else { Shape::Array };
        if recognize::is_set::<I>() {
            self.mark_set::<I>();
        }
        let items = items.into_iter();
        let len = match items.size_hint() {
            (low, Some(high)) if low == high => Some(low),
            _ => None,
        };
        let mut seq = Compound::open(self, shape, len, 1)?;
        if shape == Shape::Set {
            for item in items {
                seq.serialize_element(&item)?;
            }
        } else {
            for item in items {
                seq.item(&item)?;
            }
        }
        seq.end()
    }

    #[inline]
    fn collect_map<K: Serialize, V: Serialize, I>(self, entries: I) -> Result<(), Fault>
    where
        I: IntoIterator<Item = (K, V)>,
    {
        let entries = entries.into_iter();
        let len = match entries.size_hint() {
            (low, Some(high)) if low == high => Some(low),
            _ => None,
        };
        let mut map = Compound::open(self, Shape::Map, len, 1)?;
        for (key, value) in entries {
            map.entry(&key, &value)?;
        }
        map.finish()
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Compound<'a, 'm>, Fault> {
        // Arrays are tuples to serde.
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<Compound<'a, 'm>, Fault> {
        self.serialize_tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'a, 'm>, Fault> {
        self.variant(variant)?;
        Compound::open(self, Shape::Array, Some(len), 2)
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Compound<'a, 'm>, Fault> {
        Compound::open(self, Shape::Map, len, 1)
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Compound<'a, 'm>, Fault> {
        let (shape, levels) = match name {
            // It writes itself, with the level that it takes.
            names::DATE_TIME | names::DATE | names::TIME => (Shape::Date, 0),
            "SystemTime" => (Shape::PerhapsSystemTime, 1),
            _ => (Shape::Map, 1),
        };
        Compound::open(self, shape, Some(len), levels)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'a, 'm>, Fault> {
        self.variant(variant)?;
        Compound::open(self, Shape::Map, Some(len), 2)
    }
}
