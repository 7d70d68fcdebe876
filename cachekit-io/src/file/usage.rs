//! How much the directory holds, and what is evicted when that is too much.

use super::directory::Directory;
use super::name::{Kind, Name};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant, SystemTime};

/// Other programs also write to the directory, so a count is only valid for this long.
const BELIEVED: Duration = Duration::from_secs(30);
/// No write takes this long; its writer is gone.
const ABANDONED: Duration = Duration::from_secs(60);

/// Bounds of one directory, and of one value in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) bytes: u64,
    pub(super) value_bytes: u64,
    pub(super) entries: u64,
}

/// The last count and its time, updated with the process's own writes since.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    totals: Totals,
    scanned: Option<Instant>,
}

/// Entries, and their bytes with headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

impl Totals {
    fn add(&mut self, bytes: u64) {
        self.entries = self.entries.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn remove(&mut self, bytes: u64) {
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Whether this exceeds this many tenths of the limits.
    fn exceeds(self, limits: Limits, tenths: u64) -> bool {
        let exceeds =
            |used: u64, max: u64| u128::from(used) * 10 > u128::from(max) * u128::from(tenths);
        exceeds(self.bytes, limits.bytes) || exceeds(self.entries, limits.entries)
    }
}

#[derive(Debug, Default)]
pub(super) struct Usage {
    counts: Mutex<Counts>,
    /// Held by the one thread that scans the directory.
    scanning: Mutex<()>,
}

struct Entry {
    path: PathBuf,
    written: SystemTime,
    bytes: u64,
}

impl Usage {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more entry fits, once everything that can be evicted is.
    pub(super) fn has_room(&self, directory: &Directory, limits: Limits) -> bool {
        let full = || self.counts().totals.entries >= limits.entries;
        if full() {
            self.make_room(directory, limits, None);
        }
        !full()
    }

    pub(super) fn wrote(&self, before: Option<u64>, bytes: u64) {
        let mut counts = self.counts();
        if let Some(before) = before {
            counts.totals.remove(before);
        }
        counts.totals.add(bytes);
    }

    pub(super) fn removed(&self, bytes: u64) {
        self.counts().totals.remove(bytes);
    }

    /// Evicts the oldest written entries until the limits hold again, but never the entry that was just
    /// written.
    pub(super) fn keep_to(&self, directory: &Directory, limits: Limits, just_written: &Name) {
        let counts = *self.counts();
        let believed = counts.scanned.is_some_and(|at| at.elapsed() < BELIEVED);
        if believed && !counts.totals.exceeds(limits, 9) {
            return;
        }
        self.make_room(directory, limits, Some(just_written));
    }

    fn make_room(&self, directory: &Directory, limits: Limits, keep: Option<&Name>) {
        let _scanning = match self.scanning.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Another thread is doing it.
            Err(TryLockError::WouldBlock) => return,
        };
        let Ok(mut entries) = self.scan(directory) else { return };
        if !self.counts().totals.exceeds(limits, 9) {
            return;
        }
        entries.sort_by_key(|entry| entry.written);
        let keep = keep.map(|name| directory.entry(name));
        for entry in entries {
            if !self.counts().totals.exceeds(limits, 7) {
                break;
            }
            if keep.as_ref() == Some(&entry.path) {
                continue;
            }
            match fs::remove_file(&entry.path) {
                Ok(()) => self.removed(entry.bytes),
                // Another process is evicting, too.
                Err(error) if error.kind() == ErrorKind::NotFound => self.removed(entry.bytes),
                Err(_) => {}
            }
        }
    }

    /// Counts the entries anew.
    pub(super) fn count(&self, directory: &Directory) -> io::Result<Totals> {
        self.scan(directory)?;
        Ok(self.counts().totals)
    }

    /// Scans the directory once: counts entries, and removes files of dead writers.
    fn scan(&self, directory: &Directory) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut totals = Totals::default();
        for found in fs::read_dir(directory.path())? {
            let found = found?;
            let kind = found.file_name().to_str().map_or(Kind::Foreign, Kind::of);
            if kind == Kind::Foreign {
                continue;
            }
            // Of the file itself, not of the target of a symbolic link. A file that has just been deleted is
            // not counted.
            let Ok(metadata) = found.metadata() else { continue };
            if !metadata.is_file() {
                continue;
            }
            let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if kind == Kind::Entry {
                totals.add(metadata.len());
                entries.push(Entry { path: found.path(), written, bytes: metadata.len() });
            } else if written.elapsed().is_ok_and(|age| age > ABANDONED) {
                // Left for the next time if it cannot be deleted.
                let _ = fs::remove_file(found.path());
            }
        }
        *self.counts() = Counts { totals, scanned: Some(Instant::now()) };
        Ok(entries)
    }
}
