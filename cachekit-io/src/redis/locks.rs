//! Locks across processes, as in the rest of the ecosystem: `SET key:lock token NX PX lease`, released
//! by a comparison and a delete in one step.

use super::Redis;
use super::operations::integer;
use super::request::Call;
use super::send::Repeat;
use super::{layout, scripts};
use crate::{BackendError, BackendErrorKind, LockToken, Operation};
use std::time::Duration;
use uuid::Uuid;

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
        let lease = layout::millis(lease).to_string();
        let call = Call {
            script: &scripts::ACQUIRE,
            keys: &[&beside.lock, &beside.held],
            arguments: &[token.as_bytes(), lease.as_bytes()],
        };
        let answered = self.send(LOCK, Some(key), entry.slot, &call, Repeat::Yes).await?;
        let acquired = integer(LOCK, key, &answered.answer)? == 1;
        Ok(acquired.then(|| LockToken::new(token)))
    }

    pub(super) async fn do_release(
        &self,
        key: &str,
        token: &LockToken,
    ) -> Result<bool, BackendError> {
        const UNLOCK: Operation = Operation::Unlock;
        let entry = self.entry(UNLOCK, key)?;
        let beside = self.shared.names.beside(&entry.name);
        let call = Call {
            script: &scripts::RELEASE,
            keys: &[&beside.lock, &beside.held],
            arguments: &[token.as_str().as_bytes()],
        };
        let answered = self.send(UNLOCK, Some(key), entry.slot, &call, Repeat::Yes).await?;
        let released = integer(UNLOCK, key, &answered.answer)? == 1;
        // The first of two attempts may have released it.
        Ok(released || answered.repeated)
    }
}
