//! The tables of a file, opened again when redb gives up on them.

use super::super::StoreError;
use super::device::Device;
use super::table::Tables;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// Reads reopen the file no more often than this.
const REOPEN_PAUSE: Duration = Duration::from_millis(100);

/// The tables, even if the file was reopened since.
pub(super) struct Volume {
    device: Device,
    open: RwLock<Open>,
}

/// The tables as they are open now. While this is held, they stay open.
pub(super) struct Open {
    tables: Option<Tables>,
    /// Opened for reading only.
    read_only: bool,
    generation: u64,
    at: Instant,
}

impl Open {
    /// The tables, for writing.
    pub(super) fn writable(&self) -> Result<&Tables, StoreError> {
        let tables = self.tables.as_ref().filter(|_| !self.read_only);
        tables.ok_or_else(|| StoreError::unavailable(&"the file is not open for writing"))
    }
}

impl Volume {
    pub(super) fn open(device: Device) -> Result<Self, StoreError> {
        let tables = Some(attempt(|| Tables::open(device.clone()))?);
        let open = Open { tables, read_only: false, generation: 0, at: Instant::now() };
        Ok(Self { device, open: RwLock::new(open) })
    }

    pub(super) fn now(&self) -> RwLockReadGuard<'_, Open> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Open> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_writable(&self) -> bool {
        self.now().writable().is_ok()
    }

    /// Reads; if that fails, the file is reopened for reading, and read once more.
    pub(super) fn read<T>(
        &self,
        read: impl Fn(&Tables) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut last = None;
        for _ in 0..2 {
            let open = self.now();
            let failed = match &open.tables {
                Some(tables) => match attempt(|| read(tables)) {
                    Ok(found) => return Ok(found),
                    Err(error) => error,
                },
                None => StoreError::unavailable(&"the file cannot be opened"),
            };
            let generation = open.generation;
            drop(open);
            self.reopen_for_reading(generation);
            // The first reason is the better one: the second often only reports that the first one
            // happened.
            last = last.or(Some(failed));
        }
        Err(last.unwrap_or_else(|| StoreError::unavailable(&"the file cannot be read")))
    }

    fn reopen_for_reading(&self, failed: u64) {
        let mut open = self.change();
        // Another thread was faster, or reopening would never stop.
        if open.generation == failed && open.at.elapsed() >= REOPEN_PAUSE {
            self.replace(&mut open, false);
        }
    }

    /// Reopens the file, for writing if possible. If not, reads continue if they can.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        self.replace(&mut self.change(), true).map_or(Ok(()), Err)
    }

    /// Returns why writing is not possible, if it was requested and is not.
    fn replace(&self, open: &mut Open, for_writing: bool) -> Option<StoreError> {
        let old = open.tables.take();
        // redb tries to leave the file consistent when it is closed, which may itself fail.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(old)));
        open.generation += 1;
        let mut failure = None;
        if for_writing {
            let healed = self.device.heal().map_err(|error| StoreError::unavailable(&error));
            match healed.and_then(|()| attempt(|| Tables::open(self.device.clone()))) {
                Ok(tables) => open.tables = Some(tables),
                Err(error) => failure = Some(error),
            }
        }
        open.read_only = open.tables.is_none();
        if open.read_only {
            let view = self.device.read_only().map_err(|error| StoreError::unavailable(&error));
            open.tables = view.and_then(|view| attempt(|| Tables::open(view))).ok();
        }
        open.at = Instant::now();
        failure
    }
}

/// redb panics in some places when the file fails.
pub(super) fn attempt<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::unavailable(&"the database panicked")))
}
