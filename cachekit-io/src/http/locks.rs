//! Locks that other processes see.

use super::CachekitIo;
use super::answer::SMALL_BODY;
use super::failure::Failure;
use super::operations::{format_json, invalid_option, lock_header};
use super::request::Call;
use crate::backoff::Backoff;
use crate::wire::body::{LockRequest, LockResponse};
use crate::wire::header;
use crate::wire::limits::MAX_TTL;
use crate::wire::path::Part;
use crate::{BackendError, LockToken, Operation};
use http::{Method, StatusCode};
use std::fmt;
use std::time::{Duration, Instant};

/// Between two looks at a lock that another client holds: half of it to all of it.
const POLLS: Backoff = Backoff::half(Duration::from_millis(20), Duration::from_millis(500));

impl CachekitIo {
    /// Takes the lock of this key for `timeout`, unless it is held; never waits for it.
    ///
    /// # Errors
    ///
    /// [`InvalidOption`](crate::BackendErrorKind::InvalidOption) for a timeout of zero or of more than
    /// 30 days, besides the failures any operation can have.
    pub async fn acquire_lock(
        &self,
        key: &str,
        timeout: Duration,
    ) -> Result<Option<LockGuard>, BackendError> {
        let token = self.take_lock(key, timeout).await?;
        Ok(token.map(|token| LockGuard {
            client: self.clone(),
            key: key.to_owned(),
            token: Some(token),
        }))
    }

    /// Takes the lock of this key for `lease`, waiting until `deadline` at most for it to be free. The first look has the
    /// client's timeout, so that a free lock is taken whatever the deadline is. Then it looks again and again, more and
    /// more rarely, at random moments. Such a look that is not answered by the deadline goes on in the background, and
    /// gives back what it gets.
    ///
    /// # Errors
    ///
    /// The first failure of a look, as for [`acquire_lock`](Self::acquire_lock). That another client
    /// holds the lock to the end, or that a later look was not answered by then, is no failure: `None`.
    pub async fn acquire_lock_wait(
        &self,
        key: &str,
        lease: Duration,
        deadline: Instant,
    ) -> Result<Option<LockGuard>, BackendError> {
        for made in 0.. {
            let (client, locked) = (self.clone(), key.to_owned());
            let mut look = Box::pin(async move { client.acquire_lock(&locked, lease).await });
            let answer = match made {
                0 => Some(look.as_mut().await),
                _ => self.shared.background.before(deadline, look.as_mut()).await,
            };
            match answer {
                Some(Ok(Some(guard))) => return Ok(Some(guard)),
                Some(Ok(None)) => {}
                Some(Err(error)) => return Err(error),
                None => {
                    self.shared.background.spawn(async move { drop(look.await) });
                    return Ok(None);
                }
            }
            let next = Instant::now() + POLLS.wait(made);
            if next >= deadline {
                return Ok(None);
            }
            self.shared.background.sleep(next).await;
        }
        Ok(None)
    }

    pub(super) async fn take_lock(
        &self,
        key: &str,
        lease: Duration,
    ) -> Result<Option<LockToken>, BackendError> {
        let operation = Operation::Lock;
        let target = self.target(operation, key, Part::Lock)?;
        if lease.is_zero() || lease > MAX_TTL {
            let refused = "a lock is held for more than nothing and at most 30 days";
            return Err(invalid_option(operation, refused).with_key(key));
        }
        let millis = lease.as_nanos().div_ceil(1_000_000);
        let timeout_ms = u64::try_from(millis).unwrap_or(u64::MAX);
        let body = format_json(operation, &LockRequest { timeout_ms })?;
        let call = Call::new(Method::POST, target, SMALL_BODY).body(header::JSON, body).once();
        let accepts = |status| status == StatusCode::OK;
        let answer = self.send(operation, Some(key), call, accepts).await?;
        let malformed =
            |what: &'static str| Err(Failure::malformed(what).into_error(operation, Some(key)));
        match serde_json::from_slice::<LockResponse>(&answer.body) {
            Ok(LockResponse { lock_id: None }) => Ok(None),
            Ok(LockResponse { lock_id: Some(id) }) if id.is_empty() => {
                malformed("a lock with an empty id")
            }
            Ok(LockResponse { lock_id: Some(id) }) => {
                if lock_header(operation, key, &id).is_err() {
                    return malformed("a lock with an id that cannot be sent back");
                }
                Ok(Some(LockToken::new(id)))
            }
            // The source would show the answer, and with it the id.
            Err(_) => malformed("the answer is not what the API says it is"),
        }
    }

    pub(super) async fn give_lock_back(
        &self,
        key: &str,
        token: &LockToken,
    ) -> Result<bool, BackendError> {
        let operation = Operation::Unlock;
        let target = self.target(operation, key, Part::Lock)?;
        let id = lock_header(operation, key, token.as_str())?;
        let call = Call::new(Method::DELETE, target, SMALL_BODY).header(header::LOCK_ID, id);
        let accepts = super::operations::success_or_absent;
        let answer = self.send(operation, Some(key), call, accepts).await?;
        // Servers answer a late unlock with success; ours says beside it what it was.
        let said = answer.headers.get(header::LOCK_RELEASE);
        let not_held = said.is_some_and(|said| said == header::LOCK_NOT_HELD);
        // One that is repeated finds the lock released.
        Ok(answer.status.is_success() && !not_held || answer.repeated)
    }
}

/// A lock that is held until it is released, dropped, or its lease runs out.
///
/// Dropping it releases the lock in the background, if that works; only [`release`](Self::release)
/// tells. `Debug` shows neither key nor id.
#[must_use = "dropping the guard releases the lock"]
pub struct LockGuard {
    client: CachekitIo,
    key: String,
    token: Option<LockToken>,
}

impl LockGuard {
    /// What the service calls the holder. Any client that knows it can release the lock.
    pub fn id(&self) -> &str {
        self.token.as_ref().map_or("", LockToken::as_str)
    }

    /// The same, for [`SetOptions::lock`](crate::SetOptions::lock).
    pub fn token(&self) -> LockToken {
        LockToken::new(self.id())
    }

    /// The key that is locked.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Gives the lock back. `false` if the service says that it was not held any more; not every service
    /// tells a late release from one in time. If an answer was lost and the request was repeated, it cannot be
    /// known which of the two released it: `true`.
    pub async fn release(mut self) -> Result<bool, BackendError> {
        let Some(token) = &self.token else { return Ok(false) };
        let released = self.client.give_lock_back(&self.key, token).await;
        // Only now: a caller that drops this future half-way still has a guard that tries in the background.
        self.token = None;
        released
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else { return };
        let (client, key) = (self.client.clone(), std::mem::take(&mut self.key));
        self.client.shared.background.spawn(async move {
            // If it does not work, the lease ends by itself.
            let _ = client.give_lock_back(&key, &token).await;
        });
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard").field("key_len", &self.key.len()).finish_non_exhaustive()
    }
}
