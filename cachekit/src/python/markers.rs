//! Markers of the `auto` serializer for types that only Python has.

use super::error::{Error, ErrorKind};
use crate::interop::MAX_DEPTH;
use crate::interop::decode::reader::{Item, Reader, too_deep};

/// Dates are shared by all languages.
const SHARED: [&str; 3] = ["__datetime__", "__date__", "__time__"];

/// Refuses a document with such a marker: a map whose key `__name__` is true, next to a value. Without this check, a
/// tuple, for example, would be read as a map.
pub(super) fn check(document: &[u8]) -> Result<(), Error> {
    /// The remaining items of an open collection.
    #[derive(Clone, Copy)]
    struct Open {
        items: u64,
        is_map: bool,
        /// The last key looked like a marker.
        marker: bool,
    }

    let mut reader = Reader::new(document);
    let mut open: Vec<Open> = Vec::new();
    loop {
        let item = reader.item()?;
        if let Some(inner) = open.last_mut() {
            inner.items -= 1;
            let is_key = inner.is_map && inner.items % 2 == 1;
            match item {
                Item::Str(name) if is_key => {
                    let dunder = name.starts_with("__") && name.ends_with("__");
                    inner.marker = dunder && !SHARED.contains(&name);
                }
                Item::Bool(true) if inner.marker => {
                    return Err(Error::new(
                        ErrorKind::PythonOnly,
                        "the entry holds a type that only Python has, such as a tuple or a set",
                    ));
                }
                _ => inner.marker = false,
            }
        }
        let collection = match item {
            Item::Array(len) => Some(Open { items: len.into(), is_map: false, marker: false }),
            Item::Map(len) => Some(Open { items: 2 * u64::from(len), is_map: true, marker: false }),
            _ => None,
        };
        if let Some(collection) = collection {
            if open.len() == MAX_DEPTH {
                return Err(too_deep().into());
            }
            open.push(collection);
        }
        while open.last().is_some_and(|inner| inner.items == 0) {
            open.pop();
        }
        if open.is_empty() {
            return Ok(());
        }
    }
}
