//! Dates: our own, and those that were recognized.

use super::recognize::{Origin, Zone};
use super::serializer::Encoder;
use super::write::{self, Profile};
use crate::interop::error::{ErrorKind, Fault};
use crate::interop::temporal::Temporal;

impl Encoder<'_> {
    /// A date, by the rule of the profile.
    pub(super) fn temporal(&mut self, date: Temporal) -> Result<(), Fault> {
        if date.is_leap_second() {
            // As an instant it would be the second after it.
            return Err(Fault::new(ErrorKind::Range, "other languages have no leap seconds"));
        }
        match self.profile {
            Profile::Arguments | Profile::Marked => {
                let micros = date.unix_micros().ok_or_else(|| {
                    Fault::new(
                        ErrorKind::OutsideModel,
                        "among arguments a date has a time and an offset: the others are no instants",
                    )
                })?;
                self.has_dates = true;
                if self.profile == Profile::Marked {
                    write::mark(&mut self.out);
                }
                // First rounded to a float, then divided once: every language does just that.
                #[allow(clippy::cast_precision_loss)]
                let seconds = micros as f64 / 1e6;
                write::float(&mut self.out, seconds, self.profile)
            }
            Profile::Value | Profile::Whole => {
                self.descend()?;
                let text = date.iso();
                write::sentinel(&mut self.out, date.tag(), text.as_str())?;
                self.ascend(1);
                Ok(())
            }
        }
    }

    /// What a type displays that comes from a crate of dates.
    pub(super) fn displayed_date(&mut self, origin: Origin, text: &str) -> Result<(), Fault> {
        let is_on = match origin {
            Origin::Chrono => cfg!(feature = "chrono"),
            Origin::Jiff => cfg!(feature = "jiff"),
            Origin::Other => false,
        };
        if !is_on {
            return Err(Fault::new(
                ErrorKind::OutsideModel,
                "a date of chrono or jiff: turn on cachekit's feature of that name",
            ));
        }
        if self.profile == Profile::Whole {
            return write::string(&mut self.out, text);
        }
        // A `Zoned` of jiff has the name of its zone in brackets.
        let (instant, zone) = text.split_once('[').unwrap_or((text, ""));
        if !zone.is_empty() && self.profile == Profile::Value {
            return Err(Fault::new(
                ErrorKind::OutsideModel,
                "other languages cannot read the name of a time zone: use a `Timestamp` in place of a `Zoned`",
            ));
        }
        let date = Temporal::parse(instant).ok_or_else(|| {
            Fault::new(ErrorKind::Range, "other languages have dates in the years 1 to 9999")
        })?;
        self.temporal(date)
    }

    /// The text of a type that has two forms. The crate `time` writes its dates like this, in a form of its own.
    #[cold]
    pub(super) fn text_of_two_forms(&mut self, text: &str) -> Result<(), Fault> {
        let Some(date) = Temporal::parse_spaced(text) else {
            if self.zone == Zone::Unknown {
                return write::string(&mut self.out, text);
            }
            return Err(Fault::new(
                ErrorKind::Range,
                "other languages have dates in the years 1 to 9999",
            ));
        };
        if cfg!(not(feature = "time")) {
            return Err(Fault::new(
                ErrorKind::OutsideModel,
                "a date of the crate `time`: turn on cachekit's feature of that name",
            ));
        }
        if self.profile == Profile::Whole {
            return write::string(&mut self.out, text);
        }
        let date = match (date, self.zone) {
            (Temporal::DateTime(date), Zone::Utc) => Temporal::DateTime(date.in_utc()),
            (Temporal::DateTime(date), Zone::Unknown) if !date.is_aware() => {
                return Err(Fault::new(
                    ErrorKind::OutsideModel,
                    "a `UtcDateTime` or a `PrimitiveDateTime` in a wrapper: nothing tells which; use an `OffsetDateTime`",
                ));
            }
            (date, _) => date,
        };
        self.temporal(date)
    }
}
