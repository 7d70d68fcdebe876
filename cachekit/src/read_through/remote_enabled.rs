//! The shared tier as one function sees it. No failure leaves this file: a tier that is down, slow or
//! corrupt is a miss.

use std::sync::Arc;

use bytes::Bytes;
use cachekit_io::{Backend, FenceToken, SetOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::{self, Ticks};
use crate::entry::Entry;
use crate::rules::Verdict;
pub(crate) use crate::shared::Removal;
use crate::shared::frame::{Frame, fingerprint, now_ms};
use crate::shared::{backend, codec, key};
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

/// How the types of one function go over the wire, as plain function pointers: one per type, not one per
/// function.
struct Wire<K, V> {
    key: fn(SiteRef, &K) -> Option<String>,
    encode: fn(&V) -> Option<Vec<u8>>,
    decode: fn(&[u8]) -> Option<V>,
}

/// The shared tier of one call: a function that may use it, and the backend there was when it started.
struct Target<K, V> {
    site: SiteRef,
    backend: Arc<dyn Backend>,
    wire: Wire<K, V>,
    /// Taken before the value was computed; a removal since then makes the backend refuse the value.
    fence: Option<FenceToken>,
}

impl<K, V> Target<K, V> {
    fn key(&self, key: &K) -> Option<String> {
        (self.wire.key)(self.site, key)
    }
}

/// The shared tier of one call, if there is one. Boxed: most calls carry none.
pub(crate) struct Remote<K, V>(Option<Box<Target<K, V>>>);

impl<K, V> Remote<K, V> {
    #[inline]
    pub(crate) fn none(_site: SiteRef) -> Self {
        Self(None)
    }

    /// For values that belong to no function.
    #[inline]
    pub(crate) fn nowhere() -> Self {
        Self(None)
    }

    pub(crate) fn of(site: SiteRef) -> Self
    where
        K: Serialize,
        V: Serialize + DeserializeOwned,
    {
        let wire = Wire { key: key::storage_key, encode: codec::encode, decode: codec::decode };
        Self(backend().map(|backend| Box::new(Target { site, backend, wire, fence: None })))
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// The value, if the tier has a whole and fresh one.
    pub(crate) async fn fetch(&self, key: &K, store: &Store) -> Option<Fetched<V>> {
        let target = self.0.as_deref()?;
        let text = target.key(key)?;
        let Ok(fetched) = target.backend.get(&text).await else {
            store.count_shared_error();
            return None;
        };
        let fetched = fetched?;
        let frame = Frame::decode(fetched.value())?;
        if frame.fingerprint != fingerprint::<V>() {
            return None;
        }
        // What the backend calls stale is not for this tier to keep.
        let bound = if fetched.is_fresh() { clock::span(fetched.fresh_for()) } else { 0 };
        let remaining = frame.remaining(now_ms()).min(bound);
        if remaining == 0 {
            return None;
        }
        let value = (target.wire.decode)(frame.payload)?;
        store.count_shared_hit();
        Some(Fetched { value, remaining, weight: frame.weight })
    }

    /// Asks the backend to refuse the value if the entry is removed from here on.
    pub(crate) async fn fence(&mut self, key: &K, store: &Store) {
        let Some(target) = self.0.as_deref_mut() else { return };
        let (Some(fencing), Some(text)) = (target.backend.fencing(), target.key(key)) else {
            return;
        };
        match fencing.fence(&text).await {
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
        let Some(target) = self.0.as_deref() else { return true };
        let Some(text) = target.key(&entry.key) else { return true };
        let Some(payload) = (target.wire.encode)(value) else {
            store.count_shared_error();
            return true;
        };
        let ttl = (verdict.ttl != clock::NEVER).then(|| clock::duration(verdict.ttl));
        let fresh_ms =
            ttl.map_or(0, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1));
        let frame = Frame {
            fingerprint: fingerprint::<V>(),
            created_ms: now_ms(),
            fresh_ms,
            weight: verdict.weight,
            payload: &payload,
        };
        let Some(bytes) = frame.encode() else { return true };
        let options = ttl.map_or_else(SetOptions::new, |ttl| SetOptions::new().ttl(ttl));
        let written = match (target.backend.fencing(), &target.fence) {
            (Some(fencing), Some(token)) => {
                fencing.set_fenced(&text, Bytes::from(bytes), &options, token).await
            }
            _ => target.backend.set(&text, Bytes::from(bytes), &options).await.map(|()| true),
        };
        if written.is_err() {
            store.count_shared_error();
        }
        // An invalidation that came while the write was under way may have reached the backend before
        // it: take the value back.
        if entry.head.is_dead() {
            self.remove(&entry.key, store).await;
        }
        !matches!(written, Ok(false))
    }

    pub(crate) async fn remove(&self, key: &K, store: &Store) -> Removal {
        let Some(target) = self.0.as_deref() else { return Removal::NotUsed };
        let Some(text) = target.key(key) else { return Removal::Failed };
        if target.backend.delete(&text).await.is_err() {
            store.count_shared_error();
            return Removal::Failed;
        }
        Removal::Confirmed
    }
}
