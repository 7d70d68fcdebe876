//! A removal that is tried again.

use crate::BackendError;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Whether an attempt to remove an entry may have removed it.
///
/// The next attempt finds nothing then, and the caller is told all the same that there was something.
#[derive(Debug, Default)]
pub(super) struct Removal(AtomicBool);

impl Removal {
    /// Begins an attempt. Returns whether one before it may have removed the entry.
    pub(super) fn begin(&self) -> bool {
        // It counts from here on: an attempt that is given up is not heard of again.
        self.0.swap(true, SeqCst)
    }

    /// What the caller is told of an attempt.
    pub(super) fn end(
        &self,
        before: bool,
        found: Result<bool, BackendError>,
    ) -> Result<bool, BackendError> {
        if found.as_ref().is_err_and(BackendError::is_unprocessed) && !before {
            self.0.store(false, SeqCst);
        }
        found.map(|found| found || before)
    }
}
