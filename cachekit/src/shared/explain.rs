//! What explanations read from the shared tier: once, without counting and without affecting the circuit
//! breaker.

use std::time::Duration;

use cachekit_io::Fetched;

use super::tier::SharedTier;
use super::windows::served_as;
use crate::clock::{self, NEVER};
use crate::error::Error;
use crate::explain::{Shared, SharedState};
use crate::format::frame::{Frame, now_ms};
use crate::read_through::behind::{Explained, Reader, Use};

impl SharedTier {
    /// The stored entry, and whether it could be served.
    pub(super) async fn explained(&self, reader: &mut Reader<'_>) -> Explained {
        let mut shared = Shared::state(SharedState::Absent);
        let mut error = None;
        shared.backend = Some(self.remote_entry.backend_type());
        shared.fingerprint = fingerprint(self.remote_entry.key());
        if !self.unambiguous {
            shared.state = SharedState::Ambiguous;
            return (shared, None);
        }
        if self.is_overtaken() {
            shared.state = SharedState::Overtaken;
            return (shared, None);
        }
        if self.remote_entry.is_left_alone() {
            shared.state = SharedState::LeftAlone;
            return (shared, None);
        }
        let until = self.remote_entry.deadline();
        // The current key first, then previous keys, the latest first.
        for (index, remote_entry) in
            std::iter::once(&self.remote_entry).chain(&self.previous).enumerate()
        {
            match remote_entry.look_aside(until).await {
                Ok(Some(fetched)) => {
                    error = self.explain_entry(&fetched, index, &mut shared, reader);
                    let is_served = matches!(shared.state, SharedState::Fresh | SharedState::Stale);
                    // A call continues to look under older keys once it has begun with that.
                    if index == 0 || is_served || error.is_some() {
                        break;
                    }
                }
                Ok(None) => {}
                Err(failed) => {
                    shared.state = SharedState::Failed(failed.name());
                    break;
                }
            }
        }
        (shared, error)
    }

    /// The state of an entry, and the error that it causes.
    fn explain_entry(
        &self,
        fetched: &Fetched,
        index: usize,
        shared: &mut Shared,
        reader: &mut Reader<'_>,
    ) -> Option<Error> {
        shared.bytes = Some(fetched.value().len());
        let mut is_read = false;
        let opened = match &self.seal {
            None => {
                if let Some(frame) = self.frame_in(fetched.value()) {
                    is_read = self.explain_frame(&frame, fetched, shared, reader);
                }
                Ok(())
            }
            Some(seal) => seal.open(fetched.value(), index, &mut |frame, _| {
                is_read = self.explain_frame(frame, fetched, shared, reader);
            }),
        };
        match opened {
            Ok(()) if is_read => None,
            Ok(()) => {
                shared.state = SharedState::Unreadable;
                None
            }
            Err(refusal) => {
                shared.state = SharedState::Refused(refusal.into());
                self.seal.as_ref().and_then(|seal| seal.on_refusal(refusal))
            }
        }
    }

    /// False if it contains no value of this type.
    fn explain_frame(
        &self,
        frame: &Frame<'_>,
        fetched: &Fetched,
        shared: &mut Shared,
        reader: &mut Reader<'_>,
    ) -> bool {
        let now_ms = now_ms();
        shared.age = Some(Duration::from_millis(frame.age(now_ms)));
        shared.state = match served_as(frame, fetched, self.window, now_ms) {
            Some(Use::Fresh { remaining, .. }) => {
                shared.left = (remaining != NEVER).then(|| clock::duration(remaining));
                SharedState::Fresh
            }
            Some(Use::Stale) => SharedState::Stale,
            None => SharedState::Expired,
        };
        // A value that cannot be decoded is a miss, however fresh.
        matches!(reader(&frame.value, None), Ok(true))
    }
}

/// The first digits of the hash in a storage key.
fn fingerprint(key: &str) -> Option<String> {
    const HASH: usize = 64;
    const SHOWN: usize = 16;
    let is_hash = |part: &&str| part.len() >= HASH && part.bytes().all(|b| b.is_ascii_hexdigit());
    let hash = key.split(':').rev().find(is_hash)?;
    Some(hash[hash.len() - HASH..][..SHOWN].to_owned())
}
