//! Fences: a fill that a write or a delete overtook is refused.
//!
//! A fence is a random word stored next to the entry. Every write and delete removes it in the same step,
//! and a fenced write compares it in the same step. A missing fence, for whatever reason, refuses the
//! fill.
//!
//! A fill that stores nothing leaves its fence until its life is over. It does not remove it: other fills of the key that run
//! meanwhile have the same fence, and would be refused.

use super::Redis;
use super::operations::malformed;
use super::request::Call;
use super::send::Repeat;
use super::{layout, scripts};
use crate::{BackendError, BackendErrorKind, FenceToken, Operation, SetOptions};
use ::redis::Value;
use bytes::Bytes;
use uuid::Uuid;

impl Redis {
    pub(super) async fn do_fence(&self, key: &str) -> Result<FenceToken, BackendError> {
        const FENCE: Operation = Operation::Fence;
        let entry = self.entry(FENCE, key)?;
        let beside = self.shared.names.beside(&entry.name);
        let word = Uuid::new_v4().simple().to_string();
        let life = layout::millis(self.shared.fence_life).to_string();
        let call = Call {
            script: &scripts::FENCE,
            keys: &[&beside.fence],
            arguments: &[word.as_bytes(), life.as_bytes()],
        };
        let answered = self.send(FENCE, Some(key), entry.slot, &call, Repeat::Yes).await?;
        match answered.answer {
            Value::BulkString(fence) => {
                String::from_utf8(fence).map(FenceToken::new).map_err(|_| malformed(FENCE, key))
            }
            _ => Err(malformed(FENCE, key)),
        }
    }

    pub(super) async fn do_set_fenced(
        &self,
        key: &str,
        value: Bytes,
        options: &SetOptions,
        token: &FenceToken,
    ) -> Result<bool, BackendError> {
        const SET_FENCED: Operation = Operation::SetFenced;
        let entry = self.checked(SET_FENCED, key, &value, options)?;
        if token.as_str().is_empty() {
            return Ok(false);
        }
        let lock = options.lock.as_ref();
        let fence = Some(token.as_str());
        let stored = self.set_if(SET_FENCED, &entry, value, options, lock, fence).await?;
        match stored.answer {
            1 => Ok(true),
            0 => Ok(false),
            _ => Err(BackendError::new(BackendErrorKind::Superseded, SET_FENCED).with_key(key)),
        }
    }
}
