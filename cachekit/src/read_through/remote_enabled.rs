//! The shared tier as one function sees it. No failure leaves this file: a tier that is down, slow or
//! corrupt is a miss.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use cachekit_io::{Backend, FenceToken, SetOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::{self, Ticks};
use crate::entry::Entry;
use crate::key::CacheKey;
use crate::rules::Verdict;
pub(crate) use crate::shared::Removal;
use crate::shared::frame::{Compression, Frame, Lifetime, Place, now_ms};
use crate::shared::key::storage_key;
use crate::shared::{backend, codec};
use crate::site::{Site, SiteRef, Tier};
use crate::store::Store;

impl Removal {
    /// A backend cannot list a function's keys, so clearing is not confirmed where there is one.
    pub(crate) fn for_clear(site: &'static Site) -> Self {
        if site.info.tier == Tier::Shared && backend().is_some() {
            Self::Failed
        } else {
            Self::NotUsed
        }
    }
}

/// A value from the shared tier.
pub(crate) struct Fetched<V> {
    pub(crate) value: V,
    /// `NEVER` without end.
    pub(crate) remaining: Ticks,
    pub(crate) weight: u64,
}

/// How a value goes over the wire, as plain function pointers: one per type, not one per function.
struct Wire<V> {
    encode: fn(&V, codec::Choice) -> Option<codec::Encoded>,
    decode: fn(codec::EncodedRef<'_>) -> Option<V>,
}

/// The shared tier of one call: its place there, and the backend there was when it started.
struct Target<V> {
    key: String,
    /// The key names this call and no other. Else only removals go there: a value may have been written
    /// before the second owner of the name appeared, and removing is always safe.
    unambiguous: bool,
    backend: Arc<dyn Backend>,
    wire: Wire<V>,
    /// Taken before the value was computed; a removal since then makes the backend refuse the value.
    fence: Option<FenceToken>,
}

impl<V> Target<V> {
    fn place(&self) -> Place<'_> {
        Place { key: &self.key, type_name: std::any::type_name::<V>() }
    }
}

/// The shared tier of one call, if there is one. Boxed: most calls carry none.
pub(crate) struct Remote<K, V>(Option<Box<Target<V>>>, PhantomData<fn() -> K>);

impl<K, V> Remote<K, V> {
    /// For values that stay in the process.
    #[inline]
    pub(crate) fn nowhere() -> Self {
        Self(None, PhantomData)
    }

    pub(crate) fn of<Q>(site: SiteRef, key: &Q) -> Self
    where
        Q: CacheKey<Owned = K>,
        K: Serialize,
        V: Serialize + DeserializeOwned,
    {
        let target = backend().and_then(|backend| {
            let (key, unambiguous) = storage_key(site, key)?;
            let wire = Wire { encode: codec::encode, decode: codec::decode };
            Some(Box::new(Target { key, unambiguous, backend, wire, fence: None }))
        });
        Self(target, PhantomData)
    }

    /// The tier, if it may hold this call's value.
    fn holding(&self) -> Option<&Target<V>> {
        self.0.as_deref().filter(|target| target.unambiguous)
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// The value, if the tier has a whole and fresh one.
    pub(crate) async fn fetch(&self, store: &Store) -> Option<Fetched<V>> {
        let target = self.holding()?;
        let Ok(fetched) = target.backend.get(&target.key).await else {
            store.count_shared_error();
            return None;
        };
        let fetched = fetched?;
        let frame = Frame::decode(fetched.value(), target.place())?;
        // What the backend calls stale is not for this tier to keep.
        let bound = if fetched.is_fresh() { clock::span(fetched.fresh_for()) } else { 0 };
        let Lifetime::Fresh(remaining) = frame.lifetime(now_ms()) else { return None };
        let remaining = remaining.min(bound);
        if remaining == 0 {
            return None;
        }
        let value = (target.wire.decode)(frame.encoded())?;
        Some(Fetched { value, remaining, weight: frame.weight })
    }

    /// Asks the backend to refuse the value if the entry is removed from here on.
    pub(crate) async fn fence(&mut self, store: &Store) {
        let Some(target) = self.0.as_deref_mut().filter(|target| target.unambiguous) else {
            return;
        };
        let Some(fencing) = target.backend.fencing() else { return };
        match fencing.fence(&target.key).await {
            Ok(token) => target.fence = Some(token),
            Err(_) => store.count_shared_error(),
        }
    }

    /// Writes a value, unless it was invalidated meanwhile. False if the backend knows of an
    /// invalidation: the value is not to be kept here either.
    pub(crate) async fn store(
        &self,
        entry: &Arc<Entry<K, V>>,
        value: &V,
        verdict: Verdict,
        store: &Store,
    ) -> bool {
        let Some(target) = self.holding() else { return true };
        if entry.head.is_dead() {
            return false;
        }
        let Some(encoded) = (target.wire.encode)(value, codec::Choice::Auto) else {
            store.count_shared_error();
            return true;
        };
        let ttl = (verdict.ttl != clock::NEVER).then(|| clock::duration(verdict.ttl));
        let fresh_ms =
            ttl.map_or(0, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1));
        let frame = Frame {
            created_ms: now_ms(),
            fresh_ms,
            stale_ms: 0,
            cost_us: 0,
            weight: verdict.weight,
            codec: encoded.stamp,
            payload: encoded.bytes.into(),
        };
        let bytes = frame.encode(target.place(), Compression::Lz4);
        let Some(bytes) = bytes.map(Bytes::from) else { return true };
        let options = ttl.map_or_else(SetOptions::new, |ttl| SetOptions::new().ttl(ttl));
        let written = match (target.backend.fencing(), &target.fence) {
            (Some(fencing), Some(token)) => {
                fencing.set_fenced(&target.key, bytes, &options, token).await
            }
            _ => target.backend.set(&target.key, bytes, &options).await.map(|()| true),
        };
        if written.is_err() {
            store.count_shared_error();
        }
        // An invalidation that came while the write was under way may have reached the backend before
        // it: take the value back. A refused one is not there.
        if entry.head.is_dead() && !matches!(written, Ok(false)) {
            self.remove(store).await;
        }
        !matches!(written, Ok(false))
    }

    pub(crate) async fn remove(&self, store: &Store) -> Removal {
        let Some(target) = self.0.as_deref() else { return Removal::NotUsed };
        if target.backend.delete(&target.key).await.is_err() {
            store.count_shared_error();
            return Removal::Failed;
        }
        Removal::Confirmed
    }
}
