//! What some backends can do beyond the contract of [`Backend`].

mod batch;
mod events;
mod fencing;
mod locks;
mod ttl;

pub use self::batch::{Batch, BatchEntry, BatchResults};
pub use self::events::{InvalidationEvent, InvalidationEvents, InvalidationListener, Subscription};
pub use self::fencing::{FenceToken, Fencing};
pub use self::locks::{LockToken, Locks};
pub use self::ttl::{Expiry, TtlControl};

use crate::Backend;

/// The optional capabilities of a backend, by name.
///
/// # Example
///
/// ```
/// use cachekit_io::{Capability, MemoryBackend};
///
/// let backend = MemoryBackend::new();
/// assert!(Capability::ALL.iter().all(|capability| capability.is_offered_by(&backend)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Capability {
    /// [`Locks`].
    Locks,
    /// [`TtlControl`].
    Ttl,
    /// [`Batch`].
    Batch,
    /// [`Fencing`].
    Fencing,
    /// [`InvalidationEvents`].
    Events,
}

impl Capability {
    /// All capabilities.
    pub const ALL: &'static [Self] =
        &[Self::Locks, Self::Ttl, Self::Batch, Self::Fencing, Self::Events];

    /// Whether this backend has the capability.
    pub fn is_offered_by(self, backend: &dyn Backend) -> bool {
        match self {
            Self::Locks => backend.locks().is_some(),
            Self::Ttl => backend.ttl().is_some(),
            Self::Batch => backend.batch().is_some(),
            Self::Fencing => backend.fencing().is_some(),
            Self::Events => backend.events().is_some(),
        }
    }
}
