//! Dates in documents, for the types of the crates for dates.
//!
//! Such a type asks for a text, and the type that its visitor makes says which one it is: behind references, boxes and
//! newtypes, too.

use super::reader::{Item, Reader, too_deep};
use crate::interop::error::{ErrorKind, Fault};
use crate::interop::temporal::{Temporal, Text, for_crates};
use crate::interop::{MAX_DEPTH, names};

/// What the type stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Instant,
    /// Read in UTC, and written without an offset.
    UtcInstant,
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

/// The date that a type wants to be made of.
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

    /// The text that the type reads.
    pub(super) fn text(self, date: Temporal) -> Result<Text, Fault> {
        let fitting = match (self.kind, date) {
            (Kind::Instant, Temporal::DateTime(date)) if date.is_aware() => {
                // chrono and jiff read no seconds of an offset.
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
        Ok(text)
    }
}

/// The date at the start of what is left, and what follows it; `None` if it is something else.
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
