//! The locks of files. [`Locked`] is the only way to lock one.

use super::failure::Call;
use crate::BackendError;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The shortest and longest pause before a lock is tried again.
const FIRST_PAUSE: Duration = Duration::from_micros(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

/// What others may do with a file while it is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Read it.
    Shared,
    /// Nothing.
    Exclusive,
}

/// A locked file, until it is dropped.
///
/// A writer locks the shard of a key and then its entry. So nothing that holds an entry may wait for a shard.
#[derive(Debug)]
pub(super) struct Locked(Arc<File>);

impl Locked {
    /// Locks a file, or gives up at the call's deadline.
    pub(super) fn new(file: File, mode: Mode, call: &Call) -> Result<Self, BackendError> {
        // Never a blocking call, which could not be ended.
        let wanted = match mode {
            Mode::Shared => FlockOperation::NonBlockingLockShared,
            Mode::Exclusive => FlockOperation::NonBlockingLockExclusive,
        };
        let mut pause = FIRST_PAUSE;
        loop {
            match flock(&file, wanted) {
                Ok(()) => return Ok(Self(Arc::new(file))),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(error) => return Err(call.failed("locking a file")(error.into())),
            }
            if Instant::now() >= call.deadline {
                return Err(call.late("a file stayed locked"));
            }
            // Another process holds it, and cannot wake us: `flock` without blocking has no other way to wait.
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The open file without its lock. While it is open, no other file gets its inode.
    pub(super) fn unlock(self) -> Arc<File> {
        Arc::clone(&self.0)
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing it is not enough: a child that was forked meanwhile has it open, too, and with it the lock.
        // If this fails, closing still does.
        let _ = flock(&*self.0, FlockOperation::Unlock);
    }
}
