//! Settings of a file backend.

use super::FileBackend;
use super::directory::Directory;
use super::store::Store;
use super::usage::Limits;
use crate::per_process::PerProcess;
use crate::{BackendError, BackendErrorKind, Clock, Operation};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(super) const MIB: u64 = 1024 * 1024;
const MAX_VALUE_BYTES: u64 = 100 * MIB;
/// Longer deadlines are mistakes, and would overflow the arithmetic of clocks.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// Settings of a [`FileBackend`].
///
/// # Example
///
/// ```
/// use cachekit_io::FileBackend;
/// use std::time::Duration;
///
/// # let parent = tempfile::tempdir()?;
/// # let directory = parent.path().join("cache");
/// let backend = FileBackend::builder()
///     .directory(directory)
///     .max_bytes(64 * 1024 * 1024)
///     .max_value_bytes(1024 * 1024)
///     .max_entries(1_000)
///     .timeout(Duration::from_secs(1))
///     .build()?;
/// # drop(backend);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct FileBackendBuilder {
    directory: Option<PathBuf>,
    max_bytes: u64,
    max_value_bytes: Option<u64>,
    max_entries: u64,
    timeout: Duration,
    clock: Option<Clock>,
}

impl Default for FileBackendBuilder {
    fn default() -> Self {
        Self {
            directory: None,
            max_bytes: 1024 * MIB,
            max_value_bytes: None,
            max_entries: 10_000,
            timeout: Duration::from_secs(5),
            clock: None,
        }
    }
}

impl FileBackendBuilder {
    /// The directory, by default `cachekit` in the system's directory for temporary files. It is created if it does
    /// not exist; a directory that another user owns or can write to is refused.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Maximum size of all entries in bytes, 1 GiB by default.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The largest accepted value, 100 MiB by default, or half of [`max_bytes`](Self::max_bytes) if that is less. A
    /// larger value from another program is a miss.
    pub fn max_value_bytes(mut self, bytes: u64) -> Self {
        self.max_value_bytes = Some(bytes);
        self
    }

    /// Maximum number of entries, 10,000 by default.
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.max_entries = entries;
        self
    }

    /// How long one operation may take, 5 seconds by default: waiting for other processes and for the disk. More
    /// than zero, at most an hour.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Replaces the system's clock: the time since the Unix epoch.
    #[cfg(any(test, feature = "testing"))]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Checks the settings and creates the directory if it does not exist.
    ///
    /// # Errors
    ///
    /// [`Configuration`](BackendErrorKind::Configuration) names everything that is wrong with the settings and the
    /// directory.
    pub fn build(self) -> Result<FileBackend, BackendError> {
        let mut wrong = Vec::new();
        match self.try_build(&mut wrong) {
            Some(backend) if wrong.is_empty() => Ok(backend),
            _ => Err(configuration(&wrong)),
        }
    }

    pub(super) fn try_build(self, wrong: &mut Vec<String>) -> Option<FileBackend> {
        if self.max_bytes == 0 {
            wrong.push("the size (CACHEKIT_FILE_MAX_SIZE_MB) must be more than 0".to_owned());
        }
        if self.max_entries == 0 {
            wrong.push(
                "the number of entries (CACHEKIT_FILE_MAX_ENTRY_COUNT) must be more than 0"
                    .to_owned(),
            );
        }
        let half = self.max_bytes / 2;
        let max_value_bytes = self.max_value_bytes.unwrap_or(MAX_VALUE_BYTES.min(half));
        if max_value_bytes > half {
            wrong.push(
                "the size of a value (CACHEKIT_FILE_MAX_VALUE_MB) must be at most half of the size \
                 of all (CACHEKIT_FILE_MAX_SIZE_MB)"
                    .to_owned(),
            );
        }
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            wrong.push("the timeout must be more than 0 and at most 3600 seconds".to_owned());
        }
        let path = self.directory.unwrap_or_else(|| std::env::temp_dir().join("cachekit"));
        let directory = match Directory::open(&path) {
            Ok(directory) => directory,
            Err(why) => {
                wrong.push(format!("the directory (CACHEKIT_FILE_CACHE_DIR) {why}"));
                return None;
            }
        };
        let limits = Limits {
            bytes: self.max_bytes,
            value_bytes: max_value_bytes,
            entries: self.max_entries,
        };
        let store = Store { directory, limits, usage: PerProcess::new(), clock: self.clock };
        Some(FileBackend { store: Arc::new(store), timeout: self.timeout })
    }
}

pub(super) fn configuration(wrong: &[String]) -> BackendError {
    BackendError::new(BackendErrorKind::Configuration, Operation::Connect)
        .with_context(wrong.join("; "))
}
