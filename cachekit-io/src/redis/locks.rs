//! Locks across processes, as in the rest of the ecosystem: `SET key:lock token NX PX lease`, released
//! by a comparison and a delete in one step.

use super::Redis;
use super::operations::integer;
use super::request::Call;
use super::send::{Answered, Repeat};
use super::{layout, scripts};
use crate::{BackendError, BackendErrorKind, LockToken, Operation};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// For how long it is tried to release a lock of which no caller knows.
const MOST_PATIENCE: Duration = Duration::from_secs(30);
/// The pauses before these attempts; the last one is made when the patience ends.
const PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(4), MOST_PATIENCE];

impl Redis {
    pub(super) async fn do_acquire(
        &self,
        key: &str,
        lease: Duration,
    ) -> Result<Option<LockToken>, BackendError> {
        const LOCK: Operation = Operation::Lock;
        let entry = self.entry(LOCK, key)?;
        if lease.is_zero() {
            return Err(BackendError::new(BackendErrorKind::InvalidOption, LOCK)
                .with_context("a lease of zero")
                .with_key(key));
        }
        let beside = self.shared.names.beside(&entry.name);
        let token = Uuid::new_v4().to_string();
        let (held, lease) = (lease, layout::millis(lease).to_string());
        let call = Call {
            script: &scripts::ACQUIRE,
            keys: &[&beside.lock, &beside.held],
            arguments: &[token.as_bytes(), lease.as_bytes()],
        };
        // Only from here on: without time for it, nothing is sent.
        let deadline = self.deadline(LOCK, Some(key))?;
        let mut doubt = Doubt { redis: self, key, token: Some(token.clone()), lease: held };
        let sent = self.shared.before(deadline, entry.slot, &call, Repeat::Yes).await;
        let answered = sent.map_err(|failure| failure.into_error(LOCK, Some(key)));
        if !answered.as_ref().is_err_and(may_be_granted) {
            doubt.token = None;
        }
        let acquired = integer(LOCK, key, &answered?.answer)? == 1;
        Ok(acquired.then(|| LockToken::new(token)))
    }

    pub(super) async fn do_release(
        &self,
        key: &str,
        token: &LockToken,
    ) -> Result<bool, BackendError> {
        let released = self.release_once(key, token).await?;
        // The first of two attempts may have released it.
        Ok(released.answer || released.repeated)
    }

    /// Whether this released it.
    async fn release_once(
        &self,
        key: &str,
        token: &LockToken,
    ) -> Result<Answered<bool>, BackendError> {
        const UNLOCK: Operation = Operation::Unlock;
        let entry = self.entry(UNLOCK, key)?;
        let beside = self.shared.names.beside(&entry.name);
        let call = Call {
            script: &scripts::RELEASE,
            keys: &[&beside.lock, &beside.held],
            arguments: &[token.as_str().as_bytes()],
        };
        let answered = self.send(UNLOCK, Some(key), entry.slot, &call, Repeat::Yes).await?;
        let answer = integer(UNLOCK, key, &answered.answer)? == 1;
        Ok(Answered { answer, repeated: answered.repeated })
    }

    /// Releases a lock that may be granted only later: the request for it may still be on its way over another connection.
    async fn release_when_granted(self, key: &str, token: &LockToken, patience: Duration) {
        let end = Instant::now() + patience;
        for pause in PAUSES {
            let at = (Instant::now() + pause).min(end);
            self.shared.background.sleep(at).await;
            // The server may be slow.
            let left = end.saturating_duration_since(Instant::now());
            let released = self.with_timeout(left.max(self.timeout)).release_once(key, token).await;
            // If it does not work, the lease ends by itself.
            if released.is_ok_and(|released| released.answer) || at == end {
                return;
            }
        }
    }
}

/// Whether the server may have granted a lock although this is the answer.
fn may_be_granted(error: &BackendError) -> bool {
    (error.is_timeout() || error.is_transient()) && !error.is_unprocessed()
}

/// The server may grant a lock, or may have, and no caller will know of it: it came too late, or the caller has left. The
/// others would wait for all of its lease. When this is dropped, the lock is released in the background.
struct Doubt<'a> {
    redis: &'a Redis,
    key: &'a str,
    token: Option<String>,
    lease: Duration,
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else { return };
        // Once the lease is over, nothing is left to do.
        let patience = self.redis.timeout.max(self.lease.min(MOST_PATIENCE));
        let (redis, key) = (self.redis.clone(), self.key.to_owned());
        self.redis.shared.background.spawn(async move {
            redis.release_when_granted(&key, &LockToken::new(token), patience).await;
        });
    }
}
