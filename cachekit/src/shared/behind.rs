//! The shared tier as the tier behind this process.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use cachekit_io::BoxFuture;

use super::encoding::frame;
use super::remote_entry::Failed;
use super::tier::{Call, SharedTier};
use crate::cached_function::L1;
use crate::entry::Fate;
use crate::flight::Purpose;
use crate::format::encoded::Proof;
use crate::read_through::behind::{
    Answer, Encoder, Explained, NotAsked, Prepared, Reader, Removal, TierBehind, Use, Write,
};
use crate::rules::Verdict;
use crate::sealed::{BlindedKey, SealedBytes};
use crate::store::StoreRef;

impl TierBehind for SharedTier {
    fn has_backend(&self) -> bool {
        true
    }

    fn keeps(&self) -> L1 {
        self.seal.as_ref().map_or(L1::Typed, |seal| seal.l1())
    }

    #[cfg(feature = "tower")]
    fn take_nothing_stale(&mut self) {
        self.window = 0;
    }

    fn blinded(&self) -> Option<BlindedKey> {
        if let Some(seal) = &self.seal {
            return seal.blinded();
        }
        let operation = self.policy.interop?;
        Some(BlindedKey::new(self.policy.namespace, Some(operation), self.remote_entry.key()))
    }

    fn consult<'a>(
        &'a mut self,
        fate: &'a Arc<Fate>,
        store: &'a StoreRef,
        purpose: Purpose,
        reader: &'a mut Reader<'a>,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            self.cover(fate, store);
            if !self.unambiguous {
                return Answer::Run;
            }
            // A forced run wants the old value gone there, too: that is tried in any case.
            if purpose != Purpose::Forced && !self.remote_entry.admits(store) {
                self.given_up = true;
                return Answer::Run;
            }
            let until = self.remote_entry.deadline();
            let call = Call { store, until, reader };
            self.consult_in(Arc::clone(fate), purpose, call).await.unwrap_or_else(|failed| {
                self.given_up = failed == Failed::Late;
                Answer::Run
            })
        })
    }

    fn peek<'a>(
        &'a self,
        store: &'a StoreRef,
        stale: bool,
        reader: &'a mut Reader<'a>,
    ) -> BoxFuture<'a, Result<bool, NotAsked>> {
        Box::pin(async move {
            if !self.unambiguous || self.is_overtaken() || !self.remote_entry.admits(store) {
                return Err(NotAsked);
            }
            let mut call = Call { store, until: self.remote_entry.deadline(), reader };
            match self.look(&mut call).await {
                Ok(Answer::Found(Use::Fresh { .. })) => Ok(true),
                Ok(Answer::Found(Use::Stale)) => Ok(stale),
                Ok(Answer::Run | Answer::StandDown | Answer::Refused(_)) => Ok(false),
                Err(_) => Err(NotAsked),
            }
        })
    }

    fn explain<'a>(&'a self, reader: &'a mut Reader<'a>) -> BoxFuture<'a, Explained> {
        Box::pin(self.explained(reader))
    }

    fn prepare(&self, value: &Encoder<'_>, verdict: Verdict) -> Prepared {
        // Encoding is part of the time after the function.
        let until = Some(self.remote_entry.deadline());
        let goes = self.unambiguous && !self.given_up;
        let Some(seal) = &self.seal else {
            let frame = if goes { frame(value, verdict, Proof::First) } else { None };
            let bytes = frame.and_then(|frame| self.bytes_of(frame));
            return Prepared { bytes: bytes.map(Bytes::from), sealed: None, verdict, until };
        };
        let is_needed = goes || seal.l1() == L1::Sealed;
        let frame = if is_needed { frame(value, verdict, Proof::Each) } else { None };
        let sealed = frame.and_then(|frame| seal.seal(&frame).ok());
        let bytes = sealed.as_ref().map(SealedBytes::bytes);
        Prepared { bytes, sealed, verdict, until }
    }

    fn may_keep(&self, fate: &Fate) -> bool {
        !fate.is_dead() || (self.unambiguous && self.may_write(fate))
    }

    fn write<'a>(
        &'a self,
        fate: &'a Arc<Fate>,
        prepared: &'a Prepared,
        store: &'a StoreRef,
    ) -> BoxFuture<'a, Write> {
        if !self.unambiguous {
            return Box::pin(async { Write::Missed });
        }
        Box::pin(self.publish(fate, prepared, store))
    }

    fn unwritten(&self, fate: &Arc<Fate>, store: &StoreRef) {
        if self.unambiguous {
            self.kept_alone(fate, store);
        }
    }

    fn replace<'a>(
        &'a self,
        fate: &'a Arc<Fate>,
        prepared: &'a Prepared,
        store: &'a StoreRef,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async {
            if self.unambiguous {
                self.cover(fate, store);
                self.overwrite(fate, prepared, store).await;
            }
        })
    }

    fn remove<'a>(
        &'a self,
        others: &'a [&'a (dyn TierBehind + 'static)],
        store: &'a StoreRef,
    ) -> BoxFuture<'a, Removal> {
        Box::pin(async move {
            let others = others.iter().map(|&other| (other as &dyn Any).downcast_ref::<Self>());
            let calls: Option<Vec<&Self>> = [Some(self)].into_iter().chain(others).collect();
            let Some(calls) = calls else { return Removal::Failed };
            let until = self.remote_entry.deadline();
            let emptied = Self::empty(&calls, None, store, until).await;
            if emptied { Removal::Confirmed } else { Removal::Failed }
        })
    }
}
