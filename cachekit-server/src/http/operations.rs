//! What each request does once it is authorized.

use super::body::Upload;
use super::reply::{Content, Later, Refusal, Reply, Unsent, empty, json, with_content};
use super::{Admitted, Service, headers};
use crate::alarm::Limit;
use crate::clock::Timestamp;
use crate::home::{Found, Put, Refreshed, Said};
use crate::locks::Acquired;
use crate::metrics::{Action, Lookup};
use crate::outgoing::{SMALL, Share};
use crate::store::{EntryKey, Lifetime, Measured, StoreError};
use crate::tenant::Account;
use crate::watch::{InFlight, Pulse};
use bytes::Bytes;
use cachekit_io::wire::body::{
    Done, HealthResponse, LockRequest, LockResponse, TtlRequest, TtlResponse,
};
use cachekit_io::wire::header as name;
use cachekit_io::wire::limits::MAX_TTL_SECONDS;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The largest JSON body, in bytes.
const MAX_JSON_BYTES: usize = 4096;

const DONE: Done = Done { success: true };

impl Service {
    pub(super) async fn perform<B>(
        &self,
        request: Admitted,
        headers: HeaderMap,
        upload: &mut Upload<'_, B>,
        running: &InFlight,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        if !matches!(request.action, Action::Set | Action::Refresh | Action::Lock) {
            upload.discard().await?;
        }
        let account = &request.account;
        let Some(key) = &request.key else {
            return match request.action {
                Action::Describe => Ok(self.describe()),
                _ => self.health(&request.caller.tenant).await,
            };
        };
        match request.action {
            Action::Get => self.get(key, account, running.pulse()).await,
            Action::Exists => self.exists(key).await,
            Action::Set => {
                let quota = request.caller.limits.or(self.default_limits).stored_bytes;
                self.set(key, headers, upload, account, quota).await
            }
            Action::Delete => self.delete(key).await,
            Action::Ttl => self.ttl(key).await,
            Action::Refresh => {
                drop(headers);
                self.refresh(key, upload, account).await
            }
            Action::Lock => {
                drop(headers);
                self.lock(key, upload, account).await
            }
            Action::Unlock => self.unlock(key, &headers, request.legacy_lock.as_deref()).await,
            Action::Health | Action::Describe | Action::Options | Action::Refused => {
                Err(Refusal::new(StatusCode::NOT_FOUND, "no such path"))
            }
        }
    }

    fn describe(&self) -> Reply {
        let content = Content::Whole(self.description.clone(), None);
        with_content(StatusCode::OK, name::JSON, content)
    }

    async fn health(&self, tenant: &str) -> Result<Reply, Refusal> {
        let counts = self.home.counts(tenant).await.map_err(refuse)?;
        let health = HealthResponse {
            status: "ok".to_owned(),
            cache_entries: counts.entries,
            active_locks: counts.locks,
            version: None,
        };
        Ok(json(StatusCode::OK, &health))
    }

    async fn get(
        &self,
        key: &EntryKey,
        account: &Arc<Account>,
        pulse: &Arc<Pulse>,
    ) -> Result<Reply, Refusal> {
        let now = self.now();
        let found = self.found(key, account, pulse, now).await?;
        let Some((content, lifetime)) = found else {
            self.metrics.looked_up(Lookup::Miss);
            return Err(absent());
        };
        self.metrics.looked_up(if lifetime.is_fresh(now) { Lookup::Hit } else { Lookup::Stale });
        let mut reply = with_content(StatusCode::OK, name::OCTET_STREAM, content);
        say_freshness(reply.headers_mut(), lifetime, now);
        if let Some(left) = fresh_for(lifetime, now) {
            reply.headers_mut().insert(name::FRESH_FOR, HeaderValue::from(left));
        }
        Ok(reply)
    }

    /// The value, if there is space to hold it; otherwise a loader for when there is.
    async fn found(
        &self,
        key: &EntryKey,
        account: &Arc<Account>,
        pulse: &Arc<Pulse>,
        now: Timestamp,
    ) -> Result<Option<(Content, Lifetime)>, Refusal> {
        // Most values are small: one look at the store is enough for them.
        let mut room = SMALL;
        loop {
            let mut share = self.outgoing.try_hold(pulse, account, room);
            let most = if share.is_some() { room } else { 0 };
            let found;
            (found, share) = self.look(key, now, most, share).await;
            let Some(found) = found.map_err(refuse)? else { return Ok(None) };
            match found.measured {
                Measured::Whole(entry) => {
                    if let Some(share) = &mut share {
                        share.shrink(entry.value.len());
                    }
                    return Ok(Some((Content::Whole(entry.value, share), entry.lifetime)));
                }
                // Without the share of this round, which is dropped.
                Measured::Longer { length, .. } if share.is_some() => room = length,
                Measured::Longer { length, lifetime } => {
                    let later = self.later(key, account, pulse, length, found.said);
                    return Ok(Some((Content::Later(later), lifetime)));
                }
            }
        }
    }

