//! No shared tier in this build: the feature `shared` is off.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::clock::Ticks;
use crate::entry::Entry;
use crate::rules::Verdict;
use crate::site::{Site, SiteRef};
use crate::store::Store;

/// What became of an entry in the shared tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// The function's values never go there.
    NotUsed,
    /// Never made without a shared tier; it keeps both builds of the callers alike.
    #[allow(dead_code)]
    Failed,
}

impl Removal {
    pub(crate) fn for_clear(_site: &'static Site) -> Self {
        Self::NotUsed
    }
}

/// The shared tier as one function sees it: there is none.
pub(crate) struct Remote<K, V>(PhantomData<fn() -> (K, V)>);

impl<K, V> Remote<K, V> {
    /// For values that belong to no function.
    #[inline]
    pub(crate) fn nowhere() -> Self {
        Self(PhantomData)
    }

    #[inline]
    pub(crate) fn of<Q>(_site: SiteRef, _key: &Q) -> Self {
        Self(PhantomData)
    }

    #[inline]
    #[allow(clippy::unused_self)]
    pub(crate) fn is_some(&self) -> bool {
        false
    }

    #[allow(clippy::unused_async)]
    pub(crate) async fn peek(&self, _store: &Store) -> Option<V> {
        None
    }

    #[allow(clippy::unused_async)]
    pub(crate) async fn store(
        &self,
        _entry: &Arc<Entry<K, V>>,
        _value: &V,
        _verdict: (Verdict, Ticks),
        _store: &Store,
    ) -> bool {
        true
    }

    #[allow(clippy::unused_async)]
    pub(crate) async fn remove(&self, _store: &Store) -> Removal {
        Removal::NotUsed
    }
}
