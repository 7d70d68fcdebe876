//! MessagePack item by item, from bytes that an attacker may have written.
//!
//! Two bounds hold at every item, before anything is created from it. All lengths that the headers read so far
//! claim are backed by bytes that follow: a lone header of 2^32 items is refused, and so are many small ones that
//! claim the same bytes. And nesting ends at [`MAX_DEPTH`].

use crate::interop::MAX_DEPTH;
use crate::interop::error::{ErrorKind, Fault};

/// One item; for collections the number of items or pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Item<'de> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    /// Usually negative, but a writer may be wasteful.
    Signed(i64),
    F32(f32),
    F64(f64),
    Str(&'de str),
    Bytes(&'de [u8]),
    Array(u32),
    Map(u32),
    Extension(i8, &'de [u8]),
}

/// Reads items.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'de> {
    rest: &'de [u8],
    /// Items that the collections read so far still wait for, the document itself included.
    pending: u64,
}

fn malformed(what: &'static str) -> Fault {
    Fault::new(ErrorKind::Malformed, what)
}

#[cold]
fn incomplete() -> Fault {
    malformed("the document ends before it is complete")
}

#[cold]
fn overclaimed() -> Fault {
    malformed("the document claims more items than its bytes can hold")
}

/// Headers of one byte.
pub(crate) const SHORT_MAP: u8 = 0x80;
pub(crate) const SHORT_ARRAY: u8 = 0x90;

pub(crate) fn too_deep() -> Fault {
    Fault::new(ErrorKind::TooDeep, "the document is nested more than 100 deep")
}

impl<'de> Reader<'de> {
    /// Of a document at the start of the bytes.
    pub(crate) fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes, pending: 1 }
    }

    /// What follows the items that were read.
    pub(crate) fn rest(&self) -> &'de [u8] {
        self.rest
    }

    /// The first byte of the next item.
    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Whether the next item is a string.
    #[inline]
    pub(crate) fn next_is_str(&self) -> bool {
        matches!(self.peek(), Some(0xa0..=0xbf | 0xd9..=0xdb))
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(incomplete)?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline]
    fn bytes(&mut self, len: u32) -> Result<&'de [u8], Fault> {
        let split = self.rest.split_at_checked(len as usize);
        let (bytes, rest) =
            split.ok_or_else(|| malformed("a length in the document exceeds what follows it"))?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    fn str(&mut self, len: u32) -> Result<Item<'de>, Fault> {
        let bytes = self.bytes(len)?;
        let text = str::from_utf8(bytes);
        text.map(Item::Str).map_err(|_| malformed("a string in the document is not UTF-8"))
    }

    fn extension(&mut self, len: u32) -> Result<Item<'de>, Fault> {
        let [tag] = self.array()?;
        Ok(Item::Extension(tag.cast_signed(), self.bytes(len)?))
    }

    fn len8(&mut self) -> Result<u32, Fault> {
        Ok(u8::from_be_bytes(self.array()?).into())
    }

    fn len16(&mut self) -> Result<u32, Fault> {
        Ok(u16::from_be_bytes(self.array()?).into())
    }

    fn len32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// The next item; the items in a collection come next, one by one.
    #[inline]
    pub(crate) fn item(&mut self) -> Result<Item<'de>, Fault> {
        let [marker] = self.array()?;
        let item = match marker {
            0x00..=0x7f => Item::Unsigned(marker.into()),
            0x80..=0x8f => Item::Map((marker & 0x0f).into()),
            0x90..=0x9f => Item::Array((marker & 0x0f).into()),
            0xa0..=0xbf => self.str((marker & 0x1f).into())?,
            0xc0 => Item::Nil,
            0xc1 => return Err(malformed("the document has the reserved marker c1")),
            0xc2 => Item::Bool(false),
            0xc3 => Item::Bool(true),
            0xc4 => self.len8().and_then(|len| self.bytes(len)).map(Item::Bytes)?,
            0xc5 => self.len16().and_then(|len| self.bytes(len)).map(Item::Bytes)?,
            0xc6 => self.len32().and_then(|len| self.bytes(len)).map(Item::Bytes)?,
            0xc7 => self.len8().and_then(|len| self.extension(len))?,
            0xc8 => self.len16().and_then(|len| self.extension(len))?,
            0xc9 => self.len32().and_then(|len| self.extension(len))?,
            0xca => Item::F32(f32::from_be_bytes(self.array()?)),
            0xcb => Item::F64(f64::from_be_bytes(self.array()?)),
            0xcc => Item::Unsigned(u8::from_be_bytes(self.array()?).into()),
            0xcd => Item::Unsigned(u16::from_be_bytes(self.array()?).into()),
            0xce => Item::Unsigned(u32::from_be_bytes(self.array()?).into()),
            0xcf => Item::Unsigned(u64::from_be_bytes(self.array()?)),
            0xd0 => Item::Signed(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Item::Signed(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Item::Signed(i32::from_be_bytes(self.array()?).into()),
            0xd3 => Item::Signed(i64::from_be_bytes(self.array()?)),
            0xd4..=0xd8 => self.extension(1 << (marker - 0xd4))?,
            0xd9 => self.len8().and_then(|len| self.str(len))?,
            0xda => self.len16().and_then(|len| self.str(len))?,
            0xdb => self.len32().and_then(|len| self.str(len))?,
            0xdc => Item::Array(self.len16()?),
            0xdd => Item::Array(self.len32()?),
            0xde => Item::Map(self.len16()?),
            0xdf => Item::Map(self.len32()?),
            0xe0.. => Item::Signed(marker.cast_signed().into()),
        };
        match item {
            Item::Array(len) => self.pending += u64::from(len),
            Item::Map(len) => self.pending += 2 * u64::from(len),
            _ => {}
        }
        self.take_one()?;
        Ok(item)
    }

    /// The next item if it is a string with a short header, as almost all are: like [`item`](Self::item), without
    /// the other kinds.
    #[inline]
    pub(crate) fn short_str(&mut self) -> Result<Option<&'de str>, Fault> {
        let (len, header) = match self.rest {
            [marker @ 0xa0..=0xbf, ..] => (usize::from(marker & 0x1f), 1),
            [0xd9, len, ..] => (usize::from(*len), 2),
            _ => return Ok(None),
        };
        let Some((bytes, rest)) = self.rest[header..].split_at_checked(len) else {
            return Ok(None);
        };
        let Ok(text) = str::from_utf8(bytes) else { return Ok(None) };
        self.rest = rest;
        self.take_one()?;
        Ok(Some(text))
    }

    /// The next item if it is one of these names, in the same way.
    #[inline]
    pub(crate) fn short_name(
        &mut self,
        names: &'static [&'static str],
    ) -> Result<Option<&'static str>, Fault> {
        let [marker @ 0xa0..=0xbf, rest @ ..] = self.rest else { return Ok(None) };
        let Some((bytes, rest)) = rest.split_at_checked(usize::from(marker & 0x1f)) else {
            return Ok(None);
        };
        let Some(name) = names.iter().find(|name| name.as_bytes() == bytes) else {
            return Ok(None);
        };
        self.rest = rest;
        self.take_one()?;
        Ok(Some(name))
    }

    /// The next item if it is a float of 64 bits, in the same way.
    #[inline]
    pub(crate) fn short_f64(&mut self) -> Result<Option<f64>, Fault> {
        let [0xcb, rest @ ..] = self.rest else { return Ok(None) };
        let Some((bytes, rest)) = rest.split_first_chunk() else { return Ok(None) };
        self.rest = rest;
        self.take_one()?;
        Ok(Some(f64::from_be_bytes(*bytes)))
    }

    /// The next item if it is a boolean, in the same way.
    #[inline]
    pub(crate) fn short_bool(&mut self) -> Result<Option<bool>, Fault> {
        let [marker @ 0xc2..=0xc3, rest @ ..] = self.rest else { return Ok(None) };
        let value = *marker == 0xc3;
        self.rest = rest;
        self.take_one()?;
        Ok(Some(value))
    }

    /// The next item if it is an integer from 0 to 2^32 - 1, in the same way.
    #[inline]
    pub(crate) fn short_unsigned(&mut self) -> Result<Option<u64>, Fault> {
        let (number, rest) = match self.rest {
            [number @ 0..=0x7f, rest @ ..] | [0xcc, number, rest @ ..] => {
                (u64::from(*number), rest)
            }
            [0xcd, a, b, rest @ ..] => (u16::from_be_bytes([*a, *b]).into(), rest),
            [0xce, a, b, c, d, rest @ ..] => (u32::from_be_bytes([*a, *b, *c, *d]).into(), rest),
            _ => return Ok(None),
        };
        self.rest = rest;
        self.take_one()?;
        Ok(Some(number))
    }

    /// The number of items of the next item if it is an array or a map with a header of one byte, in the same way.
    #[inline]
    pub(crate) fn short_collection(&mut self, kind: u8) -> Result<Option<u32>, Fault> {
        match self.rest {
            [marker, rest @ ..] if marker & 0xf0 == kind => {
                let len = u32::from(marker & 0x0f);
                self.rest = rest;
                let items = if kind == SHORT_MAP { 2 * len } else { len };
                self.pending += u64::from(items);
                self.take_one()?;
                Ok(Some(len))
            }
            _ => Ok(None),
        }
    }

    /// After an item was read: the remaining items must still have their bytes.
    #[inline]
    fn take_one(&mut self) -> Result<(), Fault> {
        self.pending -= 1;
        if self.pending > self.rest.len() as u64 {
            return Err(overclaimed());
        }
        Ok(())
    }

    /// Skips the next item with its content; `depth` collections are open around it.
    pub(crate) fn skip(&mut self, depth: usize) -> Result<(), Fault> {
        let mut open = [0_u64; MAX_DEPTH];
        let mut level = depth;
        loop {
            let items = match self.item()? {
                Item::Array(len) => Some(u64::from(len)),
                Item::Map(len) => Some(2 * u64::from(len)),
                _ => None,
            };
            if let Some(items) = items {
                *open.get_mut(level).ok_or_else(too_deep)? = items;
                level += 1;
            }
            while level > depth && open[level - 1] == 0 {
                level -= 1;
            }
            if level == depth {
                return Ok(());
            }
            open[level - 1] -= 1;
        }
    }
}
