//! The contract between caches and stores: the trait, the optional capabilities, and the inputs and
//! outputs.

mod backend;
mod capability;
mod value;

pub use self::backend::{Backend, BoxFuture};
pub use self::capability::{
    Batch, BatchEntry, BatchResults, Capability, Expiry, FenceToken, Fencing, InvalidationEvent,
    InvalidationEvents, InvalidationListener, LockToken, Locks, Subscription, TtlControl,
};
pub use self::value::{Fetched, Freshness, Health, SetOptions};
