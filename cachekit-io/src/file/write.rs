//! How entries are written and deleted: whole or not at all, whenever the process is killed.

use super::directory::size_of;
use super::failure::Call;
use super::header;
use super::locked::Mode;
use super::name::Name;
use super::shard::is_same;
use super::state::Id;
use super::store::{Found, MAX_TTL, Store};
use crate::{BackendError, BackendErrorKind, LockToken, Operation, SetOptions};
use bytes::Bytes;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

/// A value to be written into the directory.
pub(super) struct NewEntry {
    pub(super) name: Name,
    pub(super) value: Bytes,
    pub(super) options: SetOptions,
    pub(super) fence: Option<Id>,
}

/// A file that is deleted unless it became an entry.
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // If this fails, the sweep deletes it later.
            let _ = fs::remove_file(path);
        }
    }
}

impl Store {
    /// Stores a value; `false` if its fence moved.
    pub(super) fn put(&self, call: &Call, entry: &NewEntry) -> Result<bool, BackendError> {
        let NewEntry { name, value, options, fence } = entry;
        let path = self.directory.entry(name);
        if size_of(&path).is_none() && !self.usage.get().has_room(&self.directory, self.limits) {
            return Err(call.error(BackendErrorKind::Permanent, "the directory is full of entries"));
        }
        // The slow part, before the key is locked.
        let mut temporary = self.write_temporary(call, name, value, options.ttl)?;

        let mut shard = self.shard(call, name)?;
        if fence.is_some_and(|fence| !shard.state.fence_stands(name.digest(), fence)) {
            return Ok(false);
        }
        if let Some(token) = &options.lock {
            let holder = id_of(token.as_str());
            let may_write = |holder| shard.state.may_write(name.digest(), holder, self.now());
            if !holder.is_some_and(may_write) {
                return Err(call.error(
                    BackendErrorKind::Superseded,
                    "the lock is not held any more, or the key changed under it",
                ));
            }
        }
        call.check_time()?;
        // The fence first: if the process is killed here, fills are refused, and there is no value that they
        // could overwrite.
        shard.state.changed(name.digest(), options.lock.is_some());
        shard.store(call)?;
        let before = size_of(&path);
        if let Some(written) = &temporary.0 {
            fs::rename(written, &path).map_err(call.failed("renaming an entry"))?;
        }
        temporary.0 = None;
        drop(shard);

        self.usage.get().wrote(before, (header::LEN + value.len()) as u64);
        if before.is_some() {
            // A replaced value must not come back after a power failure.
            self.directory.sync().map_err(call.failed("syncing the directory"))?;
        }
        self.usage.get().keep_to(&self.directory, self.limits, name);
        Ok(true)
    }

    fn write_temporary(
        &self,
        call: &Call,
        name: &Name,
        value: &[u8],
        ttl: Option<Duration>,
    ) -> Result<Temporary, BackendError> {
        let failed = call.failed("writing an entry");
        let (path, mut file) = self.directory.create_temporary(name).map_err(&failed)?;
        let temporary = Temporary(Some(path));
        file.write_all(&header::encode(ttl.map_or(0, |ttl| self.end(ttl)))).map_err(&failed)?;
        file.write_all(value).map_err(&failed)?;
        // Before it gets its name: after a power failure, the entry is complete or missing.
        file.sync_all().map_err(&failed)?;
        Ok(temporary)
    }

    /// The second in which an entry with this TTL ends: never later than it should.
    fn end(&self, ttl: Duration) -> u64 {
        self.now().as_secs().saturating_add(ttl.as_secs().max(1))
    }

    pub(super) fn delete(&self, call: &Call, name: &Name) -> Result<bool, BackendError> {
        let path = self.directory.entry(name);
        let mut shard = self.shard(call, name)?;
        call.check_time()?;
        shard.state.changed(name.digest(), false);
        shard.store(call)?;
        let size = size_of(&path);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(call.failed("deleting an entry")(error)),
        }
        drop(shard);
        if let Some(size) = size {
            self.usage.get().removed(size);
        }
        // An invalidated value must not come back after a power failure.
        self.directory.sync().map_err(call.failed("syncing the directory"))?;
        Ok(true)
    }

    /// Rewrites the expiry of an entry in place, and nothing else.
    pub(super) fn refresh(
        &self,
        call: &Call,
        name: &Name,
        ttl: Duration,
    ) -> Result<bool, BackendError> {
        let path = self.directory.entry(name);
        let shard = self.shard(call, name)?;
        let file = match self.open(call, &path, Mode::Exclusive)? {
            Found::Nothing => return Ok(false),
            Found::Dead(file) => {
                self.discard(&path, &file);
                return Ok(false);
            }
            Found::Live(file, _) => file,
        };
        call.check_time()?;
        // Another SDK replaces entries without our lock: the open file may no longer be the entry.
        if !is_same(&path, &file) {
            return Ok(false);
        }
        let failed = call.failed("rewriting the end of an entry");
        file.write_all_at(&self.end(ttl).to_be_bytes(), header::EXPIRY_AT).map_err(&failed)?;
        drop(shard);
        file.sync_data().map_err(&failed)?;
        Ok(true)
    }
}

/// The id in a token, if it is one of ours.
pub(super) fn id_of(token: &str) -> Option<Id> {
    let mut id = Id::default();
    hex::decode_to_slice(token, &mut id).ok()?;
    Some(id)
}

/// The token for an id.
pub(super) fn token_of(id: Id) -> String {
    hex::encode(id)
}

impl NewEntry {
    /// Whether the value and its windows can be stored at all.
    pub(super) fn check(&self, store: &Store, operation: Operation) -> Result<(), BackendError> {
        self.options.validate(operation)?;
        check_ttl(operation, self.options.ttl)?;
        if self.value.len() as u64 > store.limits.value_bytes {
            return Err(BackendError::new(BackendErrorKind::TooLarge, operation)
                .with_context("the value is larger than values may be here"));
        }
        Ok(())
    }
}

/// No reader of the format accepts a TTL of more than 10 years.
pub(super) fn check_ttl(operation: Operation, ttl: Option<Duration>) -> Result<(), BackendError> {
    if ttl.is_some_and(|ttl| ttl > MAX_TTL) {
        return Err(BackendError::new(BackendErrorKind::InvalidOption, operation)
            .with_context("a time to live must be at most 10 years"));
    }
    Ok(())
}

/// Keeps the token's type local to this module.
pub(super) fn lock_token(id: Id) -> LockToken {
    LockToken::new(token_of(id))
}
