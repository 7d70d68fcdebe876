//! A disk in memory: full, failing, or losing what was not synchronised.

use redb::StorageBackend;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};

/// A disk. A clone is the same disk.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<State>);

#[derive(Debug)]
pub(super) struct State {
    content: Mutex<Content>,
    pub(super) fails_writes: AtomicBool,
    pub(super) fails_syncs: AtomicBool,
    pub(super) fails_reads: AtomicBool,
    /// Bytes beyond this cannot be written: the disk is full.
    pub(super) room: AtomicU64,
    /// So many more operations that change something succeed.
    pub(super) fuse: AtomicUsize,
}

#[derive(Debug, Default)]
struct Content {
    /// What a reader sees.
    cache: Vec<u8>,
    /// What is there after a loss of power.
    stable: Vec<u8>,
    /// Written since the last synchronisation. One that fails empties it, as systems do.
    dirty: Vec<(usize, usize)>,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self::with(Vec::new())
    }

    fn with(bytes: Vec<u8>) -> Self {
        let content = Content { cache: bytes.clone(), stable: bytes, dirty: Vec::new() };
        Self(Arc::new(State {
            content: Mutex::new(content),
            fails_writes: AtomicBool::new(false),
            fails_syncs: AtomicBool::new(false),
            fails_reads: AtomicBool::new(false),
            room: AtomicU64::new(u64::MAX),
            fuse: AtomicUsize::new(usize::MAX),
        }))
    }

    pub(super) fn state(&self) -> &State {
        &self.0
    }

    /// Another disk with what this one has after a loss of power.
    pub(super) fn after_power_loss(&self) -> Self {
        Self::with(self.content().stable.clone())
    }

    /// Another disk with what a process that starts again reads.
    pub(super) fn after_kill(&self) -> Self {
        Self::with(self.content().cache.clone())
    }

    pub(super) fn length(&self) -> u64 {
        self.content().cache.len() as u64
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.content.lock().unwrap()
    }

    fn changes(&self, fails: &AtomicBool) -> io::Result<()> {
        let burn = |left: usize| if left == usize::MAX { Some(left) } else { left.checked_sub(1) };
        let burnt = self.0.fuse.fetch_update(SeqCst, SeqCst, burn).is_err();
        if burnt || fails.load(SeqCst) { Err(io::Error::other("broken")) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.length())
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        if self.0.fails_reads.load(SeqCst) {
            return Err(io::Error::other("unreadable"));
        }
        let at = usize::try_from(offset).unwrap();
        let content = self.content();
        let bytes = content.cache.get(at..at + len);
        bytes.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        // As most file systems: a file grows by a hole.
        self.changes(&self.0.fails_writes)?;
        let mut content = self.content();
        let len = usize::try_from(len).unwrap();
        content.cache.resize(len, 0);
        content.stable.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self, _: bool) -> io::Result<()> {
        let synced = self.changes(&self.0.fails_syncs);
        let content = &mut *self.content();
        let dirty = std::mem::take(&mut content.dirty);
        synced?;
        for (from, to) in dirty {
            let to = to.min(content.cache.len());
            if from < to {
                content.stable[from..to].copy_from_slice(&content.cache[from..to]);
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.changes(&self.0.fails_writes)?;
        if offset + data.len() as u64 > self.0.room.load(SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let at = usize::try_from(offset).unwrap();
        let mut content = self.content();
        if content.cache.len() < at + data.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        content.cache[at..at + data.len()].copy_from_slice(data);
        content.dirty.push((at, at + data.len()));
        Ok(())
    }
}
