//! The tiers of `#[cache::secure]` calls that go to no backend: sealed in this process, and stored nowhere.

use super::problem;
use super::resolve::Reason;
use super::seal::Name;
use crate::cached_function::{CachedFunction, L1};
use crate::error::{Error, ErrorKind};
use crate::explain::{Shared, SharedState};
use crate::format::encoded::Proof;
use crate::observer;
use crate::read_through::behind::{Encoder, Explained, Prepared, Reader, Removal, TierBehind};
use crate::rules::Verdict;
use crate::sealed::BlindedKey;
use crate::shared::encoding::frame;
use crate::shared::sealing::Sealing;
use crate::store::{Store, StoreRef};

/// Values stay in this process, sealed.
pub(crate) struct InProcess(pub(crate) Box<dyn Sealing>);

impl TierBehind for InProcess {
    fn keeps(&self) -> L1 {
        self.0.l1()
    }

    fn blinded(&self) -> Option<BlindedKey> {
        self.0.blinded()
    }

    fn prepare(&self, value: &Encoder<'_>, verdict: Verdict) -> Prepared {
        let frame =
            if self.keeps() == L1::Sealed { frame(value, verdict, Proof::Each) } else { None };
        let sealed = frame.and_then(|frame| self.0.seal(&frame).ok());
        Prepared { bytes: None, sealed, verdict, until: None }
    }
}

/// Values that must be sealed but cannot be: they are stored nowhere.
pub(crate) struct Unsealed {
    function: &'static CachedFunction,
    has_backend: bool,
    reason: Reason,
}

impl Unsealed {
    pub(crate) fn new(
        function: &'static CachedFunction,
        has_backend: bool,
        reason: Reason,
    ) -> Self {
        Self { function, has_backend, reason }
    }
}

impl TierBehind for Unsealed {
    fn keeps(&self) -> L1 {
        L1::Off
    }

    fn refuse(&self) -> Option<Error> {
        let whose = format!("{}: ", Name(self.function));
        Some(Error::one(problem(ErrorKind::Unsealed, whose, &self.reason)))
    }

    fn runs_unsealed(&self, store: &Store) {
        if store.count_unsealed() {
            observer::tell(|| {
                tracing::warn!(
                    target: "cachekit",
                    function = %Name(self.function),
                    reason = %self.reason,
                    "nothing can be sealed: the function runs at each call and its results are not stored"
                );
            });
        }
    }

    fn explain<'a>(&'a self, _reader: &'a mut Reader<'a>) -> cachekit_io::BoxFuture<'a, Explained> {
        Box::pin(async { (Shared::state(SharedState::Unsealed), None) })
    }

    fn prepare(&self, _value: &Encoder<'_>, verdict: Verdict) -> Prepared {
        Prepared { bytes: None, sealed: None, verdict, until: None }
    }

    fn remove<'a>(
        &'a self,
        _others: &'a [&'a (dyn TierBehind + 'static)],
        _store: &'a StoreRef,
    ) -> cachekit_io::BoxFuture<'a, Removal> {
        // Only the key determines the entry's name, so the entry cannot be removed without it.
        let removal = if self.has_backend { Removal::Failed } else { Removal::NotUsed };
        Box::pin(async move { removal })
    }
}
