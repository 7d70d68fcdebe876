//! Keys and values that all languages share: `cachekit key`, and `--interop` of `get` and `set`.

use crate::arguments::Key;
use crate::escape::escape_json;
use crate::failure::Failure;
use crate::output::{Style, print, print_json};
use cachekit::interop::{self, Value};
use serde_json::json;

/// `cachekit key`.
pub(crate) fn key(options: &Key, style: Style) -> Result<(), Failure> {
    let wrong = |error: interop::Error| Failure::usage(error.to_string());
    let Value::Array(arguments) = Value::from_json(&options.arguments).map_err(wrong)? else {
        return Err(Failure::usage(
            "the arguments are a JSON array, one item for each parameter: '[42, {\"a\": 1}]'",
        ));
    };
    let key = interop::key(&options.namespace, &options.operation, &arguments).map_err(wrong)?;
    match style {
        Style::Json => print_json(&json!({ "key": key.as_str() })),
        Style::Text => print(format!("{}\n", key.as_str()).as_bytes()),
    }
}

/// A stored document as JSON.
pub(crate) fn to_json(document: &[u8]) -> Result<Vec<u8>, Failure> {
    let value = interop::decode_value::<Value>(document);
    // The message says what is wrong without showing the value.
    let value = value.map_err(|error| {
        Failure::refused(format!("this is not an entry that all languages share: {error}"))
    })?;
    Ok(format!("{}\n", escape_json(&value.to_json())).into_bytes())
}

/// The document for a JSON text.
pub(crate) fn from_json(text: &[u8]) -> Result<Vec<u8>, Failure> {
    let text = std::str::from_utf8(text)
        .map_err(|_| Failure::usage("the value is no JSON: it is not UTF-8"))?;
    let value = Value::from_json(text).map_err(|error| Failure::usage(error.to_string()))?;
    interop::encode_value(&value).map_err(|error| Failure::usage(error.to_string()))
}
