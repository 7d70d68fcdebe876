//! The description of the API, as `OpenAPI` 3.1.
//!
//! It is a human-readable file, `openapi.json`; the server fills in its own settings at the start.

use crate::http::KeyRule;
use crate::limits::Limits;
use bytes::Bytes;
use serde_json::{Value, json};

const TEMPLATE: &str = include_str!("openapi.json");

/// The description of a server with these settings.
pub(crate) fn describe(limits: &Limits, rule: KeyRule) -> Bytes {
    let mut document: Value = serde_json::from_str(TEMPLATE).expect("a test reads it");
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    let schemas = &mut document["components"]["schemas"];
    schemas["Key"] = key(rule);
    schemas["Value"]["maxLength"] = limits.max_value_bytes.into();
    let mut text = serde_json::to_vec_pretty(&document).expect("it was JSON before");
    text.push(b'\n');
    text.into()
}

fn key(rule: KeyRule) -> Value {
    match rule {
        KeyRule::Strict => json!({
            "type": "string",
            "minLength": 1,
            "maxLength": 400,
            "description": "Letters, digits, `_`, `.`, `:` and `-`, without `..`, and not a word of the paths. In \
                `ns:{name}:…` and `nsapi:{name}:…` the name is 1 to 64 letters, digits, `_` and `-`.",
            "pattern": r"^\.?[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)*\.?$",
            "not": { "enum": ["health", "ttl", "lock"] },
            "anyOf": [
                { "not": { "pattern": "^ns(api)?:" } },
                { "pattern": "^ns(api)?:[A-Za-z0-9_-]{1,64}:." },
            ],
        }),
        KeyRule::Any => json!({
            "type": "string",
            "minLength": 1,
            "description": "Any text of up to 1,024 bytes of UTF-8, and not a word of the paths.",
            "not": { "enum": [".", "..", "health", "ttl", "lock"] },
        }),
    }
}

#[cfg(test)]
mod tests;
