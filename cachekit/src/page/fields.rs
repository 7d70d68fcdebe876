//! The body of a request: a JSON object of strings, without unknown fields.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// The fields of an object, as they were written.
struct Written(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
                let mut written = Vec::new();
                while let Some(field) = map.next_entry()? {
                    written.push(field);
                }
                Ok(Written(written))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// The fields with these names. An empty body is an object without fields. Anything that is not an object of strings,
/// an unknown field, and a duplicate field are mistakes, and change nothing.
pub(super) fn fields<const N: usize>(
    body: &[u8],
    names: [&'static str; N],
) -> Result<[Option<String>; N], String> {
    let mut found = [const { None }; N];
    if body.is_empty() {
        return Ok(found);
    }
    let Ok(Written(written)) = serde_json::from_slice(body) else {
        return Err("the body is not a JSON object whose values are strings".to_owned());
    };
    for (name, value) in written {
        let at = names.iter().position(|known| *known == name);
        let Some(place) = at.and_then(|at| found.get_mut(at)) else {
            return Err(format!("the body has a field besides: {}", names.join(", ")));
        };
        if place.replace(value).is_some() {
            return Err("the body has a field twice".to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<[Option<String>; 2]> {
        fields(body.as_bytes(), ["cache", "argument"]).ok()
    }

    #[test]
    fn only_what_was_asked_for_is_read() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(read(""), Some([None, None]));
        assert_eq!(read("{}"), Some([None, None]));
        assert_eq!(read(r#"{"cache": "a"}"#), Some([text("a"), None]));
        assert_eq!(read(r#"{"argument": "", "cache": "a"}"#), Some([text("a"), text("")]));
        for wrong in [
            "null",
            "5",
            "\"a\"",
            "[]",
            "[\"a\"]",
            "{",
            "{} {}",
            r#"{"cache": 5}"#,
            r#"{"cache": null}"#,
            r#"{"cache": ["a"]}"#,
            r#"{"cache": {"a": "b"}}"#,
            r#"{"caches": "a"}"#,
            r#"{"Cache": "a"}"#,
            r#"{"cache": "a", "cache": "b"}"#,
            r#"{"cache": "a", "more": "b"}"#,
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
