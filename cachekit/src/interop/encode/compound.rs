//! Arrays, maps, sets and structs, item by item.

use serde::Serialize;
use serde::ser;

use super::map_key::MapKey;
use super::serializer::Encoder;
use super::sink::Buffer;
use super::sort::{self, Mark, prefix};
use super::write::{self, length, text_of};
use crate::interop::error::{Error, ErrorKind};
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
    count: u32,
    /// How many marks belong to the collections around this one.
    outer_marks: usize,
    /// Whether the keys or elements came in order, without duplicates.
    is_sorted: bool,
    /// The last key's text, or the last element.
    previous: (usize, usize),
    /// How many levels of nesting end with this one: a variant's map ends with what it holds.
    levels: u32,
}

impl<'a, 'm> Compound<'a, 'm> {
    /// Writes the header. A length that is not known is corrected at the end.
    pub(super) fn open(
        encoder: &'a mut Encoder<'m>,
        shape: Shape,
        len: Option<usize>,
        levels: u32,
    ) -> Result<Self, Error> {
        encoder.descend()?;
        let declared = length(len.unwrap_or(0))?;
        let header = encoder.out.len();
        if shape != Shape::Date {
            let (bytes, len) = write::header(shape.is_map(), declared);
            encoder.out.extend(&bytes[..len]);
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
            previous: (0, 0),
            levels,
        })
    }

    fn here(&self) -> usize {
        self.encoder.out.len()
    }

    fn add_one(&mut self) -> Result<(), Error> {
        self.count = self.count.checked_add(1).ok_or_else(too_many)?;
        Ok(())
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if self.shape == Shape::Arguments {
            self.encoder.argument = Some(self.count);
        }
        let start = self.here();
        self.encoder.serialize_part(value)?;
        self.add_one()?;
        if self.shape == Shape::Set {
            self.element_written(start)?;
        }
        Ok(())
    }

    fn element_written(&mut self, start: usize) -> Result<(), Error> {
        let end = self.here();
        let (from, to) = self.previous;
        let bytes = self.encoder.out.written();
        self.is_sorted &= self.count == 1 || bytes[from..to] < bytes[start..end];
        self.previous = (start, end);
        let prefix = prefix(&bytes[start..end]);
        self.encoder.marks.push(Mark { prefix, start: length(start)?, end: length(end)? });
        Ok(())
    }

    /// After a key that lies from `start` on: notes where its entry starts.
    #[inline]
    fn key_written(&mut self, start: usize, prefix: u64, text_len: usize) -> Result<(), Error> {
        let end = self.here();
        let text = end - text_len;
        if self.is_sorted && self.count > 0 {
            let last = self.encoder.marks.last().map_or(0, |mark| mark.prefix);
            if last >= prefix {
                self.compare_keys(last == prefix, text, end)?;
            }
        }
        self.previous = (text, end);
        self.add_one()?;
        let start = length(start)?;
        self.encoder.marks.push(Mark { prefix, start, end: start });
        Ok(())
    }

    /// The last key is not obviously below the new one, which lies here.
    fn compare_keys(&mut self, may_be_equal: bool, text: usize, end: usize) -> Result<(), Error> {
        let bytes = self.encoder.out.written();
        let (from, to) = self.previous;
        match bytes[from..to].cmp(&bytes[text..end]) {
            std::cmp::Ordering::Less if may_be_equal => {}
            std::cmp::Ordering::Equal => return Err(sort::duplicate_key()),
            _ => self.is_sorted = false,
        }
        Ok(())
    }

    #[inline]
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.encoder.serialize_part(value)?;
        let end = length(self.here())?;
        if let Some(mark) = self.encoder.marks.last_mut() {
            mark.end = end;
        }
        Ok(())
    }

    /// Inlined up to the value: the name is a constant.
    #[inline(always)]
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        if self.shape != Shape::Map {
            return self.odd_field(name, value);
        }
        self.map_field(name, value)
    }

    #[inline(always)]
    fn map_field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        let start = self.here();
        write::string(&mut self.encoder.out, name)?;
        self.key_written(start, prefix(name.as_bytes()), name.len())?;
        self.value(value)
    }

    #[inline(never)]
    fn odd_field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        match self.shape {
            Shape::Arguments => self.element(value),
            Shape::Date => self.date_field(name, value),
            Shape::PerhapsSystemTime if name == "secs_since_epoch" => Err(Error::new(
                ErrorKind::OutsideModel,
                "a `SystemTime` is no date to serde: convert it to an `interop::DateTime`",
            )),
            _ => self.map_field(name, value),
        }
    }

    /// Has the text written, and puts the date in its place.
    fn date_field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        if name != names::VALUE {
            return Ok(());
        }
        let start = self.here();
        self.encoder.serialize_part(value)?;
        let text = text_of(&self.encoder.out.written()[start..]);
        let date = str::from_utf8(text).ok().and_then(Temporal::parse);
        let date = date.ok_or_else(|| {
            Error::new(ErrorKind::Range, "a date has years from 1 to 9999 and the form of ISO 8601")
        })?;
        self.encoder.out.truncate(start);
        self.encoder.temporal(date)
    }

    fn finish(self) -> Result<(), Error> {
        let Self { encoder, shape, header, declared, mut count, outer_marks, is_sorted, .. } = self;
        encoder.ascend(self.levels);
        if shape == Shape::Date {
            return Ok(());
        }
        if !is_sorted {
            let marks = &mut encoder.marks[outer_marks..];
            if shape == Shape::Set {
                count = length(sort::set(&mut encoder.out, marks))?;
            } else {
                sort::map(&mut encoder.out, marks)?;
            }
        }
        encoder.marks.truncate(outer_marks);
        if count != declared {
            correct_header(&mut encoder.out, shape.is_map(), header, declared, count);
        }
        Ok(())
    }
}

fn too_many() -> Error {
    Error::new(ErrorKind::TooLarge, "a collection has more than 2^32 - 1 items")
}

/// The number of items was another one than said, or duplicates went.
#[cold]
fn correct_header(out: &mut Buffer<'_>, is_map: bool, at: usize, declared: u32, count: u32) {
    let (_, old) = write::header(is_map, declared);
    let (bytes, new) = write::header(is_map, count);
    let end = out.written().len();
    if new > old {
        out.extend(&[0; 4][..new - old]);
    }
    out.written_mut().copy_within(at + old..end, at + new);
    out.truncate(end + new - old);
    out.written_mut()[at..at + new].copy_from_slice(&bytes[..new]);
}

impl ser::SerializeSeq for Compound<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeTuple for Compound<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Compound<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for Compound<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let start = self.here();
        self.encoder.has_two_forms.set(false);
        key.serialize(MapKey(&mut *self.encoder))?;
        let text = text_of(&self.encoder.out.written()[start..]);
        let (prefix, len) = (prefix(text), text.len());
        self.key_written(start, prefix, len)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeStruct for Compound<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Compound<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}