    /// Queries the store. Space beyond a small value stays reserved until the answer arrives, even if the
    /// peer gives the request up, because a store in another process still works on it.
    async fn look(
        &self,
        key: &EntryKey,
        now: Timestamp,
        most: usize,
        share: Option<Share>,
    ) -> (Result<Option<Found>, StoreError>, Option<Share>) {
        if most <= SMALL {
            return (self.home.get_up_to(key, now, most).await, share);
        }
        let (home, key) = (Arc::clone(&self.home), key.clone());
        let looking = async move { (home.get_up_to(&key, now, most).await, share) };
        let looked = tokio::spawn(looking).await;
        looked.unwrap_or_else(|_| (Err(StoreError::unavailable(&"the look-up ended")), None))
    }

    /// Loads a value once there is space for it.
    fn later(
        &self,
        key: &EntryKey,
        account: &Arc<Account>,
        pulse: &Arc<Pulse>,
        length: usize,
        said: Said,
    ) -> Later {
        let (home, outgoing) = (Arc::clone(&self.home), Arc::clone(&self.outgoing));
        let (account, pulse) = (Arc::clone(account), Arc::clone(pulse));
        let key = key.clone();
        let loading = async move {
            let _turn = pulse.turn.lock().await;
            let share: Share = outgoing.hold(&pulse, &account, length).await.ok_or(Unsent)?;
            // The head stated its length and its expiry: nothing else may follow it.
            // Even if the peer gives the request up, the space stays reserved until the store has answered.
            let load = async move { (home.load(&key, length, said).await, share) };
            match tokio::spawn(load).await {
                Ok((Ok(Some(value)), share)) => Ok((value, share)),
                _ => Err(Unsent),
            }
        };
        Later::new(length, loading)
    }

    async fn exists(&self, key: &EntryKey) -> Result<Reply, Refusal> {
        let now = self.now();
        let lifetime = self.home.lifetime(key, now).await.map_err(refuse)?.ok_or_else(absent)?;
        let mut reply = empty(StatusCode::OK);
        say_freshness(reply.headers_mut(), lifetime, now);
        Ok(reply)
    }

    async fn set<B>(
        &self,
        key: &EntryKey,
        headers: HeaderMap,
        upload: &mut Upload<'_, B>,
        account: &Arc<Account>,
        quota: Option<u64>,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        headers::check_encoding(&headers)?;
        let lifetime = headers::lifetime(&headers)?;
        let lock_id = headers::lock_id(&headers)?.map(<[u8]>::to_vec);
        // The body may take its time.
        drop(headers);
        let most = self.limits.max_value_bytes;
        upload.check_length(most)?;
        // Before any of it is read; without a length, check whether an empty value would fit.
        let length = upload.announced().unwrap_or(0);
        let full = |error| self.refuse_stored(error, account);
        self.home.would_fit(key, length, quota).map_err(full)?;
        let received = upload.read(most, self.space(account)).await?;
        let (home, key) = (Arc::clone(&self.home), key.clone());
        let put = received.hand_to(|value| async move {
            home.put(&key, value, lifetime, lock_id.as_deref(), quota).await
        });
        let put = put.await.unwrap_or_else(|| Err(StoreError::unavailable(&"the write ended")));
        match put.map_err(full)? {
            Put::Stored => Ok(json(StatusCode::OK, &DONE)),
            Put::Overtaken => {
                let reason = "the lock is not held any more, or the key changed since it was taken";
                Err(Refusal::new(StatusCode::PRECONDITION_FAILED, reason))
            }
        }
    }

    fn refuse_stored(&self, error: StoreError, account: &Account) -> Refusal {
        if matches!(error, StoreError::Quota) {
            self.metrics.alarms.raise(Limit::TenantStored, Some(account.name()));
        }
        refuse(error)
    }

    async fn delete(&self, key: &EntryKey) -> Result<Reply, Refusal> {
        self.home.delete(key).await.map_err(refuse)?;
        Ok(json(StatusCode::OK, &DONE))
    }

