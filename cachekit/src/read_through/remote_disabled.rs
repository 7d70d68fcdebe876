//! No shared tier in this build: the feature `shared` is off.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Purpose;
use crate::answer::{Answer, Removal};
use crate::clock::Ticks;
use crate::entry::Fate;
use crate::rules::Verdict;
use crate::seal::BlindedKey;
use crate::shape::Shape;
use crate::site::{Site, SiteRef};
use crate::store::{Store, StoreRef};

impl Removal {
    pub(crate) fn for_clear(_site: &'static Site) -> Self {
        Self::NotUsed
    }
}

/// What became of a result's judgement, and for how long it may be served after its time.
pub(crate) type Windows = (Verdict, Ticks);

/// A value on its way to where it is kept.
pub(crate) struct Prepared<S: Shape> {
    pub(crate) kept: Option<S::Stored>,
}

/// The shared tier as one function sees it: there is none.
pub(crate) struct Remote<K, S>(PhantomData<fn() -> (K, S)>);

#[allow(clippy::unused_self, clippy::unnecessary_wraps)] // As the other build has it.
impl<K, S: Shape> Remote<K, S> {
    /// For values that belong to no function.
    #[inline]
    pub(crate) fn nowhere() -> Self {
        Self(PhantomData)
    }

    #[inline]
    pub(crate) fn of<Q>(_site: SiteRef, _key: &Q) -> Self {
        Self(PhantomData)
    }

    pub(crate) fn blinded(&self) -> Option<BlindedKey> {
        None
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        false
    }

    #[inline]
    pub(crate) fn is_nowhere(&self) -> bool {
        true
    }

    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        true
    }

    #[inline]
    pub(crate) fn refused(&self, _store: &Store) -> Option<S::Return> {
        None
    }

    pub(crate) fn stores_nothing(&self) -> bool {
        false
    }

    #[inline]
    pub(crate) fn unwritten(&self, _fate: &Arc<Fate>, _store: &StoreRef) {}

    #[inline]
    pub(crate) fn keep(&self, value: &S::Value, _windows: Windows) -> Option<S::Stored> {
        Some(S::kept(value))
    }

    pub(crate) fn prepare(&self, value: &S::Value, windows: Windows) -> Prepared<S> {
        Prepared { kept: self.keep(value, windows) }
    }

    #[allow(clippy::unused_async)]
    pub(crate) async fn peek(&self, _store: &StoreRef) -> Option<S::Value> {
        None
    }

    #[allow(clippy::unused_async)]
    pub(crate) async fn consult(
        &mut self,
        _fate: &Arc<Fate>,
        _store: &StoreRef,
        _purpose: Purpose,
    ) -> Answer<S> {
        Answer::Run
    }

    #[allow(clippy::unused_async)]
    pub(crate) async fn store(
        &self,
        _fate: &Arc<Fate>,
        value: &S::Value,
        windows: Windows,
        _store: &StoreRef,
    ) -> Option<Prepared<S>> {
        Some(self.prepare(value, windows))
    }

    #[allow(clippy::unused_async)]
    pub(crate) async fn replace(
        &self,
        _fate: &Arc<Fate>,
        _prepared: &Prepared<S>,
        _store: &StoreRef,
    ) {
    }

    #[allow(clippy::unused_async)]
    pub(crate) async fn remove(&self, _store: &StoreRef) -> Removal {
        Removal::NotUsed
    }
}
