//! What the service does, as methods.

use super::CachekitIo;
use super::answer::SMALL_BODY;
use super::endpoint::RequestTarget;
use super::failure::Failure;
use super::request::Call;
use crate::wire::body::{HealthResponse, TtlRequest, TtlResponse};
use crate::wire::limits::{MAX_TTL_SECONDS, MAX_VALUE_BYTES, seconds};
use crate::wire::path::Part;
use crate::wire::{freshness, header};
use crate::{BackendError, BackendErrorKind, Expiry, Fetched, Health, Operation, SetOptions};
use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::time::{Duration, Instant};

impl CachekitIo {
    /// The value stored under this key, if there is one that is fresh or stale.
    pub async fn get(&self, key: &str) -> Result<Option<Fetched>, BackendError> {
        let target = self.target(Operation::Get, key, Part::Value)?;
        let call = Call::new(Method::GET, target, self.shared.max_answer_bytes);
        let accepts = |status| matches!(status, StatusCode::OK | StatusCode::NOT_FOUND);
        let answer = self.send(Operation::Get, Some(key), call, accepts).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if answer.headers.contains_key(CONTENT_ENCODING) {
            // The bytes were changed on the way.
            return Err(Failure::malformed("the value came with a content encoding")
                .into_error(Operation::Get, Some(key)));
        }
        let freshness_lines = lines(&answer.headers, &FRESHNESS);
        let fresh_for_lines = lines(&answer.headers, &FRESH_FOR);
        Ok(Some(freshness::fetched(answer.body, freshness_lines, fresh_for_lines)))
    }

    /// Stores a value, replacing whatever was there with both its windows.
    ///
    /// Besides what [`SetOptions`] refuses, more than 30 days for both windows together is refused
    /// before anything is sent, and so is a value of more than 25 MiB.
    pub async fn set(
        &self,
        key: &str,
        value: Bytes,
        options: &SetOptions,
    ) -> Result<(), BackendError> {
        let (target, windows) = self.check_set(key, &value, options)?;
        let mut call = Call::new(Method::PUT, target, SMALL_BODY).body(header::OCTET_STREAM, value);
        if let Some((ttl, stale)) = windows {
            call = call.header(header::TTL, HeaderValue::from(ttl));
            if stale > 0 {
                call = call.header(header::STALE_TTL, HeaderValue::from(stale));
            }
        }
        if let Some(lock) = &options.lock {
            call = call.header(header::LOCK_ID, lock_header(Operation::Set, key, lock.as_str())?);
        }
        self.send(Operation::Set, Some(key), call, |status| status.is_success()).await?;
        Ok(())
    }

    /// Removes the entry. Returns `true` unless the service says that there was no entry; not every service does.
    pub async fn delete(&self, key: &str) -> Result<bool, BackendError> {
        let target = self.target(Operation::Delete, key, Part::Value)?;
        let call = Call::new(Method::DELETE, target, SMALL_BODY);
        let answer = self.send(Operation::Delete, Some(key), call, success_or_absent).await?;
        // A removal that is repeated finds nothing.
        Ok(answer.status != StatusCode::NOT_FOUND || answer.repeated)
    }

    /// Whether [`get`](Self::get) would find something, without moving the value.
    pub async fn exists(&self, key: &str) -> Result<bool, BackendError> {
        let target = self.target(Operation::Exists, key, Part::Value)?;
        // A HEAD announces the length of the value it does not send.
        let call = Call::new(Method::HEAD, target, usize::MAX);
        let accepts = |status| matches!(status, StatusCode::OK | StatusCode::NOT_FOUND);
        let answer = self.send(Operation::Exists, Some(key), call, accepts).await?;
        Ok(answer.status == StatusCode::OK)
    }

    /// Asks the service whether it is up. Details: `api_url`, `client_version` and, where the service
    /// tells, `version`, `cache_entries` and `active_locks`.
    pub async fn health(&self) -> Result<Health, BackendError> {
        let asked = Instant::now();
        let call = Call::new(Method::GET, self.shared.endpoint.health(), SMALL_BODY);
        let answer = self.send(Operation::Health, None, call, |status| status.is_success()).await?;
        let mut health = Health::new(super::backend::TYPE, asked.elapsed())
            .with_detail("api_url", self.api_url())
            .with_detail("client_version", env!("CARGO_PKG_VERSION"));
        // A service that answers is up, whatever else it says.
        let told: HealthResponse = serde_json::from_slice(&answer.body).unwrap_or_default();
        if let Some(version) = told.version {
            let printable =
                version.chars().filter(|c| !c.is_control()).take(64).collect::<String>();
            health = health.with_detail("version", self.shared.api_key.redact(&printable));
        }
        if let Some(entries) = told.cache_entries {
            health = health.with_detail("cache_entries", entries.to_string());
        }
        if let Some(locks) = told.active_locks {
            health = health.with_detail("active_locks", locks.to_string());
        }
        Ok(health)
    }

