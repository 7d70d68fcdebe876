//! The shared tier as one function sees it. No failure leaves this file: a tier that is down, slow or
//! corrupt is a miss.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cachekit_io::{Backend, FenceToken, SetOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock;
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
    pub(crate) remaining: Option<Duration>,
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
pub(crate) struct Remote<K, V> {
    target: Option<(SiteRef, Arc<dyn Backend>, Wire<K, V>)>,
    /// Taken before the value was computed; a removal since then makes the backend refuse the value.
    fence: Option<FenceToken>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Remote<K, V> {
    #[inline]
    pub(crate) fn none(_site: SiteRef) -> Self {
        Self::nowhere()
    }

    /// For values that belong to no function.
    #[inline]
    pub(crate) fn nowhere() -> Self {
        Self { target: None, fence: None, types: PhantomData }
    }

    pub(crate) fn of(site: SiteRef) -> Self
    where
        K: Serialize,
        V: Serialize + DeserializeOwned,
    {
        let wire = Wire { key: key::storage_key, encode: codec::encode, decode: codec::decode };
        let target = backend().map(|backend| (site, backend, wire));
        Self { target, fence: None, types: PhantomData }
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.target.is_some()
    }

    /// The value, if the tier has a whole and fresh one.
    pub(crate) async fn fetch(&self, key: &K, store: &Store) -> Option<Fetched<V>> {
        let (site, backend, wire) = self.target.as_ref()?;
        let text = (wire.key)(*site, key)?;
        let fetched = match backend.get(&text).await {
            Ok(fetched) => fetched?,
            Err(_) => {
                store.count_shared_error();
                return None;
            }
        };
        let bytes = fetched.value();
        let found = Frame::decode(bytes)
            .filter(|frame| frame.fingerprint == fingerprint::<V>())
            .and_then(|frame| Some((frame.remaining(now_ms())?, frame)))
            .and_then(|(remaining, frame)| {
                let value = (wire.decode)(frame.payload)?;
                Some(Fetched { value, remaining, weight: frame.weight })
            })?;
        // What the backend calls stale is not for this tier to keep.
        let bound = if fetched.is_fresh() { fetched.fresh_for() } else { Some(Duration::ZERO) };
        let remaining = match (found.remaining, bound) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if remaining.is_some_and(|remaining| remaining.is_zero()) {
            return None;
        }
        store.count_shared_hit();
        Some(Fetched { remaining, ..found })
    }

    /// Asks the backend to refuse the value if the entry is removed from here on.
    pub(crate) async fn fence(&mut self, key: &K, store: &Store) {
        let Some((site, backend, wire)) = self.target.as_ref() else { return };
        let (Some(fencing), Some(text)) = (backend.fencing(), (wire.key)(*site, key)) else {
            return;
        };
        match fencing.fence(&text).await {
            Ok(token) => self.fence = Some(token),
            Err(_) => store.count_shared_error(),
        }
    }

    /// Writes a value, unless it was invalidated meanwhile.
    pub(crate) async fn store(
        &self,
        entry: &Arc<Entry<K, V>>,
        value: &V,
        verdict: Verdict,
        store: &Store,
    ) {
        let Some((site, backend, wire)) = self.target.as_ref() else { return };
        let Some(text) = (wire.key)(*site, &entry.key) else { return };
        let Some(payload) = (wire.encode)(value) else {
            store.count_shared_error();
            return;
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
        let Some(bytes) = frame.encode() else { return };
        let options = ttl.map_or_else(SetOptions::new, |ttl| SetOptions::new().ttl(ttl));
        let written = match (backend.fencing(), &self.fence) {
            (Some(fencing), Some(token)) => {
                fencing.set_fenced(&text, Bytes::from(bytes), &options, token).await.map(|_| ())
            }
            _ => backend.set(&text, Bytes::from(bytes), &options).await,
        };
        if written.is_err() {
            store.count_shared_error();
        }
        // An invalidation that came while the write was under way may have reached the backend before
        // it: take the value back.
        if entry.head.is_dead() && self.remove(&entry.key, store).await == Removal::Failed {
            store.count_shared_error();
        }
    }

    pub(crate) async fn remove(&self, key: &K, store: &Store) -> Removal {
        let Some((site, backend, wire)) = self.target.as_ref() else { return Removal::NotUsed };
        let Some(text) = (wire.key)(*site, key) else { return Removal::Failed };
        match backend.delete(&text).await {
            Ok(_) => Removal::Confirmed,
            Err(_) => {
                store.count_shared_error();
                Removal::Failed
            }
        }
    }
}
