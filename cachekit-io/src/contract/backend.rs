//! The contract of a backend.

use crate::{
    BackendError, Batch, Fencing, Fetched, Health, InvalidationEvents, Locks, SetOptions,
    TtlControl,
};
use bytes::Bytes;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A boxed future, so that [`Backend`] can be used as `dyn Backend`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A byte store that outlives the process or is shared by several.
///
/// # Contract
///
/// - **Own values only.** `get` returns the bytes last stored under exactly this key, or nothing.
///   A store that rewrites keys must keep different keys different.
/// - **Keys.** Every key of 1 to 400 bytes from `A-Z a-z 0-9 _ - . :` is accepted, unless the
///   backend reserves that very name. Any other key is either stored faithfully or refused with
///   [`InvalidKey`](crate::BackendErrorKind::InvalidKey) before anything is sent. The empty key is
///   always refused.
/// - **Windows.** A value is fresh for [`SetOptions::ttl`], then stale for
///   [`SetOptions::stale_ttl`], then gone. A store that cannot distinguish fresh from stale drops the
///   entry at the end of `ttl`; it never passes off a stale value as fresh. If a store counts
///   whole seconds, less than one second becomes one and the rest is rounded down.
/// - **Read your writes.** What `set` or `delete` confirmed, the next `get` through the same
///   backend sees. An entry may vanish at any time (eviction); it never comes back.
/// - **Lazy.** A returned future does nothing before it is first polled. Dropping it half-way
///   leaves the store consistent; whether the operation happened is then unknown.
/// - **Bounded.** A backend that communicates with anything bounds every operation with its own
///   deadline and reports [`Timeout`](crate::BackendErrorKind::Timeout).
/// - **No secrets** in [`Debug`](fmt::Debug) output and errors; see [`BackendError`].
///
/// The crate's `conformance` feature checks everything that can be observed from outside.
///
/// # Example
///
/// A store with one slot, to show what an implementation must contain:
///
/// ```
/// use bytes::Bytes;
/// use cachekit_io::{Backend, BackendError, BoxFuture, Fetched, Health, SetOptions};
/// use std::sync::Mutex;
/// use std::time::Duration;
///
/// #[derive(Debug, Default)]
/// struct OneSlot(Mutex<Option<(String, Bytes)>>);
///
/// impl Backend for OneSlot {
///     fn get<'a>(
///         &'a self,
///         key: &'a str,
///     ) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
///         Box::pin(async move {
///             let slot = self.0.lock().unwrap();
///             let found = slot.as_ref().filter(|(stored, _)| stored == key);
///             Ok(found.map(|(_, value)| Fetched::fresh(value.clone())))
///         })
///     }
///
///     fn set<'a>(
///         &'a self,
///         key: &'a str,
///         value: Bytes,
///         _options: &'a SetOptions,
///     ) -> BoxFuture<'a, Result<(), BackendError>> {
///         Box::pin(async move {
///             *self.0.lock().unwrap() = Some((key.to_owned(), value));
///             Ok(())
///         })
///     }
///
///     fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
///         Box::pin(async move {
///             let mut slot = self.0.lock().unwrap();
///             Ok(slot.take_if(|(stored, _)| stored == key).is_some())
///         })
///     }
///
///     fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
///         Box::pin(async move { Ok(self.get(key).await?.is_some()) })
///     }
///
///     fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
///         Box::pin(async { Ok(Health::new("one slot", Duration::ZERO)) })
///     }
/// }
///
/// # pollster::block_on(async {
/// let backend: Box<dyn Backend> = Box::new(OneSlot::default());
/// backend.set("k", Bytes::from_static(b"v"), &SetOptions::new()).await?;
/// assert!(backend.exists("k").await?);
/// assert!(backend.locks().is_none());
/// # Ok::<(), BackendError>(())
/// # }).unwrap();
/// ```
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The value stored under this key, if there is one that is fresh or stale.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>>;

    /// Like [`get`](Self::get), for a value that does not itself state its lifetime. If the backend knows when the
    /// entry ends, [`Fetched::fresh_for`] says so.
    ///
    /// Many backends report that with each `get`, and need not implement this. Decorators pass it on.
    fn get_timed<'a>(
        &'a self,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        self.get(key)
    }

    /// Stores a value, replacing any previous value and both its windows.
    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>>;

    /// Removes the entry; deleting a missing entry is not an error.
    ///
    /// `false` only if the backend knows that there was no entry. Services that do not report this
    /// answer `true` each time.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>>;

    /// Whether `get` would find an entry, without transferring the value.
    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>>;

    /// Checks whether the backend is up. An error means that it is not.
    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>>;

    /// The kind of backend, as a short label for logs and counters; decorators return that of the
    /// backend they wrap.
    fn backend_type(&self) -> &'static str {
        "custom"
    }

    /// Whether entries are stored under names other than their keys, for example with a prefix, so that programs
    /// without the same setting do not find them. Decorators return the answer of the backend they wrap.
    fn renames_keys(&self) -> bool {
        false
    }

    /// Locks that other processes see, if the backend has them.
    fn locks(&self) -> Option<&dyn Locks> {
        None
    }

    /// Reading and extending the TTL of an entry, if the backend can.
    fn ttl(&self) -> Option<&dyn TtlControl> {
        None
    }

    /// Many keys in one operation, if the backend can.
    fn batch(&self) -> Option<&dyn Batch> {
        None
    }

    /// Writes that lose against an invalidation in the meantime, if the backend can.
    fn fencing(&self) -> Option<&dyn Fencing> {
        None
    }

    /// Events about what others invalidated, if the backend sends them.
    fn events(&self) -> Option<&dyn InvalidationEvents> {
        None
    }
}

/// A pointer to a backend is a backend with the same capabilities.
macro_rules! forward_to_pointee {
    ($pointer:ident) => {
        impl<B: Backend + ?Sized> Backend for $pointer<B> {
            fn get<'a>(
                &'a self,
                key: &'a str,
            ) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
                (**self).get(key)
            }

            fn get_timed<'a>(
                &'a self,
                key: &'a str,
            ) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
                (**self).get_timed(key)
            }

            fn set<'a>(
                &'a self,
                key: &'a str,
                value: Bytes,
                options: &'a SetOptions,
            ) -> BoxFuture<'a, Result<(), BackendError>> {
                (**self).set(key, value, options)
            }

            fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
                (**self).delete(key)
            }

            fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
                (**self).exists(key)
            }

            fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
                (**self).health()
            }

            fn backend_type(&self) -> &'static str {
                (**self).backend_type()
            }

            fn renames_keys(&self) -> bool {
                (**self).renames_keys()
            }

            fn locks(&self) -> Option<&dyn Locks> {
                (**self).locks()
            }

            fn ttl(&self) -> Option<&dyn TtlControl> {
                (**self).ttl()
            }

            fn batch(&self) -> Option<&dyn Batch> {
                (**self).batch()
            }

            fn fencing(&self) -> Option<&dyn Fencing> {
                (**self).fencing()
            }

            fn events(&self) -> Option<&dyn InvalidationEvents> {
                (**self).events()
            }
        }
    };
}

forward_to_pointee!(Arc);
forward_to_pointee!(Box);
