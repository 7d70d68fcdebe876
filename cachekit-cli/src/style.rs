//! Whether results and failures are for people or for programs.

use crate::escape::escape_json;
use serde_json::Value;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// JSON in one line.
pub(crate) fn line(value: &Value) -> Vec<u8> {
    format!("{}\n", escape_json(&value.to_string())).into_bytes()
}
