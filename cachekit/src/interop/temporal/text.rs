//! The texts of dates: ISO 8601 as the languages of the ecosystem write it, and the texts that we accept.

use std::fmt::{self, Write};

use smallvec::SmallVec;

use super::calendar::days_in_month;
use super::{Date, DateTime, Temporal, Time};
use crate::interop::names;

/// A short text on the stack.
pub(in crate::interop) struct Text(SmallVec<[u8; 96]>);

impl Text {
    pub(in crate::interop) fn new() -> Self {
        Self(SmallVec::new())
    }

    pub(in crate::interop) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("only whole strings were written")
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Reads a text from its start.
struct Scanner<'a>(&'a [u8]);

impl Scanner<'_> {
    fn eat(&mut self, byte: u8) -> Option<()> {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                Some(())
            }
            _ => None,
        }
    }

    /// Exactly this many digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        let mut sum = 0;
        for digit in number {
            sum = sum * 10 + u32::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
        self.0 = rest;
        Some(sum)
    }

    fn two(&mut self, most: u8) -> Option<u8> {
        u8::try_from(self.number(2)?).ok().filter(|number| *number <= most)
    }

    fn is_at_time(&self) -> bool {
        self.0.get(2) == Some(&b':')
    }

    fn date(&mut self) -> Option<Date> {
        let year = u16::try_from(self.number(4)?).ok().filter(|year| *year >= 1)?;
        self.eat(b'-')?;
        let month = self.two(12).filter(|month| *month >= 1)?;
        self.eat(b'-')?;
        let day = self.two(days_in_month(year, month)).filter(|day| *day >= 1)?;
        Some(Date { year, month, day })
    }

    fn time(&mut self) -> Option<Time> {
        let hour = self.two(23)?;
        self.eat(b':')?;
        let minute = self.two(59)?;
        self.eat(b':')?;
        let second = self.two(60)?;
        let mut nano = 0;
        if self.eat(b'.').is_some() {
            let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let kept = digits.min(9);
            nano = self.number((1..=9).contains(&kept).then_some(kept)?)?;
            nano *= 10_u32.pow(9 - u32::try_from(kept).ok()?);
            self.0 = &self.0[digits - kept..];
        }
        Some(Time { hour, minute, second, nano })
    }

    /// `Z`, or hours, minutes and perhaps seconds. `Some(None)` if no offset begins here.
    #[allow(clippy::option_option)]
    fn offset(&mut self) -> Option<Option<i32>> {
        let sign = match self.0.first() {
            Some(b'Z' | b'z') => {
                self.0 = &self.0[1..];
                return Some(Some(0));
            }
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Some(None),
        };
        self.0 = &self.0[1..];
        let hours = i32::from(self.two(23)?);
        self.eat(b':')?;
        let minutes = i32::from(self.two(59)?);
        let seconds = if self.eat(b':').is_some() { i32::from(self.two(59)?) } else { 0 };
        Some(Some(sign * (hours * 3600 + minutes * 60 + seconds)))
    }
}

impl Temporal {
    /// Reads a date and time, a date, or a time of ISO 8601.
    pub(in crate::interop) fn parse(text: &str) -> Option<Self> {
        let mut scanner = Scanner(text.as_bytes());
        let date = if scanner.is_at_time() {
            let time = scanner.time()?;
            // A time may be marked as UTC.
            let _ = scanner.eat(b'Z').or_else(|| scanner.eat(b'z'));
            Self::Time(time)
        } else {
            let date = scanner.date()?;
            if scanner.0.is_empty() {
                Self::Date(date)
            } else {
                scanner.eat(b'T').or_else(|| scanner.eat(b' '))?;
                let time = scanner.time()?;
                Self::DateTime(DateTime { date, time, offset: scanner.offset()? })
            }
        };
        scanner.0.is_empty().then_some(date)
    }

