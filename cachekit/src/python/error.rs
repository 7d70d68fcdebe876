//! Why an entry of the Python client is not read.

use std::fmt;

use crate::interop;

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes do not start as the Python client's entries do.
    NoFrame,
    /// The entry has another version of the format than 3.
    Version,
    /// The header is incomplete, or does not follow the format.
    Header,
    /// Another serializer wrote the entry; the message says why it is not read here.
    Serializer,
    /// The entry is encrypted.
    Encrypted,
    /// The entry holds a marker for a type that only Python has.
    PythonOnly,
    /// The envelope, its payload or its compressed data are longer than 512 MiB.
    InputTooLarge,
    /// The compressed data is empty, or claims to become more than a thousand times as long.
    DecompressionBomb,
    /// The compressed data is not an LZ4 block of the length it claims.
    DecompressionFailed,
    /// The checksum does not match the data.
    ChecksumMismatch,
    /// The data has another length than the envelope says.
    SizeValidationFailed,
    /// The bytes are not an envelope, or claim more than they contain.
    DeserializationFailed,
    /// The document in the entry is not well-formed, or does not fit the type.
    Value(interop::ErrorKind),
}

/// Why an entry was not read. It holds no part of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    what: &'static str,
    value: Option<interop::Error>,
}

impl Error {
    pub(super) const fn new(kind: ErrorKind, what: &'static str) -> Self {
        Self { kind, what, value: None }
    }

    /// What it is about.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<interop::Error> for Error {
    fn from(error: interop::Error) -> Self {
        let kind = ErrorKind::Value(error.kind());
        Self { kind, what: "the value in the entry is not read", value: Some(error) }
    }
}

impl From<interop::Fault> for Error {
    fn from(fault: interop::Fault) -> Self {
        interop::Error::from(fault).into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.value.as_ref().map(|error| error as _)
    }
}
