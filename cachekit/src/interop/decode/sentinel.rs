//! Dates in documents, for the types of the date crates.
//!
//! Such a type asks for a text, and the type that its visitor produces says which one it is, even behind references,
//! boxes and newtypes.

use std::fmt::Write as _;

use serde::de::value::{BoolDeserializer, BorrowedStrDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, MapAccess};

use super::reader::{Item, Reader, too_deep};
use crate::interop::error::{ErrorKind, Fault};
use crate::interop::temporal::{DateTime, Temporal, Text, for_crates};
use crate::interop::{MAX_DEPTH, names};

/// What the type represents.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Instant,
    /// Read in UTC, and written without an offset.
    UtcInstant,
    /// With the name of its zone, which is in no document but those of keys.
    ZonedInstant,
    Naive,
    Date,
    Time,
}

/// How the type's crate reads its text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Iso,
    Spaced,
}

/// The kind of date that a type wants.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    kind: Kind,
    form: Form,
}

impl Wanted {
    #[inline]
    #[allow(unused_variables, unused_mut)]
    pub(super) fn of<T>() -> Option<Self> {
        let id = typeid::of::<T>();
        let of = |types: [(std::any::TypeId, Kind); 4], form| {
            let found = types.into_iter().find(|(known, _)| *known == id);
            found.map(|(_, kind)| Self { kind, form })
        };
        let mut found = None;
        #[cfg(feature = "chrono")]
        {
            let types = [
                (typeid::of::<chrono::DateTime<chrono::FixedOffset>>(), Kind::Instant),
                (typeid::of::<chrono::NaiveDateTime>(), Kind::Naive),
                (typeid::of::<chrono::NaiveDate>(), Kind::Date),
                (typeid::of::<chrono::NaiveTime>(), Kind::Time),
            ];
            found = found.or_else(|| of(types, Form::Iso));
        }
        #[cfg(feature = "jiff")]
        {
            let types = [
                (typeid::of::<jiff::Timestamp>(), Kind::Instant),
                (typeid::of::<jiff::civil::DateTime>(), Kind::Naive),
                (typeid::of::<jiff::civil::Date>(), Kind::Date),
                (typeid::of::<jiff::civil::Time>(), Kind::Time),
            ];
            found = found.or_else(|| of(types, Form::Iso));
            if id == typeid::of::<jiff::Zoned>() {
                found = Some(Self { kind: Kind::ZonedInstant, form: Form::Iso });
            }
        }
        #[cfg(feature = "time")]
        {
            let types = [
                (typeid::of::<time::OffsetDateTime>(), Kind::Instant),
                (typeid::of::<time::PrimitiveDateTime>(), Kind::Naive),
                (typeid::of::<time::Date>(), Kind::Date),
                (typeid::of::<time::Time>(), Kind::Time),
            ];
            found = found.or_else(|| of(types, Form::Spaced));
            if id == typeid::of::<time::UtcDateTime>() {
                found = Some(Self { kind: Kind::UtcInstant, form: Form::Spaced });
            }
        }
        found
    }

    /// Whether the type reads the dates of values.
    pub(super) fn is_in_values(self) -> bool {
        self.kind != Kind::ZonedInstant
    }

    /// The text that the type reads.
    pub(super) fn text(self, date: Temporal) -> Result<Text, Fault> {
        let fitting = match (self.kind, date) {
            (Kind::Instant | Kind::ZonedInstant, Temporal::DateTime(date)) if date.is_aware() => {
                // chrono and jiff do not read the seconds of an offset.
                let has_seconds = date.offset.is_some_and(|offset| offset % 60 != 0);
                if has_seconds && self.form == Form::Iso { date.to_utc() } else { Some(date) }
                    .map(Temporal::DateTime)
            }
            (Kind::UtcInstant, Temporal::DateTime(date)) => {
                date.to_utc().map(|date| Temporal::DateTime(date.without_offset()))
            }
            (Kind::Naive, Temporal::DateTime(date)) => {
                (!date.is_aware()).then_some(Temporal::DateTime(date))
            }
            (Kind::Date, Temporal::Date(_)) | (Kind::Time, Temporal::Time(_)) => Some(date),
            _ => None,
        };
        let date = fitting.ok_or_else(|| {
            Fault::new(ErrorKind::Mismatch, "the document has another kind of date than the type")
        })?;
        let mut text = Text::new();
        match self.form {
            Form::Iso => for_crates::iso(&mut text, date),
            Form::Spaced => for_crates::spaced(&mut text, date),
        }
        .expect("a text takes all that is written");
        if self.kind == Kind::ZonedInstant {
            // An offset in place of a name, for which a database of zones would be needed.
            text.write_str("[+00:00]").expect("a text takes all that is written");
        }
        Ok(text)
    }
}

/// The date at the start of the remaining text, and the text after it; `None` if it is something else.
pub(super) fn read(
    mut reader: Reader<'_>,
    depth: usize,
) -> Result<Option<(Temporal, Reader<'_>)>, Fault> {
    if !matches!(reader.item()?, Item::Map(2)) {
        return Ok(None);
    }
    if depth == MAX_DEPTH {
        return Err(too_deep());
    }
    let (mut tag, mut text) = (None, None);
    for _ in 0..2 {
        match (reader.item()?, reader.item()?) {
            (Item::Str(names::VALUE), Item::Str(value)) => text = Some(value),
            (Item::Str(name), Item::Bool(true)) => tag = Some(name),
            _ => return Ok(None),
        }
    }
    let date = text.and_then(Temporal::parse).filter(|date| tag == Some(date.tag()));
    match date {
        Some(date) => Ok(Some((date, reader))),
        None => Ok(None),
    }
}

/// The instant that a number at the start of the remaining bytes is in a key, and the bytes after it.
pub(super) fn read_number(mut reader: Reader<'_>) -> Option<(Temporal, Reader<'_>)> {
    // As the encoder has them: an integral float is written as an integer.
    #[allow(clippy::cast_precision_loss)]
    let seconds = match reader.item().ok()? {
        Item::Unsigned(number) => number as f64,
        Item::Signed(number) => number as f64,
        Item::F64(number) => number,
        _ => return None,
    };
    // The product is rounded once, so that the microsecond may be the one beside it.
    let micros = seconds * 1e6;
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let micros = [micros, micros.next_down(), micros.next_up()]
        .map(|micros| micros.round() as i64)
        .into_iter()
        .find(|micros| (*micros as f64 / 1e6).to_bits() == seconds.to_bits())?;
    let date = DateTime::from_unix_micros(micros).ok()?;
    Some((Temporal::DateTime(date), reader))
}

/// The fields of a sentinel, for our own types, which read a map.
pub(super) struct Fields {
    date: Temporal,
    read: u8,
}

impl Fields {
    pub(super) fn of(date: Temporal) -> Self {
        Self { date, read: 0 }
    }
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let name = match self.read {
            0 => self.date.tag(),
            1 => names::VALUE,
            _ => return Ok(None),
        };
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        self.read += 1;
        if self.read == 1 {
            seed.deserialize(BoolDeserializer::new(true))
        } else {
            seed.deserialize(StrDeserializer::new(self.date.iso().as_str()))
        }
    }
}