    /// Reads what the crate `time` writes: a space between the parts, a fraction after every time, and seconds
    /// in every offset. Nothing else is accepted as a date.
    pub(in crate::interop) fn parse_spaced(text: &str) -> Option<Self> {
        let mut scanner = Scanner(text.as_bytes());
        let date = if scanner.is_at_time() {
            Self::Time(scanner.time()?)
        } else {
            let date = scanner.date()?;
            if scanner.0.is_empty() {
                return Some(Self::Date(date));
            }
            scanner.eat(b' ')?;
            let time = scanner.time()?;
            let mut offset = None;
            if scanner.eat(b' ').is_some() {
                let written = scanner.0.len();
                offset = Some(scanner.offset()??);
                (written - scanner.0.len() == "+00:00:00".len()).then_some(())?;
            }
            Self::DateTime(DateTime { date, time, offset })
        };
        (scanner.0.is_empty() && text.contains('.')).then_some(date)
    }

    pub(in crate::interop) fn tag(&self) -> &'static str {
        match self {
            Self::DateTime(_) => names::DATE_TIME_TAG,
            Self::Date(_) => names::DATE_TAG,
            Self::Time(_) => names::TIME_TAG,
        }
    }

    /// The text of a sentinel.
    pub(in crate::interop) fn iso(&self) -> Text {
        let mut text = Text::new();
        self.write(&mut text).expect("a text takes all that is written");
        text
    }

    /// Like Python's `isoformat`: six digits of the second or none.
    pub(super) fn write(&self, out: &mut Text) -> fmt::Result {
        match self {
            Self::Date(date) => write_date(out, *date),
            Self::Time(time) => write_time(out, *time),
            Self::DateTime(DateTime { date, time, offset }) => {
                write_date(out, *date)?;
                out.write_str("T")?;
                write_time(out, *time)?;
                offset.map_or(Ok(()), |offset| write_offset(out, offset, false))
            }
        }
    }
}

fn write_date(out: &mut Text, Date { year, month, day }: Date) -> fmt::Result {
    write!(out, "{year:04}-{month:02}-{day:02}")
}

fn write_time(out: &mut Text, Time { hour, minute, second, nano }: Time) -> fmt::Result {
    write!(out, "{hour:02}:{minute:02}:{second:02}")?;
    match nano / 1000 {
        0 => Ok(()),
        micro => write!(out, ".{micro:06}"),
    }
}

fn write_offset(out: &mut Text, offset: i32, always_seconds: bool) -> fmt::Result {
    let sign = if offset < 0 { '-' } else { '+' };
    let (minutes, seconds) = (offset.abs() / 60, offset.abs() % 60);
    write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)?;
    if always_seconds || seconds != 0 { write!(out, ":{seconds:02}") } else { Ok(()) }
}

/// The text from which a type of a date crate is built, with all nine digits.
pub(in crate::interop) mod for_crates {
    use super::{Date, DateTime, Temporal, Text, Time, Write, write_date, write_offset};
    use std::fmt;

    fn nanos(out: &mut Text, time: Time) -> fmt::Result {
        let Time { hour, minute, second, nano } = time;
        write!(out, "{hour:02}:{minute:02}:{second:02}.{nano:09}")
    }

    /// As chrono and jiff read it.
    pub(in crate::interop) fn iso(out: &mut Text, date: Temporal) -> fmt::Result {
        write_all(out, date, "T", "", false)
    }

    /// As `time` reads it.
    pub(in crate::interop) fn spaced(out: &mut Text, date: Temporal) -> fmt::Result {
        write_all(out, date, " ", " ", true)
    }

    fn write_all(
        out: &mut Text,
        date: Temporal,
        between: &str,
        before_offset: &str,
        always_seconds: bool,
    ) -> fmt::Result {
        match date {
            Temporal::Date(date) => write_date(out, date),
            Temporal::Time(time) => nanos(out, time),
            Temporal::DateTime(DateTime { date, time, offset }) => {
                let date: Date = date;
                write_date(out, date)?;
                out.write_str(between)?;
                nanos(out, time)?;
                let Some(offset) = offset else { return Ok(()) };
                out.write_str(before_offset)?;
                write_offset(out, offset, always_seconds)
            }
        }
    }
}
