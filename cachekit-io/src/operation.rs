//! The names of a backend's operations, for errors, logs and counters.

use std::fmt;

/// An operation of a backend.
///
/// # Example
///
/// ```
/// use cachekit_io::Operation;
///
/// assert_eq!(Operation::SetFenced.as_str(), "set_fenced");
/// assert!(Operation::SetFenced.is_write());
/// assert!(!Operation::Get.is_write());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// Building the backend or reaching its service for the first time.
    Connect,
    /// [`Backend::get`](crate::Backend::get).
    Get,
    /// [`Backend::set`](crate::Backend::set).
    Set,
    /// [`Backend::delete`](crate::Backend::delete).
    Delete,
    /// [`Backend::exists`](crate::Backend::exists).
    Exists,
    /// [`Backend::health`](crate::Backend::health).
    Health,
    /// [`Locks::try_acquire`](crate::Locks::try_acquire).
    Lock,
    /// [`Locks::release`](crate::Locks::release).
    Unlock,
    /// [`TtlControl::expiry`](crate::TtlControl::expiry).
    Expiry,
    /// [`TtlControl::refresh`](crate::TtlControl::refresh).
    Refresh,
    /// [`Batch::get_many`](crate::Batch::get_many).
    GetMany,
    /// [`Batch::set_many`](crate::Batch::set_many).
    SetMany,
    /// [`Batch::delete_many`](crate::Batch::delete_many).
    DeleteMany,
    /// [`Fencing::fence`](crate::Fencing::fence).
    Fence,
    /// [`Fencing::set_fenced`](crate::Fencing::set_fenced).
    SetFenced,
    /// [`InvalidationEvents::subscribe`](crate::InvalidationEvents::subscribe).
    Subscribe,
}

impl Operation {
    /// A fixed lower-case name, fit for a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Get => "get",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Exists => "exists",
            Self::Health => "health",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Expiry => "expiry",
            Self::Refresh => "refresh",
            Self::GetMany => "get_many",
            Self::SetMany => "set_many",
            Self::DeleteMany => "delete_many",
            Self::Fence => "fence",
            Self::SetFenced => "set_fenced",
            Self::Subscribe => "subscribe",
        }
    }

    /// Whether the operation changes stored values or their TTLs.
    ///
    /// Locks and fences are bookkeeping besides the values and do not count.
    pub const fn is_write(self) -> bool {
        matches!(
            self,
            Self::Set
                | Self::Delete
                | Self::Refresh
                | Self::SetMany
                | Self::DeleteMany
                | Self::SetFenced
        )
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
