//! The names of the files in a directory.

use super::failure::Call;
use blake2::digest::consts::U16;
use blake2::{Blake2b, Digest};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Part of the name of every file that is being written; each SDK sweeps old files by it.
const TEMPORARY: &str = ".tmp.";
/// Digits of an entry's name.
const DIGITS: usize = 32;

/// The name of a key's entry: BLAKE2b-128 of the key, in lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    digest: [u8; 16],
    text: String,
}

impl Name {
    pub(super) fn of(key: &str) -> Self {
        let digest: [u8; 16] = Blake2b::<U16>::digest(key.as_bytes()).into();
        Self { digest, text: hex::encode(digest) }
    }

    pub(super) fn digest(&self) -> [u8; 16] {
        self.digest
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn in_directory(&self, directory: &Path) -> PathBuf {
        directory.join(&self.text)
    }

    /// A name that no other write uses, in this process or another one.
    pub(super) fn temporary(&self) -> String {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let nanos =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let write = WRITES.fetch_add(1, Ordering::Relaxed);
        format!("{}{TEMPORARY}{}.{nanos}.{write}", self.text, std::process::id())
    }
}

/// The kind of a file in the directory, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Entry,
    Temporary,
    /// Not ours, nor another SDK's: neither counted nor evicted.
    Foreign,
}

impl Kind {
    pub(super) fn of(name: &str) -> Self {
        let Some((digits, rest)) = name.split_at_checked(DIGITS) else { return Self::Foreign };
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if !digits.bytes().all(is_digit) {
            return Self::Foreign;
        }
        match rest {
            "" => Self::Entry,
            rest if rest.starts_with(TEMPORARY) => Self::Temporary,
            _ => Self::Foreign,
        }
    }
}

/// 128 random bits, for unique tokens.
pub(super) fn random_id(call: &Call) -> Result<[u8; 16], crate::BackendError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)
        .map_err(|error| call.transient("random numbers").with_source(error.to_string()))?;
    Ok(id)
}
