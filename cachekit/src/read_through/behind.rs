//! The tier behind this process, as a miss and a companion see it: what it is asked, and what it answers.
//!
//! It works on bytes and knows no types: it hands over what it found to a [`Reader`], and takes what it is to store from an
//! [`Encoder`]. Both are made where the types are known, in [`super::remote`].

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cachekit_io::BoxFuture;

use crate::cached_function::L1;
use crate::clock::Ticks;
use crate::entry::Fate;
use crate::error::Error;
use crate::explain::Shared;
use crate::flight::Purpose;
use crate::format::encoded::{Encoded, Panicked, Proof};
use crate::rules::Verdict;
use crate::sealed::{BlindedKey, SealedBytes};
use crate::store::{Store, StoreRef};

/// The tier behind this process, for one call. No failure leaves it: a backend that is down, slow or corrupt has nothing.
///
/// What a tier without a backend does stands here: it only says what this process keeps.
pub(crate) trait TierBehind: Any + Send + Sync {
    /// Whether values go to a backend.
    fn has_backend(&self) -> bool {
        false
    }

    /// What an entry of this process holds.
    fn keeps(&self) -> L1;

    /// For a call that accepts no stale value: a stale value counts as a miss.
    #[cfg(feature = "tower")]
    fn take_nothing_stale(&mut self) {}

    /// Where the entry is stored, if it is sealed.
    fn blinded(&self) -> Option<BlindedKey> {
        None
    }

    /// Why nothing may be stored anywhere for this call.
    fn refuse(&self) -> Option<Error> {
        None
    }

    /// The function runs although nothing may be stored.
    fn runs_unsealed(&self, _store: &Store) {}

    /// Asks the tier before the function runs, for the call that is to end with this fate.
    fn consult<'a>(
        &'a mut self,
        _fate: &'a Arc<Fate>,
        _store: &'a StoreRef,
        _purpose: Purpose,
        _reader: &'a mut Reader<'a>,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async { Answer::Run })
    }

    /// Looks for a whole value that may be served: a fresh one, or with `stale` one past its time as well. Whether the reader
    /// has one, if the tier could be asked.
    fn peek<'a>(
        &'a self,
        _store: &'a StoreRef,
        _stale: bool,
        _reader: &'a mut Reader<'a>,
    ) -> BoxFuture<'a, Result<bool, NotAsked>> {
        Box::pin(async { Ok(false) })
    }

    /// What is there, read once and without a trace, and the error that it leads to. The reader says whether a value of the
    /// call's type is.
    fn explain<'a>(&'a self, _reader: &'a mut Reader<'a>) -> BoxFuture<'a, Explained> {
        Box::pin(async { (Shared::not_used(), None) })
    }

    /// A value for all tiers. The window of `verdict` is that of the entry.
    fn prepare(&self, value: &Encoder<'_>, verdict: Verdict) -> Prepared;

    /// Whether a run's value may be kept in any tier, as far as this process knows.
    fn may_keep(&self, fate: &Fate) -> bool {
        !fate.is_dead()
    }

    /// Writes a value that the function returned, unless it was invalidated meanwhile.
    fn write<'a>(
        &'a self,
        _fate: &'a Arc<Fate>,
        _prepared: &'a Prepared,
        _store: &'a StoreRef,
    ) -> BoxFuture<'a, Write> {
        Box::pin(async { Write::Missed })
    }

    /// This process keeps a value that is not in the backend.
    fn unwritten(&self, _fate: &Arc<Fate>, _store: &StoreRef) {}

    /// Writes a value that a caller hands in, over whatever is there.
    fn replace<'a>(
        &'a self,
        _fate: &'a Arc<Fate>,
        _prepared: &'a Prepared,
        _store: &'a StoreRef,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }

    /// Removes the entry, and then those of other calls with a tier of the same kind, all within one budget.
    fn remove<'a>(
        &'a self,
        _others: &'a [&'a (dyn TierBehind + 'static)],
        _store: &'a StoreRef,
    ) -> BoxFuture<'a, Removal> {
        Box::pin(async { Removal::NotUsed })
    }
}

/// The tier did not say what it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotAsked;

/// What a tier has for a call, and the error of a call that finds that, if it does not go on.
pub(crate) type Explained = (Shared, Option<Error>);

/// Decodes a value that the tier found, and keeps it for the call. False if the bytes hold none.
pub(crate) type Reader<'a> =
    dyn FnMut(&Encoded<'_>, Option<SealedBytes>) -> Result<bool, Panicked> + Send + 'a;

/// Encodes a value that is to be stored. `None` if it does not serialize.
pub(crate) type Encoder<'a> = dyn Fn(Proof) -> Option<Encoded<'static>> + 'a;

/// A value on its way to where it is stored.
pub(crate) struct Prepared {
    /// For the backend, if it goes there.
    pub(crate) bytes: Option<Bytes>,
    /// For an entry of this process, where that holds sealed bytes.
    pub(crate) sealed: Option<SealedBytes>,
    /// Its window is that of the entry.
    pub(crate) verdict: Verdict,
    /// When the time for the steps after the function is up, if it goes there.
    pub(crate) until: Option<Instant>,
}

/// What a call may do with a value that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It is fresh for `remaining` (`NEVER`: without end), and may then be served for `window` while the function runs
    /// again.
    Fresh { remaining: Ticks, window: Ticks, weight: u64 },
    /// It may be served once, now, while the function runs again.
    Stale,
}

/// What the tier has for a call.
pub(crate) enum Answer {
    /// A value, which the [`Reader`] has.
    Found(Use),
    /// Nothing: run the function.
    Run,
    /// Nothing, and another process is about to refresh it: leave it alone.
    StandDown,
    /// An entry that was not sealed for this call, and the function is not to run because of it.
    Refused(Error),
}

/// What became of a value that was to be written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// It is there.
    Stored,
    /// It may not be there. This process may keep it all the same.
    Missed,
    /// The backend knows, or may know, of an invalidation or a newer value: it is not to be kept here either.
    Outdated,
}

/// What became of an entry there that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// The function's values never go there, or no backend is installed.
    NotUsed,
    /// The backend said that the entry is gone.
    Confirmed,
    /// The backend failed, or cannot do it.
    Failed,
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUsed => "not used",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
        })
    }
}