    /// When the entry will be gone, its stale window included.
    pub async fn expiry(&self, key: &str) -> Result<Expiry, BackendError> {
        let target = self.target(Operation::Expiry, key, Part::Ttl)?;
        let call = Call::new(Method::GET, target, SMALL_BODY);
        let accepts = |status| matches!(status, StatusCode::OK | StatusCode::NOT_FOUND);
        let answer = self.send(Operation::Expiry, Some(key), call, accepts).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(Expiry::Absent);
        }
        match serde_json::from_slice(&answer.body) {
            Ok(TtlResponse { ttl: None }) => Ok(Expiry::Never),
            // Gone before the answer came; the trait has no zero.
            Ok(TtlResponse { ttl: Some(0) }) => Ok(Expiry::Absent),
            Ok(TtlResponse { ttl: Some(ttl) }) => Ok(Expiry::In(Duration::from_secs(ttl))),
            Err(_) => Err(Failure::malformed("the answer is not what the API says it is")
                .into_error(Operation::Expiry, Some(key))),
        }
    }

    /// Makes a fresh entry fresh for `ttl` from now.
    ///
    /// `false` if the service says that the key has no entry: an entry past its time to live has to be written
    /// anew. Some services answer `true` for an absent key, which stays absent.
    pub async fn refresh_ttl(&self, key: &str, ttl: Duration) -> Result<bool, BackendError> {
        let target = self.target(Operation::Refresh, key, Part::Ttl)?;
        let ttl = seconds(ttl).ok_or_else(|| {
            invalid_option(Operation::Refresh, "a time to live must be from 1 second to 30 days")
                .with_key(key)
        })?;
        let body = format_json(Operation::Refresh, &TtlRequest { ttl })?;
        let call = Call::new(Method::PATCH, target, SMALL_BODY).body(header::JSON, body);
        let accepts =
            |status: StatusCode| success_or_absent(status) || status == StatusCode::CONFLICT;
        let answer = self.send(Operation::Refresh, Some(key), call, accepts).await?;
        Ok(answer.status.is_success())
    }

    /// Connects now, so that the first operation need not.
    ///
    /// # Errors
    ///
    /// Why there is no connection. Nothing is tried again.
    pub async fn warm_up(&self) -> Result<(), BackendError> {
        let now = Instant::now();
        let connecting = async { self.shared.pool.lease(now).await.map(drop) };
        self.within(self.deadline.end(now), Operation::Connect, None, connecting).await
    }

    /// What can be told of a write without sending it: where it goes, and its windows in seconds.
    pub(super) fn check_set(
        &self,
        key: &str,
        value: &Bytes,
        options: &SetOptions,
    ) -> Result<(RequestTarget, Option<(u64, u64)>), BackendError> {
        let target = self.target(Operation::Set, key, Part::Value)?;
        let windows = windows(options).map_err(|error| error.with_key(key))?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(BackendError::new(BackendErrorKind::TooLarge, Operation::Set)
                .with_context(format!("{} bytes, {MAX_VALUE_BYTES} are accepted", value.len()))
                .with_key(key));
        }
        Ok((target, windows))
    }

    /// Where a part of a key is.
    pub(super) fn target(
        &self,
        operation: Operation,
        key: &str,
        part: Part,
    ) -> Result<RequestTarget, BackendError> {
        self.shared.endpoint.entry(key, part).map_err(|reserved| {
            BackendError::new(BackendErrorKind::InvalidKey, operation)
                .with_context(reserved.to_string())
                .with_key(key)
        })
    }
}

// Read of every answer: a name in the form of the map costs half as much to find as text.
static FRESHNESS: HeaderName = HeaderName::from_static(header::FRESHNESS);
static FRESH_FOR: HeaderName = HeaderName::from_static(header::FRESH_FOR);

/// The lines of a header, as bytes.
fn lines<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    headers.get_all(name).into_iter().map(HeaderValue::as_bytes)
}

pub(super) fn success_or_absent(status: StatusCode) -> bool {
    status.is_success() || status == StatusCode::NOT_FOUND
}

pub(super) fn invalid_option(operation: Operation, context: &'static str) -> BackendError {
    BackendError::new(BackendErrorKind::InvalidOption, operation).with_context(context)
}

/// Both windows in whole seconds, the second zero if there is none; nothing without expiry.
pub(super) fn windows(options: &SetOptions) -> Result<Option<(u64, u64)>, BackendError> {
    options.validate(Operation::Set)?;
    let Some(ttl) = options.ttl else { return Ok(None) };
    let too_long = || {
        invalid_option(
            Operation::Set,
            "a time to live and its stale window must be at most 30 days together",
        )
    };
    let ttl = seconds(ttl).ok_or_else(too_long)?;
    let stale = match options.stale_ttl {
        None | Some(Duration::ZERO) => 0,
        Some(stale) => seconds(stale).ok_or_else(too_long)?,
    };
    if ttl + stale > MAX_TTL_SECONDS {
        return Err(too_long());
    }
    Ok(Some((ttl, stale)))
}

/// A lock's id as the service gave it; any client that knows it can release the lock.
pub(super) fn lock_header(
    operation: Operation,
    key: &str,
    id: &str,
) -> Result<HeaderValue, BackendError> {
    let mut value = HeaderValue::from_str(id).map_err(|_| {
        invalid_option(operation, "a lock that this backend did not give").with_key(key)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn format_json(
    operation: Operation,
    body: &impl serde::Serialize,
) -> Result<Bytes, BackendError> {
    let text = serde_json::to_vec(body).map_err(|error| {
        BackendError::new(BackendErrorKind::Permanent, operation).with_source(error)
    })?;
    Ok(text.into())
}
