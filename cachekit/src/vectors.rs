//! Published test vectors: files of `vectors/` here and in `cachekit-io`, read row by row.

use std::io::Write as _;

use serde_json::Value as Json;

pub(crate) const INTEROP: &str = include_str!("../../cachekit-io/vectors/interop-mode.json");
pub(crate) const BOUNDS: &str = include_str!("../vectors/decode-bounds.json");
pub(crate) const WIRE: &str = include_str!("../vectors/wire-format.json");
pub(crate) const PYTHON_FRAMES: &str = include_str!("../vectors/python-frame.json");

/// A list of a file.
pub(crate) fn rows(file: &str, list: &str) -> Vec<Json> {
    let document: Json = serde_json::from_str(file).unwrap();
    document[list].as_array().unwrap().clone()
}

/// A text of a row.
pub(crate) fn text<'a>(row: &'a Json, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{name} in {}", row["name"]))
}

/// Bytes of a row, which are in hex there.
pub(crate) fn bytes(row: &Json, name: &str) -> Vec<u8> {
    hex::decode(text(row, name)).unwrap()
}

/// Past the capture of the test harness: the run shows how many there were.
pub(crate) fn report(of: &str, what: &str, count: usize) {
    let _ = writeln!(std::io::stderr(), "{of}: {count} {what}");
}
