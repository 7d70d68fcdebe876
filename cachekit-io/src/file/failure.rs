//! What the operating system's errors mean for a cache.

use crate::{BackendError, BackendErrorKind, Operation};
use std::io::{self, ErrorKind};
use std::time::Instant;

/// One operation in flight: its name, and its deadline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) deadline: Instant,
}

impl Call {
    pub(super) fn error(&self, kind: BackendErrorKind, context: &'static str) -> BackendError {
        BackendError::new(kind, self.operation).with_context(context)
    }

    pub(super) fn transient(&self, context: &'static str) -> BackendError {
        self.error(BackendErrorKind::Transient, context)
    }

    pub(super) fn late(&self, context: &'static str) -> BackendError {
        self.error(BackendErrorKind::Timeout, context)
    }

    /// For `map_err`: what failed, and what that means.
    pub(super) fn failed(&self, doing: &'static str) -> impl Fn(io::Error) -> BackendError {
        let call = *self;
        move |error| {
            let kind = match error.kind() {
                // The operator must change something first.
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    BackendErrorKind::Permanent
                }
                ErrorKind::TimedOut => BackendErrorKind::Timeout,
                _ => BackendErrorKind::Transient,
            };
            call.error(kind, doing).with_source(error)
        }
    }

    /// Nothing begins after the deadline, because the caller was told that it did not happen in time.
    pub(super) fn check_time(&self) -> Result<(), BackendError> {
        if Instant::now() >= self.deadline {
            return Err(self.late("the work took too long"));
        }
        Ok(())
    }
}

/// Whether a file is missing, as far as a cache is concerned: a symbolic link is not followed, and counts as missing.
pub(super) fn is_missing(error: &io::Error) -> bool {
    let symlink = rustix::io::Errno::LOOP.raw_os_error();
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(symlink)
}
