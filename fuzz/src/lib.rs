//! What the fuzz targets share.

use serde_json::Value;

/// Changes an entry as the input says, three bytes for a change: what, where, with what.
///
/// An input that ends early changes nothing more, so the empty input gives the entry itself.
pub fn mutate(entry: &mut Vec<u8>, changes: &[u8]) {
    for change in changes.chunks_exact(4) {
        let at = usize::from(u16::from_be_bytes([change[1], change[2]]));
        let at = at % (entry.len() + 1);
        let byte = change[3];
        match change[0] % 6 {
            0 => entry.insert(at, byte),
            1 => entry.truncate(at),
            2 => drop(entry.drain(..at)),
            // Copies up to 255 bytes from here to the end.
            3 => {
                let end = (at + usize::from(byte)).min(entry.len());
                entry.extend_from_within(at..end);
            }
            4 if at < entry.len() => entry[at] = byte,
            5 if at < entry.len() => entry[at] ^= byte,
            _ => {}
        }
    }
}

/// The rows of a list in one of the project's vector files.
///
/// # Panics
///
/// If the file has no such list.
pub fn rows(file: &str, path: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(file).expect("the vectors are JSON");
    document.pointer(path).and_then(Value::as_array).expect("a list").clone()
}

/// A text field of a row.
///
/// # Panics
///
/// If there is none.
pub fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().expect("a text field")
}

/// A field of a row in hex.
///
/// # Panics
///
/// If there is none.
pub fn bytes(row: &Value, name: &str) -> Vec<u8> {
    hex::decode(text(row, name)).expect("hex")
}
