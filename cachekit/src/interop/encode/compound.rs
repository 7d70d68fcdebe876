//! Arrays, maps, sets and structs, item by item.

use serde::Serialize;
use serde::ser;

use super::map_key::MapKey;
use super::serializer::Encoder;
use super::sink::Window;
use super::sort::{self, Mark, prefix};
use super::write::{self, length, text_of};
use crate::interop::error::{ErrorKind, Fault};
use crate::interop::names;
use crate::interop::temporal::Temporal;

/// What becomes of the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Array,
    /// The outermost array of a key. A struct's fields are its elements.
    Arguments,
    Map,
    /// A struct named as the clock's type of the standard library.
    PerhapsSystemTime,
    Set,
    /// A struct of ours, of which the text counts.
    Date,
}

impl Shape {
    fn is_map(self) -> bool {
        matches!(self, Self::Map | Self::PerhapsSystemTime)
    }
}

/// A collection that is being written.
pub(super) struct Compound<'a, 'm> {
    encoder: &'a mut Encoder<'m>,
    shape: Shape,
    /// Where its header lies.
    header: usize,
    /// What the header says.
    declared: u32,
    count: usize,
    /// How many marks belong to the collections around this one.
    outer_marks: usize,
    /// Whether the keys or elements obviously came in order, each with a greater prefix than the one before.
    is_sorted: bool,
    /// The prefix of the last key or element.
    last: u64,
    /// How many levels of nesting end with this one: a variant's map ends with what it holds.
    levels: u32,
}

impl<'a, 'm> Compound<'a, 'm> {
    /// Writes the header. A length that is not known is corrected at the end.
    #[inline(always)]
    pub(super) fn open(
        encoder: &'a mut Encoder<'m>,
        shape: Shape,
        len: Option<usize>,
        levels: u32,
    ) -> Result<Self, Fault> {
        if shape != Shape::Date {
            encoder.descend()?;
        }
        let declared = length(len.unwrap_or(0))?;
        let header = encoder.out.len();
        if shape != Shape::Date {
            let (first, rest, len) = write::header(shape.is_map(), declared);
            encoder.out.put(first, rest, len);
        }
        let outer_marks = encoder.marks.len();
        Ok(Self {
            encoder,
            shape,
            header,
            declared,
            count: 0,
            outer_marks,
            is_sorted: true,
            last: 0,
            levels,
        })
    }

    #[inline(always)]
    fn here(&self) -> usize {
        self.encoder.out.len()
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        if self.shape == Shape::Arguments {
            // More of them than that are refused at the end.
            self.encoder.argument = u32::try_from(self.count).ok();
        }
        let start = self.here();
        self.encoder.serialize_part(value)?;
        if self.shape == Shape::Set {
            let prefix = prefix(&self.encoder.out.written()[start..]);
            self.note(start, prefix);
        } else {
            self.count += 1;
        }
        Ok(())
    }

