//! What makes a backend refuse a write that an invalidation has overtaken.
//!
//! A backend with fences gets a fenced write; one with only locks gets a write under the key's lock. The fence or lock
//! is taken before anything is read, so that the backend knows whether the key changed since. A backend with neither
//! gets a write that this process watches ([`super::under_way`]). There is no other way to write:
//! [`RemoteEntry::write`] requires a [`WriteRight`], and only a guard gives one.

use std::time::Instant;

use cachekit_io::{FenceToken, LockToken};

use super::fill_lock::FillLock;
use super::remote_entry::{Failed, RemoteEntry, Written};
use crate::entry::Fate;
use crate::store::Store;

/// A backend's protection against late writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// Unknown, because the backend panicked when it was asked, or because nothing will be written.
    #[default]
    Unknown,
    Fence,
    Lock,
    /// None.
    Watch,
}

/// The guard of one call's writes, as far as it was available.
#[derive(Default)]
pub(crate) struct Guard {
    kind: Kind,
    fence: Option<FenceToken>,
    /// The guard if there are no fences. If there are, the lock only keeps other processes from running the function
    /// meanwhile.
    lock: Option<FillLock>,
}

/// The right to write one value. Only a guard gives it.
pub(crate) enum WriteRight {
    /// The backend refuses the write if the fence has moved.
    Fenced(FenceToken, Option<LockToken>),
    /// The backend refuses the write if the key changed since the lock was taken, or the lock is lost.
    Locked(LockToken),
    /// The backend refuses nothing.
    Watched,
}

impl Guard {
    /// A guard of the kind that the backend has; still to be taken.
    pub(crate) fn of(remote_entry: &RemoteEntry) -> Self {
        let kind = match remote_entry.has_fences() {
            Some(true) => Kind::Fence,
            Some(false) => match remote_entry.has_locks() {
                Some(true) => Kind::Lock,
                Some(false) => Kind::Watch,
                None => Kind::Unknown,
            },
            None => Kind::Unknown,
        };
        Self { kind, ..Self::default() }
    }

    pub(crate) fn wants_fence(&self) -> bool {
        self.kind == Kind::Fence && self.fence.is_none()
    }

    /// Without the lock, nothing can be written.
    pub(crate) fn wants_lock(&self) -> bool {
        self.kind == Kind::Lock && self.lock.is_none()
    }

    /// Whether a value may be written now.
    pub(crate) fn is_had(&self) -> bool {
        match self.kind {
            Kind::Unknown => false,
            Kind::Fence => self.fence.is_some(),
            Kind::Lock => self.lock.is_some(),
            Kind::Watch => true,
        }
    }

    /// Whether the backend refuses a write that it knows to be overtaken.
    pub(crate) fn refuses(&self) -> bool {
        matches!(self.kind, Kind::Fence | Kind::Lock)
    }

    /// Whether an entry's value may be written, as far as this process knows.
    ///
    /// An event kills the copy in this process, and so does a gap, which only says that events may have been lost. The
    /// fence decides whether another change came in between: the backend compares it with the write.
    pub(crate) fn lets_write(&self, fate: &Fate) -> bool {
        !fate.is_dead() || (self.fence.is_some() && !fate.is_invalidated())
    }

    pub(crate) fn has_lock(&self) -> bool {
        self.lock.is_some()
    }

    /// Takes a fence, or a newer one, if the backend has fences.
    pub(crate) async fn take_fence(
        &mut self,
        remote_entry: &RemoteEntry,
        store: &Store,
        until: Instant,
    ) -> Result<(), Failed> {
        if self.kind == Kind::Fence {
            self.fence = Some(remote_entry.fence(store, until).await?);
        }
        Ok(())
    }

    /// Acquires the key's lock, unless another caller holds it; never waits for it. True if it was free.
    pub(crate) async fn try_lock(
        &mut self,
        remote_entry: &RemoteEntry,
        store: &Store,
        until: Instant,
    ) -> Result<bool, Failed> {
        self.lock = remote_entry.try_acquire(store, until).await?;
        Ok(self.lock.is_some())
    }

    /// Releases the lock if it is of no further use.
    pub(crate) fn unlock(&mut self) {
        self.lock = None;
    }

    /// Takes the guard that the backend has, without waiting for any other caller.
    pub(crate) async fn take(
        &mut self,
        remote_entry: &RemoteEntry,
        store: &Store,
        until: Instant,
    ) -> Result<(), Failed> {
        match self.kind {
            Kind::Fence => self.take_fence(remote_entry, store, until).await,
            Kind::Lock => self.try_lock(remote_entry, store, until).await.map(drop),
            Kind::Watch | Kind::Unknown => Ok(()),
        }
    }

    /// Whether a value may be written. If not, that is how its write ends: refused if the guard has expired, since another
    /// process may have changed the key meanwhile, and unknown if it was not available.
    pub(crate) fn permit(&self) -> Result<WriteRight, Written> {
        let token = self.lock.as_ref().and_then(FillLock::token);
        match (self.kind, &self.fence) {
            (Kind::Fence, Some(fence)) => Ok(WriteRight::Fenced(fence.clone(), token)),
            (Kind::Lock, _) => match token {
                Some(token) => Ok(WriteRight::Locked(token)),
                None if self.lock.is_some() => Err(Written::Refused),
                None => Err(Written::Unknown),
            },
            (Kind::Watch, _) => Ok(WriteRight::Watched),
            (Kind::Fence | Kind::Unknown, _) => Err(Written::Unknown),
        }
    }
}
