//! Values as JSON, for tools and humans.
//!
//! Values that JSON cannot express are maps with one key, as in the ecosystem's own test vectors: `$bytes` (hex),
//! `$set`, `$datetime`, `$date`, `$time`, `$uuid`, `$int` and `$float` (string). If the only key of a map begins with
//! `$`, it gets one more `$`, so that the map is not mistaken for a tag.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Map, Number, Value as Json};

use super::Value;
use crate::interop::error::{Error, ErrorKind};

impl Value {
    /// Reads JSON.
    ///
    /// An integer stays an integer, including `-0`; a number with a fraction or an exponent is a float.
    /// `{"$bytes": "c0ffee"}`, `{"$set": […]}`, `{"$datetime": "2024-01-01T00:00:00+00:00"}`, `{"$date": …}`,
    /// `{"$time": …}`, `{"$uuid": …}`, `{"$int": "…"}` and `{"$float": "…"}` stand for values that JSON cannot express.
    /// `{"$$x": …}` is the map with the one key `$x`. If a map has a key twice, the last one counts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] for text that is not JSON or a tag with other content, and
    /// [`ErrorKind::Range`] for an integer outside -2^63 to 2^64 - 1.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let (normal, checked) = integers(text);
        let json = serde_json::from_str(&normal)
            .map_err(|_| Error::new(ErrorKind::Malformed, "the text is not JSON"))?;
        checked?;
        from_json(json)
    }

    /// Writes JSON in one line, which [`from_json`](Self::from_json) reads back, except maps with keys
    /// that are not strings and extension types.
    pub fn to_json(&self) -> String {
        to_json(self).to_string()
    }
}

/// Some integers would silently become floats: those out of range, which are an error, and `-0`, which is 0.
fn integers(text: &str) -> (Cow<'_, str>, Result<(), Error>) {
    let (mut rest, mut in_string) = (text.as_bytes(), false);
    let (mut normal, mut copied, mut checked) = (String::new(), 0, Ok(()));
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'\\' if in_string => rest = rest.get(1..).unwrap_or_default(),
            b'"' => in_string = !in_string,
            b'-' | b'0'..=b'9' if !in_string => {
                let is_part =
                    |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
                let len = rest.iter().take_while(|byte| is_part(byte)).count();
                let start = text.len() - rest.len() - 1;
                let number = &text[start..][..=len];
                rest = &rest[len..];
                if number == "-0" {
                    normal.push_str(&text[copied..start]);
                    copied = start + 1;
                } else if !number.contains(['.', 'e', 'E']) {
                    checked = checked.and(integer(number).map(drop));
                }
            }
            _ => {}
        }
    }
    if copied == 0 {
        return (text.into(), checked);
    }
    normal.push_str(&text[copied..]);
    (normal.into(), checked)
}

fn integer(text: &str) -> Result<i128, Error> {
    let number = text.parse::<i128>().ok();
    let in_range = |number: &i128| (i64::MIN.into()..=u64::MAX.into()).contains(number);
    number
        .filter(in_range)
        .ok_or_else(|| Error::new(ErrorKind::Range, "integers go from -2^63 to 2^64 - 1"))
}

fn from_json(json: Json) -> Result<Value, Error> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::String(value) => Value::Str(value),
        Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => number.into(),
            (_, Some(number), _) => number.into(),
            (.., Some(number)) => number.into(),
            _ => return Err(Error::new(ErrorKind::Range, "a number does not fit 64 bits")),
        },
        Json::Array(items) => Value::Array(list(items)?),
        Json::Object(map) => {
            if let Some(tagged) = tagged(&map)? {
                return Ok(tagged);
            }
            let escaped = map.len() == 1;
            let entries = map.into_iter().map(|(mut key, value)| {
                if escaped && key.starts_with("$$") {
                    key.remove(0);
                }
                Ok((key, from_json(value)?))
            });
            Value::Map(entries.collect::<Result<_, Error>>()?)
        }
    })
}

fn list(items: Vec<Json>) -> Result<Vec<Value>, Error> {
    items.into_iter().map(from_json).collect()
}

fn tagged(map: &Map<String, Json>) -> Result<Option<Value>, Error> {
    let mut entries = map.iter();
    let (Some((tag, content)), None) = (entries.next(), entries.next()) else { return Ok(None) };
    let wrong = || Error::new(ErrorKind::Malformed, "a tag of JSON (`$…`) has another content");
    if tag == "$set" {
        let items = content.as_array().ok_or_else(wrong)?;
        return Ok(Some(Value::Set(list(items.clone())?)));
    }
    let text = || content.as_str().ok_or_else(wrong);
    Ok(Some(match tag.as_str() {
        "$bytes" => Value::Bytes(unhex(text()?).ok_or_else(wrong)?),
        "$datetime" => Value::DateTime(text()?.parse()?),
        "$date" => Value::Date(text()?.parse()?),
        "$time" => Value::Time(text()?.parse()?),
        "$uuid" => Value::Str(uuid(text()?).ok_or_else(wrong)?),
        "$int" => Value::Int(integer(text()?)?),
        "$float" => Value::Float(text()?.parse().map_err(|_| wrong())?),
        _ => return Ok(None),
    }))
}

/// In lower case with hyphens, as every language hashes it.
fn uuid(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = groups.iter().map(|group| group.len());
    let is_uuid = lengths.eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_uuid.then(|| text.to_ascii_lowercase())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
    pairs.map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a `String` takes all that is written");
        text
    })
}

fn tag(tag: &str, content: impl Into<Json>) -> Json {
    Json::Object(Map::from_iter([(tag.to_owned(), content.into())]))
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => {
            Number::from_i128(*value).map_or_else(|| tag("$int", value.to_string()), Json::Number)
        }
        Value::Float(value) => {
            Number::from_f64(*value).map_or_else(|| tag("$float", value.to_string()), Json::Number)
        }
        Value::Str(value) => value.as_str().into(),
        Value::Bytes(value) => tag("$bytes", hex(value)),
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Map(map) => {
            let escape = |key: &String| map.len() == 1 && key.starts_with('$');
            let written = |key| if escape(key) { format!("${key}") } else { key.clone() };
            map.iter().map(|(key, value)| (written(key), to_json(value))).collect()
        }
        Value::Set(items) => tag("$set", items.iter().map(to_json).collect::<Json>()),
        Value::DateTime(date) => tag("$datetime", date.to_string()),
        Value::Date(date) => tag("$date", date.to_string()),
        Value::Time(time) => tag("$time", time.to_string()),
        Value::Pairs(pairs) => {
            let pair =
                |(key, value): &(Value, Value)| Json::from(vec![to_json(key), to_json(value)]);
            tag("$pairs", pairs.iter().map(pair).collect::<Json>())
        }
        Value::Extension(number, bytes) => {
            tag("$extension", vec![Json::from(*number), hex(bytes).into()])
        }
    }
}