    /// An element of what is known to be an array.
    #[inline(always)]
    pub(super) fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.encoder.serialize_part(value)?;
        self.count += 1;
        Ok(())
    }

    /// An entry or an element starts here.
    #[inline(always)]
    fn note(&mut self, start: usize, prefix: u64) {
        self.is_sorted &= self.count == 0 || self.last < prefix;
        self.last = prefix;
        self.count += 1;
        self.encoder.marks.push(Mark { prefix, start });
    }

    /// Inlined up to the value: the name is a constant.
    #[inline(always)]
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Fault> {
        if self.shape != Shape::Map {
            return self.odd_field(name, value);
        }
        self.map_field(name, value)
    }

    #[inline(always)]
    fn map_field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Fault> {
        let start = self.here();
        let prefix = write::map_key(&mut self.encoder.out, name)?;
        self.note(start, prefix);
        self.encoder.serialize_part(value)
    }

    #[inline(never)]
    fn odd_field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Fault> {
        match self.shape {
            Shape::Arguments => self.element(value),
            Shape::Date => self.date_field(name, value),
            Shape::PerhapsSystemTime if name == "secs_since_epoch" => Err(Fault::new(
                ErrorKind::OutsideModel,
                "a `SystemTime` is no date to serde: convert it to an `interop::DateTime`",
            )),
            _ => self.map_field(name, value),
        }
    }

    /// An omitted argument would leave its place to the next one, and two lists of arguments would be the same.
    fn omitted(&self) -> Result<(), Fault> {
        if self.shape != Shape::Arguments {
            return Ok(());
        }
        Err(Fault::new(
            ErrorKind::Arguments,
            "an argument is omitted, as by `skip_serializing_if`: then the others are no longer in their places",
        ))
    }

    /// Has the text written, and puts the date in its place.
    fn date_field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Fault> {
        if name != names::VALUE {
            return Ok(());
        }
        let start = self.here();
        self.encoder.serialize_part(value)?;
        let text = text_of(&self.encoder.out.written()[start..]);
        let date = str::from_utf8(text).ok().and_then(Temporal::parse);
        let date = date.ok_or_else(|| {
            Fault::new(ErrorKind::Range, "a date has years from 1 to 9999 and the form of ISO 8601")
        })?;
        self.encoder.out.truncate(start);
        self.encoder.temporal(date)
    }

    #[inline(always)]
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        let start = self.here();
        self.encoder.has_two_forms.set(false);
        let prefix = key.serialize(MapKey(&mut *self.encoder))?;
        self.note(start, prefix);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn entry<K: Serialize, V: Serialize>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), Fault> {
        self.key(key)?;
        self.encoder.serialize_part(value)
    }

    #[inline]
    pub(super) fn finish(self) -> Result<(), Fault> {
        self.encoder.ascend(self.levels);
        if self.is_sorted && self.count == self.declared as usize {
            if self.encoder.marks.len() > self.outer_marks {
                self.encoder.marks.truncate(self.outer_marks);
            }
            return Ok(());
        }
        self.finish_entries()
    }

    fn finish_entries(self) -> Result<(), Fault> {
        let Self { encoder, shape, header, declared, mut count, outer_marks, is_sorted, .. } = self;
        if shape == Shape::Date {
            return Ok(());
        }
        if !is_sorted {
            let marks = &encoder.marks[outer_marks..];
            if shape == Shape::Set {
                count = sort::set(&mut encoder.out, marks);
            } else {
                sort::map(&mut encoder.out, marks)?;
            }
        }
        encoder.marks.truncate(outer_marks);
        if count != declared as usize {
            correct_header(&mut encoder.out, shape.is_map(), header, declared, length(count)?);
        }
        Ok(())
    }
}

/// The number of items was another one than said, or duplicates went.
#[cold]
fn correct_header(out: &mut Window<'_>, is_map: bool, at: usize, declared: u32, count: u32) {
    let (.., old) = write::header(is_map, declared);
    let (first, rest, new) = write::header(is_map, count);
    let end = out.written().len();
    if new > old {
        out.extend(&[0; 4][..new - old]);
    }
    let at = at + 1;
    out.written_mut().copy_within(at + old..end, at + new);
    out.truncate(end + new - old);
    out.written_mut()[at - 1] = first;
    out.written_mut()[at..at + new].copy_from_slice(&rest[..new]);
}

macro_rules! of_elements {
    ($($trait:ident::$method:ident)*) => {$(
        impl ser::$trait for Compound<'_, '_> {
            type Ok = ();
            type Error = Fault;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
                self.element(value)
            }

            #[inline]
            fn end(self) -> Result<(), Fault> {
                self.finish()
            }
        }
    )*};
}

of_elements! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

impl ser::SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.key(key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.encoder.serialize_part(value)
    }

    #[inline]
    fn end(self) -> Result<(), Fault> {
        self.finish()
    }
}

macro_rules! of_fields {
    ($($trait:ident)*) => {$(
        impl ser::$trait for Compound<'_, '_> {
            type Ok = ();
            type Error = Fault;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Fault> {
                self.field(name, value)
            }

            fn skip_field(&mut self, _: &'static str) -> Result<(), Fault> {
                self.omitted()
            }

            #[inline]
            fn end(self) -> Result<(), Fault> {
                self.finish()
            }
        }
    )*};
}

of_fields! { SerializeStruct SerializeStructVariant }
