//! Errors of keys, values and documents.

use std::fmt;

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A namespace or an operation breaks the grammar of key segments.
    Segment,
    /// The arguments of [`key`](super::key()) are not a list: not a tuple, a sequence or a struct with all its fields.
    Arguments,
    /// The value has a part that no other language could read, or that could be mistaken for another
    /// value: a map key that is not a string, a date without its offset among the arguments,
    /// `Some(None)`.
    OutsideModel,
    /// A number or a date is out of range, or a float is not finite.
    Range,
    /// A map has one key twice.
    DuplicateKey,
    /// Collections are nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    TooDeep,
    /// A length does not fit the 32 bits that the format reserves for it.
    TooLarge,
    /// The value's own `Serialize` failed.
    Serialize,
    /// The bytes are an entry of the Python client's own format, not an interop value.
    /// [`python::read`](crate::python::read) reads it.
    PythonFrame,
    /// The bytes are not a complete MessagePack document, or claim more than they contain.
    Malformed,
    /// Bytes follow the document.
    TrailingBytes,
    /// The document is well-formed, but does not fit the requested type.
    Mismatch,
}

/// Why a key could not be computed, or a value not written or read.
///
/// It names the kind of fault and the argument or field. It holds no part of the value, so it may be
/// logged even if values are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    what: &'static str,
    /// A name from the requested type, never from the data.
    name: Option<&'static str>,
    argument: Option<u32>,
}

impl Error {
    pub(crate) const fn new(kind: ErrorKind, what: &'static str) -> Self {
        Self { kind, what, name: None, argument: None }
    }

    const fn named(kind: ErrorKind, what: &'static str, name: &'static str) -> Self {
        Self { kind, what, name: Some(name), argument: None }
    }

    /// The same error, in the argument at this position.
    pub(super) fn in_argument(mut self, position: u32) -> Self {
        self.argument = Some(position);
        self
    }

    /// What it is about.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The position of the argument that was refused, counted from 0.
    pub const fn argument(&self) -> Option<u32> {
        self.argument
    }

    /// What is wrong, without the argument's position.
    pub const fn reason(&self) -> &'static str {
        self.what
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.argument {
            write!(f, "argument {position}: ")?;
        }
        f.write_str(self.what)?;
        match self.name {
            Some(name) => write!(f, " `{name}`"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// What the encoder and the reader carry until the caller gets it: boxed, so that a result fits into a register.
#[derive(Debug)]
pub(crate) struct Fault(Box<Error>);

impl Fault {
    #[cold]
    #[inline(never)]
    pub(crate) fn new(kind: ErrorKind, what: &'static str) -> Self {
        Self(Box::new(Error::new(kind, what)))
    }
}

impl From<Error> for Fault {
    #[cold]
    fn from(error: Error) -> Self {
        Self(Box::new(error))
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        *fault.0
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Fault {}

impl serde::ser::Error for Fault {
    /// The text is dropped: it may quote the value.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new(ErrorKind::Serialize, "the value's `Serialize` failed")
    }
}

impl serde::de::Error for Fault {
    /// The text is dropped: it may quote the document.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new(ErrorKind::Mismatch, "the type does not accept what the document holds")
    }

    fn invalid_type(found: serde::de::Unexpected<'_>, _: &dyn serde::de::Expected) -> Self {
        use serde::de::Unexpected as Found;
        let what = match found {
            Found::Bool(_) => "the document has a boolean where the type has something else",
            Found::Unsigned(_) | Found::Signed(_) => {
                "the document has an integer where the type has something else"
            }
            Found::Float(_) => "the document has a float where the type has something else",
            Found::Char(_) | Found::Str(_) => {
                "the document has a string where the type has something else"
            }
            Found::Bytes(_) => "the document has bytes where the type has something else",
            Found::Unit | Found::Option => "the document has nil where the type has something else",
            Found::Seq => "the document has an array where the type has something else",
            Found::Map => "the document has a map where the type has something else",
            _ => "the document has another kind of value than the type",
        };
        Self::new(ErrorKind::Mismatch, what)
    }

    fn invalid_value(_: serde::de::Unexpected<'_>, _: &dyn serde::de::Expected) -> Self {
        Self::new(ErrorKind::Mismatch, "the document has a value that the type does not accept")
    }

    fn invalid_length(_: usize, _: &dyn serde::de::Expected) -> Self {
        Self::new(ErrorKind::Mismatch, "the document has another number of items than the type")
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::new(ErrorKind::Mismatch, "the document has a variant that the type has not")
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::new(ErrorKind::Mismatch, "the document has a field that the type has not")
    }

    fn missing_field(field: &'static str) -> Self {
        Error::named(ErrorKind::Mismatch, "the document lacks the field", field).into()
    }

    fn duplicate_field(field: &'static str) -> Self {
        Error::named(ErrorKind::Mismatch, "the document has twice the field", field).into()
    }
}
