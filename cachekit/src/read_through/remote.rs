//! Where the bytes of the tier behind this process ([`super::behind`]) become values of a call, and values bytes.

use std::sync::Arc;

use super::behind::{Answer, NotAsked, Prepared, Removal, TierBehind, Write};
use crate::cached_function::{FunctionRef, L1};
use crate::entry::Fate;
use crate::explain::Shared;
use crate::flight::Purpose;
use crate::format::encoded::{Encoded, Panicked, Proof};
use crate::rules::Verdict;
use crate::scope::{self, Scope};
use crate::sealed::{BlindedKey, SealedBytes};
use crate::shape::Shape;
use crate::store::{Store, StoreRef};

/// How values of one type become bytes and come back, as plain function pointers.
pub(crate) struct Codec<V> {
    pub(crate) encode: fn(&V, Proof) -> Option<Encoded<'static>>,
    pub(crate) decode: fn(&Encoded<'_>) -> Result<Option<V>, Panicked>,
}

/// The tier behind this process, for one call, and how its values become bytes.
pub(crate) struct Remote<S: Shape> {
    tier: Box<dyn TierBehind>,
    codec: &'static Codec<S::Value>,
}

/// Makes the tier of a call, if it has one.
pub(crate) type MakeRemote<K, S> = fn(FunctionRef, Option<&StoreRef>, &K) -> Option<Remote<S>>;

/// A value that the tier had.
pub(crate) struct Value<S: Shape> {
    pub(crate) value: S::Value,
    /// The same for an entry of this process, if it may be kept.
    pub(crate) kept: Option<S::Stored>,
}

impl<S: Shape> Remote<S> {
    pub(crate) fn new(tier: impl TierBehind + 'static, codec: &'static Codec<S::Value>) -> Self {
        Self { tier: Box::new(tier), codec }
    }

    pub(crate) fn has_backend(&self) -> bool {
        self.tier.has_backend()
    }

    /// For a call that wants no value past its time.
    #[cfg(feature = "tower")]
    pub(crate) fn without_stale(mut self) -> Self {
        self.tier.take_nothing_stale();
        self
    }

    pub(crate) fn blinded(&self) -> Option<BlindedKey> {
        self.tier.blinded()
    }

    /// What the call returns because nothing can be stored. `None`: it goes on.
    pub(crate) fn refused(&self, store: &Store) -> Option<S::Return> {
        let refused = S::refuse(&self.tier.refuse()?);
        if refused.is_none() {
            self.tier.runs_unsealed(store);
        }
        refused
    }

    /// Whether nothing may be stored anywhere.
    pub(crate) fn stores_nothing(&self) -> bool {
        self.tier.keeps() == L1::Off && self.tier.refuse().is_some()
    }

    /// Asks the tier before the function runs, for the call that is to end with this fate. And the value that it found.
    pub(crate) async fn consult(
        &mut self,
        fate: &Arc<Fate>,
        store: &StoreRef,
        purpose: Purpose,
    ) -> (Answer, Option<Box<Value<S>>>) {
        let mut value = None;
        let mut reader = self.reader(&mut value);
        let answer = self.tier.consult(fate, store, purpose, &mut reader).await;
        drop(reader);
        (answer, value)
    }

    /// The value, if the tier has a whole and fresh one.
    pub(crate) async fn peek(&self, store: &StoreRef) -> Option<S::Value> {
        self.peek_for(store, false).await.ok().flatten()
    }

    /// The same, or one past its time that may be served while the function runs again.
    #[cfg(feature = "tower")]
    pub(crate) async fn peek_stale(&self, store: &StoreRef) -> Result<Option<S::Value>, NotAsked> {
        self.peek_for(store, true).await
    }

    async fn peek_for(&self, store: &StoreRef, stale: bool) -> Result<Option<S::Value>, NotAsked> {
        let mut value = None;
        let mut reader = self.reader(&mut value);
        let found = self.tier.peek(store, stale, &mut reader).await;
        drop(reader);
        let found = found?;
        Ok(value.filter(|_| found).map(|found| found.value))
    }

    /// What the tier has, read once and without a trace; and whether a call that gets there returns an error because of it.
    pub(crate) async fn explain(&self) -> (Shared, bool) {
        let (shared, error) = self.tier.explain(&mut self.reader(&mut None)).await;
        let error = error.or_else(|| self.tier.refuse());
        (shared, error.is_some_and(|error| S::refuse(&error).is_some()))
    }

    /// Decodes a value of the call to there. Boxed: a large one is moved by its address.
    fn reader<'a>(
        &self,
        found: &'a mut Option<Box<Value<S>>>,
    ) -> impl FnMut(&Encoded<'_>, Option<SealedBytes>) -> Result<bool, Panicked> + Send + use<'a, S>
    {
        let (codec, keeps) = (self.codec, self.tier.keeps());
        move |encoded: &Encoded<'_>, sealed: Option<SealedBytes>| {
            *found = (codec.decode)(encoded)?.map(|value| {
                let kept = kept::<S>(keeps, &value, sealed.as_ref());
                Box::new(Value { value, kept })
            });
            Ok(found.is_some())
        }
    }

