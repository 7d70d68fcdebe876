//! The operations in the directory, on a thread that may block.

use super::directory::{Directory, open_entry};
use super::failure::{Call, is_missing};
use super::header::{self, Header};
use super::locked::{Locked, Mode};
use super::name::{Name, random_id};
use super::shard::{Shard, is_same};
use super::state::{Id, NotTaken};
use super::usage::{Limits, Totals, Usage};
use crate::per_process::PerProcess;
use crate::{BackendError, BackendErrorKind, Clock, Expiry, Fetched};
use bytes::Bytes;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest TTL that the format's readers accept: 10 years.
pub(super) const MAX_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

#[derive(Debug)]
pub(super) struct Store {
    pub(super) directory: Directory,
    pub(super) limits: Limits,
    /// Of this process: another thread of a parent may have held its locks during the fork.
    pub(super) usage: PerProcess<Usage>,
    /// The time since the Unix epoch; the system's if there is none.
    pub(super) clock: Option<Clock>,
}

/// The state of an entry.
pub(super) enum Found {
    Nothing,
    /// Corrupt, or expired: it must be deleted, if it still exists. It is not locked.
    Dead(Arc<File>),
    /// An entry, until these seconds since the Unix epoch; 0 is never.
    Live(Locked, u64),
}

impl Store {
    pub(super) fn now(&self) -> Duration {
        match &self.clock {
            Some(clock) => clock.now(),
            None => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    pub(super) fn shard(&self, call: &Call, name: &Name) -> Result<Shard, BackendError> {
        Shard::lock(&self.directory, name, call)
    }

    /// Opens an entry, locks it and reads its header.
    pub(super) fn open(&self, call: &Call, path: &Path, mode: Mode) -> Result<Found, BackendError> {
        let file = match open_entry(path, mode == Mode::Exclusive) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(Found::Nothing),
            Err(error) => return Err(call.failed("opening an entry")(error)),
        };
        let failed = call.failed("reading an entry");
        if !file.metadata().map_err(&failed)?.is_file() {
            return Ok(Found::Nothing);
        }
        // An expiry that is being rewritten is read before or after, never half-written.
        let file = Locked::new(file, mode, call)?;
        let mut bytes = [0; header::LEN];
        let length = read_up_to(&file, &mut bytes).map_err(&failed)?;
        Ok(match header::parse(&bytes[..length], self.now()) {
            Header::Corrupt | Header::Expired => Found::Dead(file.unlock()),
            Header::Unknown => Found::Nothing,
            Header::Live(expiry) => Found::Live(file, expiry),
        })
    }

    /// The entry, if there is one; a dead entry is deleted.
    fn live(&self, call: &Call, name: &Name) -> Result<Option<(Locked, u64)>, BackendError> {
        let path = self.directory.entry(name);
        match self.open(call, &path, Mode::Shared)? {
            Found::Nothing => Ok(None),
            Found::Live(file, expiry) => Ok(Some((file, expiry))),
            Found::Dead(file) => {
                // With its lock, so that no write puts a new entry there between the look-up and the
                // delete. Without the lock, the next reader deletes the file.
                if let Ok(_shard) = self.shard(call, name) {
                    self.discard(&path, &file);
                }
                Ok(None)
            }
        }
    }

    /// Deletes a dead entry unless another one replaced it.
    pub(super) fn discard(&self, path: &Path, dead: &File) {
        if is_same(path, dead) && fs::remove_file(path).is_ok() {
            self.usage.get().removed(dead.metadata().map_or(0, |metadata| metadata.len()));
        }
    }

    pub(super) fn get(&self, call: &Call, name: &Name) -> Result<Option<Fetched>, BackendError> {
        let Some((file, expiry)) = self.live(call, name)? else { return Ok(None) };
        let failed = call.failed("reading an entry");
        let length = file.metadata().map_err(&failed)?.len().saturating_sub(header::LEN as u64);
        // Another program may have larger limits. Its value stays, and does not fill our memory.
        let Some(length) =
            usize::try_from(length).ok().filter(|_| length <= self.limits.value_bytes)
        else {
            return Ok(None);
        };
        let mut value = Vec::with_capacity(length);
        (&*file).take(length as u64).read_to_end(&mut value).map_err(&failed)?;
        if value.len() < length {
            return Err(call.transient("an entry became shorter while it was read"));
        }
        let found = Fetched::fresh(Bytes::from(value));
        Ok(match self.left(expiry) {
            None => Some(found),
            Some(Duration::ZERO) => None,
            Some(left) => Some(found.with_fresh_for(left)),
        })
    }

    /// How long until then; `None` means no expiry.
    fn left(&self, expiry: u64) -> Option<Duration> {
        (expiry != 0).then(|| Duration::from_secs(expiry).saturating_sub(self.now()))
    }

    pub(super) fn exists(&self, call: &Call, name: &Name) -> Result<bool, BackendError> {
        Ok(self.live(call, name)?.is_some())
    }

    pub(super) fn expiry(&self, call: &Call, name: &Name) -> Result<Expiry, BackendError> {
        let Some((_, expiry)) = self.live(call, name)? else { return Ok(Expiry::Absent) };
        Ok(match self.left(expiry) {
            None => Expiry::Never,
            Some(Duration::ZERO) => Expiry::Absent,
            Some(left) => Expiry::In(left),
        })
    }

    pub(super) fn fence(&self, call: &Call, name: &Name) -> Result<Id, BackendError> {
        let fresh = random_id(call)?;
        let mut shard = self.shard(call, name)?;
        let fence = shard.state.fence(name.digest(), fresh);
        shard.store(call)?;
        Ok(fence)
    }

    pub(super) fn acquire(
        &self,
        call: &Call,
        name: &Name,
        lease: Duration,
    ) -> Result<Option<Id>, BackendError> {
        let holder = random_id(call)?;
        let mut shard = self.shard(call, name)?;
        match shard.state.acquire(name.digest(), holder, self.now(), lease) {
            Ok(()) => {
                shard.store(call)?;
                Ok(Some(holder))
            }
            Err(NotTaken::Contested) => Ok(None),
            Err(NotTaken::Full) => {
                Err(call.error(BackendErrorKind::Backpressure, "too many locks are held at once"))
            }
        }
    }

    pub(super) fn release(
        &self,
        call: &Call,
        name: &Name,
        holder: Id,
    ) -> Result<bool, BackendError> {
        let mut shard = self.shard(call, name)?;
        let released = shard.state.release(name.digest(), holder, self.now());
        shard.store(call)?;
        Ok(released)
    }

    /// Whether files can be written, and the totals.
    pub(super) fn health(&self, call: &Call) -> Result<Totals, BackendError> {
        let failed = call.failed("writing a file");
        let name = Name::of("__health_check__");
        let (path, _) = self.directory.create_temporary(&name).map_err(&failed)?;
        fs::remove_file(path).map_err(&failed)?;
        self.usage.get().count(&self.directory).map_err(call.failed("reading the directory"))
    }
}

/// Reads until the buffer is full or the file ends.
fn read_up_to(mut file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
