//! The contract between what caches and what stores: the trait, what backends can do beyond it, and what goes in and
//! comes out.

mod backend;
mod capability;
mod value;

pub use self::backend::{Backend, BoxFuture};
pub use self::capability::{
    Batch, BatchEntry, BatchResults, Capability, Expiry, FenceToken, Fencing, InvalidationEvent,
    InvalidationEvents, InvalidationListener, LockToken, Locks, Subscription, TtlControl,
};
pub use self::value::{Fetched, Freshness, Health, SetOptions};