    /// A value for all tiers, and what an entry of this process is to hold of it. The window of `verdict` is that of the
    /// entry, here and below.
    pub(crate) fn prepare(
        &self,
        value: &S::Value,
        verdict: Verdict,
    ) -> (Prepared, Option<S::Stored>) {
        let encode = self.codec.encode;
        let prepared = self.tier.prepare(&|proof| encode(value, proof), verdict);
        let kept = kept::<S>(self.tier.keeps(), value, prepared.sealed.as_ref());
        (prepared, kept)
    }

    /// What an entry of this process is to hold of a value that goes to no backend.
    pub(crate) fn keep(&self, value: &S::Value, verdict: Verdict) -> Option<S::Stored> {
        self.prepare(value, verdict).1
    }

    /// Writes a value that the function returned. And what an entry of this process is to hold of it, if anything.
    pub(crate) async fn store(
        &self,
        fate: &Arc<Fate>,
        value: &S::Value,
        verdict: Verdict,
        store: &StoreRef,
    ) -> (Write, Option<S::Stored>) {
        if !self.tier.may_keep(fate) {
            return (Write::Outdated, None);
        }
        let (prepared, kept) = self.prepare(value, verdict);
        let written = self.tier.write(fate, &prepared, store).await;
        (written, kept.filter(|_| written != Write::Outdated))
    }

    /// This process keeps a value that is not in the backend of the call, if there is one.
    pub(crate) fn unwritten(&self, fate: &Arc<Fate>, store: &StoreRef) {
        self.tier.unwritten(fate, store);
    }

    /// Writes a value that a caller hands in, over whatever is there.
    pub(crate) async fn replace(&self, fate: &Arc<Fate>, prepared: &Prepared, store: &StoreRef) {
        self.tier.replace(fate, prepared, store).await;
    }

    /// Removes the entry from the tier, within one budget.
    pub(crate) async fn remove(&self, store: &StoreRef) -> Removal {
        self.tier.remove(&[], store).await
    }

    /// The same of several entries, the first one first.
    #[cfg(feature = "tower")]
    pub(crate) async fn remove_all(all: &[Self], store: &StoreRef) -> Removal {
        let Some((first, others)) = all.split_first() else { return Removal::NotUsed };
        let others: Vec<_> = others.iter().map(|other| &*other.tier).collect();
        first.tier.remove(&others, store).await
    }
}

/// What an entry of this process holds of a value, if it may be kept here.
fn kept<S: Shape>(keeps: L1, value: &S::Value, sealed: Option<&SealedBytes>) -> Option<S::Stored> {
    match keeps {
        L1::Off => None,
        L1::Typed => Some(S::kept(value)),
        L1::Sealed => sealed.map(|sealed| S::sealed(value, sealed.clone())),
    }
}

/// The tier of one call, from the look-up on. Boxed: most calls carry none.
pub(crate) enum Behind<K, S: Shape> {
    /// The call has none: values stay in this process, as they are.
    Nowhere,
    /// It may have one. The key is digested by the caller that needs it: where many wait for one, only that one does.
    Unmade(Box<Unmade<K, S>>),
    Made(Box<Remote<S>>),
}

/// How the tier of a call is made.
pub(crate) struct Unmade<K, S: Shape> {
    function: FunctionRef,
    make: MakeRemote<K, S>,
    /// The test scope of the look-up: a call stays in it wherever it is polled.
    scope: Option<Scope>,
}

impl<K, S: Shape> Behind<K, S> {
    /// For a call that may have one.
    pub(crate) fn unmade(function: FunctionRef, make: MakeRemote<K, S>) -> Self {
        Self::Unmade(Box::new(Unmade { function, make, scope: scope::current() }))
    }

    /// Whether there is none.
    #[inline]
    pub(crate) fn is_nowhere(&self) -> bool {
        matches!(self, Self::Nowhere)
    }

    /// The tier, once it was made.
    #[inline]
    pub(crate) fn made(&self) -> Option<&Remote<S>> {
        match self {
            Self::Made(remote) => Some(remote),
            Self::Nowhere | Self::Unmade(_) => None,
        }
    }

    #[inline]
    pub(crate) fn made_mut(&mut self) -> Option<&mut Remote<S>> {
        match self {
            Self::Made(remote) => Some(remote),
            Self::Nowhere | Self::Unmade(_) => None,
        }
    }

    /// Makes it for the call with this key, unless that was done before. That runs the user's `Serialize`.
    pub(crate) fn make(&mut self, store: &StoreRef, key: &K) {
        if let Self::Unmade(unmade) = self {
            let Unmade { function, make, scope } = &**unmade;
            let made = scope::within(scope.as_ref(), || make(*function, Some(store), key));
            *self = made.map_or(Self::Nowhere, |remote| Self::Made(Box::new(remote)));
        }
    }
}