    async fn ttl(&self, key: &EntryKey) -> Result<Reply, Refusal> {
        let now = self.now();
        let lifetime = self.home.lifetime(key, now).await.map_err(refuse)?.ok_or_else(absent)?;
        // An existing entry has some time left, so this is never zero.
        let ttl = lifetime.is_bounded().then(|| lifetime.gone_at.millis_since(now).div_ceil(1000));
        Ok(json(StatusCode::OK, &TtlResponse { ttl }))
    }

    async fn refresh<B>(
        &self,
        key: &EntryKey,
        upload: &mut Upload<'_, B>,
        account: &Arc<Account>,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let TtlRequest { ttl } =
            self.json_body(upload, account, r#"{"ttl":n}, n in seconds"#).await?;
        if !(1..=MAX_TTL_SECONDS).contains(&ttl) {
            return Err(Refusal::bad_request("ttl is a number from 1 to 2592000"));
        }
        match self.home.refresh(key, ttl).await.map_err(refuse)? {
            // An absent entry stays absent, and that is not an error.
            Refreshed::Done => Ok(json(StatusCode::OK, &DONE)),
            Refreshed::Stale => {
                let reason = "the entry is stale: put a new value";
                Err(Refusal::new(StatusCode::CONFLICT, reason))
            }
            Refreshed::TooLong => Err(headers::TOO_LONG),
        }
    }

    async fn lock<B>(
        &self,
        key: &EntryKey,
        upload: &mut Upload<'_, B>,
        account: &Arc<Account>,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let LockRequest { timeout_ms } =
            self.json_body(upload, account, r#"{"timeout_ms":n}, n in milliseconds"#).await?;
        if timeout_ms == 0 {
            return Err(Refusal::bad_request("timeout_ms is a number of at least 1"));
        }
        let lock_id = match self.home.acquire(key, timeout_ms).await.map_err(refuse)? {
            Acquired::Granted(id) => Some(id),
            Acquired::Contested => None,
            Acquired::TooMany => {
                self.metrics.alarms.raise(Limit::TenantLocks, Some(account.name()));
                let reason = "the tenant holds too many locks";
                return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, reason).retry_after(1));
            }
        };
        Ok(json(StatusCode::OK, &LockResponse { lock_id }))
    }

    /// A late or repeated unlock is not an error: the lock is already free. A header distinguishes the two
    /// cases for clients that want to know.
    async fn unlock(
        &self,
        key: &EntryKey,
        headers: &HeaderMap,
        legacy: Option<&[u8]>,
    ) -> Result<Reply, Refusal> {
        let id = headers::released_lock(headers)?
            .or(legacy)
            .ok_or_else(|| Refusal::bad_request("X-CacheKit-Lock-Id is required"))?;
        let held = self.home.release(key, id).await.map_err(refuse)?;
        let mut reply = json(StatusCode::OK, &DONE);
        let word = if held { name::LOCK_RELEASED } else { name::LOCK_NOT_HELD };
        reply.headers_mut().insert(name::LOCK_RELEASE, HeaderValue::from_static(word));
        Ok(reply)
    }

    async fn json_body<B, T>(
        &self,
        upload: &mut Upload<'_, B>,
        account: &Arc<Account>,
        wanted: &'static str,
    ) -> Result<T, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
        T: DeserializeOwned,
    {
        let text = upload.read(MAX_JSON_BYTES, self.space(account)).await?;
        serde_json::from_slice(text.as_slice())
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, wanted))
    }
}

fn absent() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "no such entry")
}

fn unavailable() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the store is not available").retry_after(1)
}

fn refuse(error: StoreError) -> Refusal {
    match error {
        StoreError::TooLarge => {
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the value is larger than the store")
        }
        StoreError::Quota => {
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, "the quota of stored bytes is spent")
                .denied("storage-quota")
        }
        StoreError::Unavailable(reason) => {
            // Not logged for each request: the store logs when it begins to fail, and when that is over.
            tracing::debug!(%reason, "the store failed");
            unavailable()
        }
    }
}

fn say_freshness(headers: &mut HeaderMap, lifetime: Lifetime, now: Timestamp) {
    let word = if lifetime.is_fresh(now) { name::FRESH } else { name::STALE };
    headers.insert(name::FRESHNESS, HeaderValue::from_static(word));
}

/// How many whole seconds a copy may be kept; `None` means forever.
fn fresh_for(lifetime: Lifetime, now: Timestamp) -> Option<u64> {
    lifetime.is_bounded().then(|| lifetime.fresh_until.millis_since(now) / 1000)
}
