//! The model itself, for programs that do not know the types of their values.

use std::collections::BTreeMap;

use super::temporal::{Date, DateTime, Time};

mod from;
mod json;
mod serde;

/// Any argument or value of the model.
///
/// For tools, and for code that gets its values at run time. Functions with their own types do not need
/// this: any type that implements `Serialize` is encoded directly.
///
/// # Example
///
/// ```
/// use cachekit::interop::{self, Value};
///
/// let args = Value::from_json(r#"[42, {"a": 1}]"#)?;
/// let key = interop::key("users", "get_user", &args)?;
/// assert_eq!(key, interop::key("users", "get_user", &(42, std::collections::HashMap::from([("a", 1)])))?);
/// # Ok::<_, interop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer; -2^63 to 2^64 - 1 can be written.
    Int(i128),
    /// A float; only finite floats can be written.
    Float(f64),
    /// A string.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list.
    Array(Vec<Value>),
    /// A map.
    Map(BTreeMap<String, Value>),
    /// A set. It is written in a fixed order, equal elements once, and read as a list.
    Set(Vec<Value>),
    /// A date and time.
    DateTime(DateTime),
    /// A day.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// A map with keys that are not strings. Only read: no writer of the ecosystem produces one.
    Pairs(Vec<(Value, Value)>),
    /// An extension type of MessagePack, by its number. Only read, like `Pairs`.
    Extension(i8, Vec<u8>),
}

impl Value {
    /// Bytes. `From<Vec<u8>>` would make them a list of numbers.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// A set of these elements.
    pub fn set(elements: impl IntoIterator<Item: Into<Value>>) -> Self {
        Self::Set(elements.into_iter().map(Into::into).collect())
    }
}
