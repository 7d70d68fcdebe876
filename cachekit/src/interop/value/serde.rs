//! Values of the model in serde's data model.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::Value;
use crate::interop::names;
use crate::interop::set::Set;
use crate::interop::temporal::Temporal;

/// Bytes, which serde would otherwise treat as a list of numbers.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => {
                if let Ok(value) = u64::try_from(*value) {
                    serializer.serialize_u64(value)
                } else if let Ok(value) = i64::try_from(*value) {
                    serializer.serialize_i64(value)
                } else {
                    serializer.serialize_i128(*value)
                }
            }
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Str(value) => serializer.serialize_str(value),
            Self::Bytes(value) => serializer.serialize_bytes(value),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Map(map) => serializer.collect_map(map),
            Self::Set(items) => Set(items).serialize(serializer),
            Self::DateTime(date) => date.serialize(serializer),
            Self::Date(date) => date.serialize(serializer),
            Self::Time(time) => time.serialize(serializer),
            Self::Pairs(pairs) => {
                serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
            }
            Self::Extension(tag, bytes) => {
                serializer.serialize_newtype_struct(names::EXTENSION, &(tag, Bytes(bytes)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::bytes(value))
    }

    fn visit_byte_buf<E>(self, value: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry::<Value, Value>()? {
            pairs.push(pair);
        }
        if !pairs.iter().all(|(key, _)| matches!(key, Value::Str(_))) {
            return Ok(Value::Pairs(pairs));
        }
        let text = |(key, value)| match key {
            Value::Str(key) => Some((key, value)),
            _ => None,
        };
        let map: BTreeMap<String, Value> = pairs.into_iter().filter_map(text).collect();
        date(&map)
            .map(|date| date.unwrap_or(Value::Map(map)))
            .ok_or_else(|| de::Error::custom("the text of a tagged date is not a date"))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        let (tag, bytes) = <(Value, Value)>::deserialize(inner)?;
        match (tag, bytes) {
            (Value::Int(tag), Value::Bytes(bytes)) => {
                let tag = i8::try_from(tag).map_err(|_| de::Error::custom("no extension type"))?;
                Ok(Value::Extension(tag, bytes))
            }
            _ => Err(de::Error::custom("no extension type")),
        }
    }
}

/// The date that a map represents, if it is a sentinel; `None` if its text is not a date.
#[allow(clippy::option_option)]
fn date(map: &BTreeMap<String, Value>) -> Option<Option<Value>> {
    let (Some(Value::Str(text)), 2) = (map.get(names::VALUE), map.len()) else { return Some(None) };
    let tags = [names::DATE_TIME_TAG, names::DATE_TAG, names::TIME_TAG];
    let Some(tag) = tags.into_iter().find(|tag| map.get(*tag) == Some(&Value::Bool(true))) else {
        return Some(None);
    };
    let date = Temporal::parse(text).filter(|date| date.tag() == tag)?;
    Some(Some(match date {
        Temporal::DateTime(date) => Value::DateTime(date),
        Temporal::Date(date) => Value::Date(date),
        Temporal::Time(time) => Value::Time(time),
    }))
}
