//! Dates and times, as every language of the ecosystem has them: to the microsecond, years 1 to 9999.
//!
//! Three public types, for programs without a date crate and for [`Value`](super::Value). Each of them
//! serializes as its sentinel map, to JSON and other formats too.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::{Error, ErrorKind};

mod calendar;
mod serde;
mod text;

pub(super) use text::{Text, for_crates};

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    pub(super) year: u16,
    pub(super) month: u8,
    pub(super) day: u8,
}

/// A time of day, with nanoseconds; it is written with microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    pub(super) hour: u8,
    pub(super) minute: u8,
    /// 60 in a leap second, which is read but never written, and is no argument.
    pub(super) second: u8,
    pub(super) nano: u32,
}

/// A date and a time, with its offset from UTC (an instant) or without (naive).
///
/// Among arguments only an instant is allowed, and counts as its seconds since 1970. In a value both are
/// allowed.
///
/// # Example
///
/// ```
/// use cachekit::interop::{self, DateTime};
///
/// let noon: DateTime = "2024-01-01T12:00:00+00:00".parse()?;
/// let same: DateTime = "2024-01-01T13:00:00+01:00".parse()?;
/// assert_eq!(
///     interop::key("events", "since", &(noon,))?,
///     interop::key("events", "since", &(same,))?
/// );
/// # Ok::<_, interop::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    pub(super) date: Date,
    pub(super) time: Time,
    /// Seconds east of UTC.
    pub(super) offset: Option<i32>,
}

/// Any of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Temporal {
    DateTime(DateTime),
    Date(Date),
    Time(Time),
}

const SECONDS_PER_DAY: i64 = 86_400;

impl DateTime {
    /// The instant this many microseconds after 1970-01-01T00:00:00Z, in UTC.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Range`] outside the years 1 to 9999.
    pub fn from_unix_micros(micros: i64) -> Result<Self, Error> {
        let seconds = micros.div_euclid(1_000_000);
        let micro = micros.rem_euclid(1_000_000);
        let nano = u32::try_from(micro * 1000).map_err(|_| out_of_range())?;
        Self::from_unix(seconds, nano, Some(0))
    }

    /// Microseconds since 1970-01-01T00:00:00Z, rounded down; `None` for a naive date.
    pub fn unix_micros(&self) -> Option<i64> {
        let offset = i64::from(self.offset?);
        let days = calendar::days(self.date);
        let seconds = days * SECONDS_PER_DAY + self.time.seconds() - offset;
        Some(seconds * 1_000_000 + i64::from(self.time.nano / 1000))
    }

    /// Whether it has an offset from UTC, so that it is an instant.
    pub fn is_aware(&self) -> bool {
        self.offset.is_some()
    }

    /// From seconds since the epoch, in local time at this offset.
    fn from_unix(seconds: i64, nano: u32, offset: Option<i32>) -> Result<Self, Error> {
        let date = calendar::date(seconds.div_euclid(SECONDS_PER_DAY)).ok_or_else(out_of_range)?;
        let second =
            u32::try_from(seconds.rem_euclid(SECONDS_PER_DAY)).map_err(|_| out_of_range())?;
        let part = |number: u32| u8::try_from(number).map_err(|_| out_of_range());
        let time = Time {
            hour: part(second / 3600)?,
            minute: part(second / 60 % 60)?,
            second: part(second % 60)?,
            nano,
        };
        Ok(Self { date, time, offset })
    }

    /// The same fields, interpreted as UTC.
    pub(super) fn in_utc(mut self) -> Self {
        self.offset = Some(0);
        self
    }

    pub(super) fn without_offset(mut self) -> Self {
        self.offset = None;
        self
    }

    /// The same instant in UTC; `None` for a naive date, and at the ends of the calendar.
    pub(super) fn to_utc(self) -> Option<Self> {
        let offset = i64::from(self.offset?);
        let seconds = calendar::days(self.date) * SECONDS_PER_DAY + self.time.seconds() - offset;
        Self::from_unix(seconds, self.time.nano, Some(0)).ok()
    }
}

impl Time {
    fn seconds(self) -> i64 {
        i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second)
    }
}

impl Temporal {
    /// No other language has one.
    pub(super) fn is_leap_second(&self) -> bool {
        match self {
            Self::DateTime(DateTime { time, .. }) | Self::Time(time) => time.second == 60,
            Self::Date(_) => false,
        }
    }

    pub(super) fn unix_micros(&self) -> Option<i64> {
        match self {
            Self::DateTime(date) => date.unix_micros(),
            Self::Date(_) | Self::Time(_) => None,
        }
    }
}

fn out_of_range() -> Error {
    Error::new(ErrorKind::Range, "dates have years from 1 to 9999")
}

impl TryFrom<SystemTime> for DateTime {
    type Error = Error;

    /// Rounds down to the microsecond, even before 1970.
    fn try_from(time: SystemTime) -> Result<Self, Error> {
        let nanos = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i128::try_from(after.as_nanos()).ok(),
            Err(before) => i128::try_from(before.duration().as_nanos()).ok().map(|nanos| -nanos),
        };
        let micros = nanos.and_then(|nanos| i64::try_from(nanos.div_euclid(1000)).ok());
        Self::from_unix_micros(micros.ok_or_else(out_of_range)?)
    }
}

macro_rules! text {
    ($($type:ident: $what:literal)*) => {$(
        impl fmt::Display for $type {
            /// ISO 8601, like Python's `isoformat`, with microseconds if they are not zero.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = Text::new();
                Temporal::$type(*self).write(&mut text)?;
                f.write_str(text.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                match Temporal::parse(text) {
                    Some(Temporal::$type(date)) => Ok(date),
                    _ => Err(Error::new(ErrorKind::Range, $what)),
                }
            }
        }
    )*};
}

text! {
    DateTime: "a date and time of ISO 8601 is `2024-01-01T12:00:00+00:00`, in the years 1 to 9999"
    Date: "a date of ISO 8601 is `2024-01-01`, in the years 1 to 9999"
    Time: "a time of ISO 8601 is `12:00:00`"
}
