//! What redb reads from and writes to: the file, and a read-only view of it.
//!
//! After an error redb refuses everything and must be opened again, over the same file. Two things
//! differ from a first opening. A failed sync may have marked pages as clean that never
//! reached the disk, so they are written once more. And if nothing can be written, the file is opened through
//! a view that keeps in memory what redb writes when it opens, so that reads still work.

use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The file of a store. A clone is the same file.
#[derive(Clone, Debug)]
pub(super) struct Device(Arc<File>);

#[derive(Debug)]
struct File {
    backend: Box<dyn StorageBackend>,
    unsynced: Mutex<Unsynced>,
}

/// What was written since the last successful sync: offsets and lengths.
#[derive(Debug, Default)]
struct Unsynced {
    ranges: Vec<(u64, usize)>,
    /// A sync failed: the system may consider them clean.
    failed: bool,
}

impl Device {
    pub(super) fn new(backend: impl StorageBackend) -> Self {
        Self(Arc::new(File { backend: Box::new(backend), unsynced: Mutex::default() }))
    }

    /// A view of the file whose writes stay in memory.
    pub(super) fn read_only(&self) -> io::Result<ReadOnly> {
        let end = self.0.backend.len()?;
        let view = View { end, writes: Vec::new() };
        Ok(ReadOnly { device: self.clone(), view: Mutex::new(view) })
    }

    /// Writes and syncs again what a failed sync may have lost.
    pub(super) fn heal(&self) -> io::Result<()> {
        let ranges = {
            let unsynced = self.unsynced();
            if !unsynced.failed {
                return Ok(());
            }
            unsynced.ranges.clone()
        };
        let end = self.0.backend.len()?;
        for (offset, length) in ranges {
            let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
            let length = length.min(left);
            if length > 0 {
                let bytes = self.0.backend.read(offset, length)?;
                self.0.backend.write(offset, &bytes)?;
            }
        }
        self.sync_data(false)
    }

    fn unsynced(&self) -> MutexGuard<'_, Unsynced> {
        self.0.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for Device {
    fn len(&self) -> io::Result<u64> {
        self.0.backend.len()
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.0.backend.read(offset, len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.backend.set_len(len)
    }

    fn sync_data(&self, eventual: bool) -> io::Result<()> {
        let synced = self.0.backend.sync_data(eventual);
        let mut unsynced = self.unsynced();
        match synced {
            Ok(()) => *unsynced = Unsynced::default(),
            Err(_) => unsynced.failed = true,
        }
        synced
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.backend.write(offset, data)?;
        self.unsynced().ranges.push((offset, data.len()));
        Ok(())
    }
}

/// See [`Device::read_only`].
#[derive(Debug)]
pub(super) struct ReadOnly {
    device: Device,
    view: Mutex<View>,
}

#[derive(Debug)]
struct View {
    end: u64,
    /// In order: the last write counts. redb makes few when it opens.
    writes: Vec<(u64, Vec<u8>)>,
}

impl ReadOnly {
    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for ReadOnly {
    fn len(&self) -> io::Result<u64> {
        Ok(self.view().end)
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let there = self.device.len()?.saturating_sub(offset);
        let mut bytes = self.device.read(offset, len.min(usize::try_from(there).unwrap_or(len)))?;
        // The view may have grown beyond the file.
        bytes.resize(len, 0);
        for (at, written) in &self.view().writes {
            overlay(&mut bytes, offset, written, *at);
        }
        Ok(bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.view().end = len;
        Ok(())
    }

    fn sync_data(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.view().writes.push((offset, data.to_vec()));
        Ok(())
    }
}

/// Copies what was written at `at` over the bytes that begin at `offset`.
fn overlay(bytes: &mut [u8], offset: u64, written: &[u8], at: u64) {
    let start = offset.max(at);
    let inside = |base: u64| usize::try_from(start - base).unwrap_or(usize::MAX);
    let (to, from) = (inside(offset), inside(at));
    if to < bytes.len() && from < written.len() {
        let length = (bytes.len() - to).min(written.len() - from);
        bytes[to..to + length].copy_from_slice(&written[from..from + length]);
    }
}
