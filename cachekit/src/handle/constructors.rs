//! Handles, made by generated code: one for each way in which a call's values may go to a shared tier.

use super::{AsyncHandle, Handle, place};
#[cfg(feature = "shared")]
use crate::backend_option::{BackendPin, IntoBackend};
use crate::key::CacheKey;
#[cfg(feature = "shared")]
use crate::pinned::{At, Pinned};
use crate::read_through::Remote;
#[cfg(feature = "secure")]
use crate::read_through::sealed::{self as secure, AtBackend, OfTenant};
use crate::rules::{Judge, Rules};
use crate::shape::Shape;
use crate::shareable::{Shareable, ShareableKey};
use crate::site::SiteRef;

macro_rules! constructors {
    ($local:ident, $shared:ident, $at:ident, $secure:ident, $handle:ident, $($rules:ident: $f:ident, $j:ident)?) => {
        /// A handle on a call whose values stay in this process.
        pub fn $local<Q, S, J $(, $f)?>(
            site: SiteRef,
            _shape: S,
            key: Q,
            judge: constructors!(@argument J $($f)?),
        ) -> $handle<S::Return>
        where
            Q: CacheKey,
            Q::Owned: Clone,
            S: Shape + Send + Sync + 'static,
            J: Judge<Q::Owned, S> + Send + Sync + 'static,
            $($f: FnOnce(Rules<Q::Owned, S>) -> $j,)?
        {
            $(let judge = $rules(judge);)?
            $handle(place::<Q, S>(site, &key, Box::new(judge), Remote::nowhere()))
        }

        /// A handle on a call whose values may go to the shared tier.
        pub fn $shared<Q, S, J $(, $f)?>(
            site: SiteRef,
            _shape: S,
            key: Q,
            judge: constructors!(@argument J $($f)?),
        ) -> $handle<S::Return>
        where
            Q: CacheKey,
            Q::Owned: Clone + ShareableKey,
            S: Shape + Send + Sync + 'static,
            S::Value: Shareable,
            J: Judge<Q::Owned, S> + Send + Sync + 'static,
            $($f: FnOnce(Rules<Q::Owned, S>) -> $j,)?
        {
            $(let judge = $rules(judge);)?
            let remote = Remote::of(site, &key);
            $handle(place::<Q, S>(site, &key, Box::new(judge), remote))
        }

        /// A handle on a call whose values may go to the backend that the attribute names.
        #[cfg(feature = "shared")]
        pub fn $at<Q, S, B, J $(, $f)?>(
            site: SiteRef,
            backend: &B,
            _shape: S,
            key: Q,
            judge: constructors!(@argument J $($f)?),
        ) -> $handle<S::Return>
        where
            Q: CacheKey,
            Q::Owned: Clone + ShareableKey,
            S: Shape + Send + Sync + 'static,
            S::Value: Shareable,
            B: IntoBackend + ?Sized,
            J: Judge<Pinned<Q::Owned, BackendPin>, S> + Send + Sync + 'static,
            $($f: FnOnce(Rules<Q::Owned, S>) -> $j,)?
        {
            $(let judge = $rules(judge);)?
            let remote = Remote::at(site, &key, backend.to_backend());
            $handle(place::<_, S>(site, &At { key, spot: backend }, Box::new(judge), remote))
        }

        /// A handle on a call whose values are sealed.
        #[cfg(feature = "secure")]
        pub fn $secure<Q, S, B, T, J $(, $f)?>(
            site: SiteRef,
            spot: (B, T),
            _shape: S,
            key: Q,
            judge: constructors!(@argument J $($f)?),
        ) -> $handle<S::Return>
        where
            Q: CacheKey,
            Q::Owned: Clone + ShareableKey,
            S: Shape + Send + Sync + 'static,
            S::Value: Shareable,
            B: AtBackend,
            T: OfTenant,
            J: Judge<Pinned<Q::Owned, (B::Pin, T::Pin)>, S> + Send + Sync + 'static,
            $($f: FnOnce(Rules<Q::Owned, S>) -> $j,)?
        {
            $(let judge = $rules(judge);)?
            let remote = secure::remote(site, &key, &spot);
            $handle(place::<_, S>(site, &At { key, spot }, Box::new(judge), remote))
        }
    };
    (@argument $judge:ident) => { $judge };
    (@argument $judge:ident $rules:ident) => { $rules };
}

// A closure costs the compiler more than a value: without rules there is none.
constructors!(handle, handle_shared, handle_at, handle_secure, Handle,);
constructors!(async_handle, async_handle_shared, async_handle_at, async_handle_secure, AsyncHandle,);
constructors!(
    handle_ruled,
    handle_shared_ruled,
    handle_at_ruled,
    handle_secure_ruled,
    Handle,
    ruled: F, J
);
constructors!(
    async_handle_ruled,
    async_handle_shared_ruled,
    async_handle_at_ruled,
    async_handle_secure_ruled,
    AsyncHandle,
    ruled: F, J
);

/// The rules of a value that is set from outside.
fn ruled<K, S: Shape, J>(rules: impl FnOnce(Rules<K, S>) -> J) -> J {
    rules(Rules::new())
}
