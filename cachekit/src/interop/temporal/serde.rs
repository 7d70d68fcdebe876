//! Our dates in serde's data model: structs with the sentinel's fields.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::{Date, DateTime, Temporal, Text, Time};
use crate::interop::names;

macro_rules! sentinel {
    ($($type:ident $name:ident $tag:ident;)*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let date = Temporal::$type(*self);
                let mut text = Text::new();
                date.write(&mut text).map_err(serde::ser::Error::custom)?;
                let mut map = serializer.serialize_struct(names::$name, 2)?;
                map.serialize_field(names::$tag, &true)?;
                map.serialize_field(names::VALUE, text.as_str())?;
                map.end()
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match deserializer.deserialize_map(SentinelVisitor(names::$tag))? {
                    Temporal::$type(date) => Ok(date),
                    _ => Err(de::Error::custom("another kind of date than the tag says")),
                }
            }
        }
    )*};
}

sentinel! {
    DateTime DATE_TIME DATE_TIME_TAG;
    Date DATE DATE_TAG;
    Time TIME TIME_TAG;
}

/// A map of the tag, which is true, and the text.
struct SentinelVisitor(&'static str);

impl<'de> Visitor<'de> for SentinelVisitor {
    type Value = Temporal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a map of {} and a text", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Temporal, A::Error> {
        let (mut is_tagged, mut date) = (false, None);
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                is_tagged = map.next_value()?;
            } else if key == names::VALUE {
                date = Temporal::parse(&map.next_value::<String>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
                return Err(de::Error::custom("more than a tag and a text"));
            }
        }
        date.filter(|_| is_tagged).ok_or_else(|| de::Error::custom("no tagged date"))
    }
}
