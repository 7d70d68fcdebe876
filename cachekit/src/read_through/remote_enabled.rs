//! The shared tier as one function sees it. No failure leaves this file: a tier that is down, slow or
//! corrupt is a miss.

use std::marker::PhantomData;
use std::sync::Arc;

use cachekit_io::Backend;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Purpose;
use crate::answer::{Answer, Removal};
use crate::entry::Fate;
use crate::format::codec::Proof;
use crate::key::CacheKey;
use crate::seal::{BlindedKey, Seal, Unsealed};
use crate::shape::Shape;
use crate::shared::backend;
use crate::shared::encoding::Encoding;
pub(crate) use crate::shared::encoding::{Prepared, Windows};
use crate::shared::link::{Failed, Link};
use crate::shared::tier::{SharedTier, kept_sealed};
use crate::site::{Site, SiteRef, Tier};
use crate::storage_key::storage_key;
use crate::store::{Store, StoreRef};

impl Removal {
    /// A backend cannot list a function's keys, so clearing is not confirmed where there is one.
    pub(crate) fn for_clear(site: &'static Site) -> Self {
        let tier = site.info.tier;
        let uses_one = site.info.policy.own_backend || !matches!(backend(tier), Ok(None));
        if tier != Tier::Local && uses_one { Self::Failed } else { Self::NotUsed }
    }
}

/// The shared tier of one call, if there is one, and what its values are sealed with, if they are.
pub(crate) struct Remote<K, S: Shape> {
    tiers: Tiers<S>,
    key: PhantomData<fn() -> K>,
}

/// Boxed: most calls carry none.
enum Tiers<S: Shape> {
    /// Values stay in this process, as they are.
    Nowhere,
    /// They go to a backend.
    Shared(Box<SharedTier<S>>),
    /// They stay in this process, sealed.
    #[allow(dead_code)] // Without the feature `secure` nothing is sealed.
    Here(Box<Seal>, Encoding<S::Value>),
    /// They would have to be sealed, and cannot be: they are stored nowhere.
    #[allow(dead_code)]
    Nothing(Box<Unsealed>),
}

impl<K, S: Shape> Remote<K, S> {
    #[inline]
    fn with(tiers: Tiers<S>) -> Self {
        Self { tiers, key: PhantomData }
    }

    /// For values that stay in the process.
    #[inline]
    pub(crate) fn nowhere() -> Self {
        Self::with(Tiers::Nowhere)
    }

    /// At the backend that is configured, if there is one.
    pub(crate) fn of<Q>(site: SiteRef, key: &Q) -> Self
    where
        Q: CacheKey<Owned: Serialize>,
        S::Value: Serialize + DeserializeOwned,
    {
        match configured(site) {
            Some(backend) => Self::at(site, key, backend),
            None => Self::nowhere(),
        }
    }

    /// At this backend.
    pub(crate) fn at<Q>(site: SiteRef, key: &Q, backend: Arc<dyn Backend>) -> Self
    where
        Q: CacheKey<Owned: Serialize>,
        S::Value: Serialize + DeserializeOwned,
    {
        let Some((key, unambiguous)) = storage_key(site, key) else { return Self::nowhere() };
        let link = Link::new(backend, key, site.site.info.policy.is_async);
        Self::shared(site, link, unambiguous, (None, Vec::new()))
    }

    fn shared(
        site: SiteRef,
        link: Link,
        unambiguous: bool,
        sealing: (Option<Box<Seal>>, Vec<Link>),
    ) -> Self
    where
        S::Value: Serialize + DeserializeOwned,
    {
        let target = SharedTier::new(site, link, unambiguous, sealing);
        Self::with(Tiers::Shared(Box::new(target)))
    }

    /// Sealed, at this backend or, without one, in this process.
    #[cfg(feature = "secure")]
    pub(crate) fn sealed<Q>(
        site: SiteRef,
        key: &Q,
        backend: Option<Arc<dyn Backend>>,
        tenant: &str,
    ) -> Self
    where
        Q: CacheKey<Owned: Serialize>,
        S::Value: Serialize + DeserializeOwned,
    {
        let (seal, unambiguous) = match Seal::new::<Q, S::Value>(site, key, tenant) {
            Ok(sealed) => sealed,
            Err(reason) => {
                let unsealed = Unsealed::new(site.site, backend.is_some(), reason);
                return Self::with(Tiers::Nothing(Box::new(unsealed)));
            }
        };
        let seal = Box::new(seal);
        let Some(backend) = backend else {
            return Self::with(Tiers::Here(seal, Encoding::of()));
        };
        let is_async = site.site.info.policy.is_async;
        let link = Link::new(backend, seal.key().to_owned(), is_async);
        let previous = seal.previous().map(|key| link.at(key)).collect();
        Self::shared(site, link, unambiguous, (Some(seal), previous))
    }

    fn target(&self) -> Option<&SharedTier<S>> {
        match &self.tiers {
            Tiers::Shared(target) => Some(target),
            _ => None,
        }
    }

    /// The tier, if it may hold this call's value.
    fn holding(&self) -> Option<&SharedTier<S>> {
        self.target().filter(|target| target.unambiguous)
    }

    /// Where the entry is stored, if it is sealed.
    pub(crate) fn blinded(&self) -> Option<BlindedKey> {
        match &self.tiers {
            Tiers::Shared(target) => target.seal.as_ref()?.blinded(),
            Tiers::Here(seal, _) => seal.blinded(),
            Tiers::Nowhere | Tiers::Nothing(_) => None,
        }
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        matches!(self.tiers, Tiers::Shared(_))
    }

    /// Whether the value stays in this process, as it is.
    #[inline]
    pub(crate) fn is_nowhere(&self) -> bool {
        matches!(self.tiers, Tiers::Nowhere)
    }

    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        !self.is_some()
    }

    /// What the call returns because nothing could be sealed. `None`: it goes on.
    #[inline]
    pub(crate) fn refused(&self, store: &Store) -> Option<S::Return> {
        match &self.tiers {
            Tiers::Nothing(unsealed) => {
                let refused = S::refuse(&unsealed.error());
                if refused.is_none() {
                    unsealed.runs(store);
                }
                refused
            }
            _ => None,
        }
    }

    /// Whether nothing may be stored anywhere.
    pub(crate) fn stores_nothing(&self) -> bool {
        matches!(self.tiers, Tiers::Nothing(_))
    }

    /// What this process keeps of a value that goes to no backend.
    #[inline]
    pub(crate) fn keep(&self, value: &S::Value, windows: Windows) -> Option<S::Stored> {
        match &self.tiers {
            Tiers::Nowhere => Some(S::kept(value)),
            _ => self.prepare(value, windows).kept,
        }
    }

    /// A value for all tiers.
    pub(crate) fn prepare(&self, value: &S::Value, windows: Windows) -> Prepared<S> {
        match &self.tiers {
            Tiers::Nowhere => {
                Prepared { kept: Some(S::kept(value)), bytes: None, windows, until: None }
            }
            Tiers::Shared(target) => target.prepare(value, windows),
            Tiers::Here(seal, encoding) => {
                let sealed = if S::SEALED {
                    encoding
                        .frame(value, windows, Proof::Each)
                        .and_then(|frame| seal.seal(&frame).ok())
                } else {
                    None
                };
                let kept = kept_sealed::<S>(seal, value, sealed);
                Prepared { kept, bytes: None, windows, until: None }
            }
            Tiers::Nothing(_) => Prepared { kept: None, bytes: None, windows, until: None },
        }
    }

    /// The value, if the tier has a whole and fresh one.
    pub(crate) async fn peek(&self, store: &StoreRef) -> Option<S::Value> {
        let target = self.holding()?;
        if target.is_overtaken() || !target.link.admits(store) {
            return None;
        }
        match target.look(store, target.link.deadline()).await {
            Ok(Answer::Fresh(found)) => Some(found.value),
            _ => None,
        }
    }

    /// Removes the entry from the tier, within one budget.
    pub(crate) async fn remove(&self, store: &StoreRef) -> Removal {
        let target = match &self.tiers {
            Tiers::Shared(target) => target,
            // Where the entry is, only the key tells.
            Tiers::Nothing(unsealed) if unsealed.has_backend() => return Removal::Failed,
            _ => return Removal::NotUsed,
        };
        let until = target.link.deadline();
        if target.empty(None, store, until).await { Removal::Confirmed } else { Removal::Failed }
    }
}

impl<K, S> Remote<K, S>
where
    K: Send + Sync + 'static,
    S: Shape,
{
    /// Asks the tier before the function runs, for the call that is to end with this fate.
    pub(crate) async fn consult(
        &mut self,
        fate: &Arc<Fate>,
        store: &StoreRef,
        purpose: Purpose,
    ) -> Answer<S> {
        let Tiers::Shared(target) = &mut self.tiers else { return Answer::Run };
        target.cover(fate, store);
        if !target.unambiguous {
            return Answer::Run;
        }
        // A forced run wants the old value gone there, too: that is tried in any case.
        if purpose != Purpose::Forced && !target.link.admits(store) {
            target.given_up = true;
            return Answer::Run;
        }
        match target.consult(Arc::clone(fate), store, purpose).await {
            Ok(answer) => answer,
            Err(failed) => {
                target.given_up = failed == Failed::Late;
                Answer::Run
            }
        }
    }

    /// Writes a value that the function returned, unless it was invalidated meanwhile. `None` if the backend knows of
    /// an invalidation: then it is not to be kept here either.
    pub(crate) async fn store(
        &self,
        fate: &Arc<Fate>,
        value: &S::Value,
        windows: Windows,
        store: &StoreRef,
    ) -> Option<Prepared<S>> {
        let target = self.holding();
        let writes = target.is_some_and(|target| target.may_write(fate));
        if fate.is_dead() && !writes {
            return None;
        }
        let prepared = self.prepare(value, windows);
        let Some(target) = target else { return Some(prepared) };
        let accepted = target.write(fate, &prepared, store).await;
        accepted.then_some(prepared)
    }

    /// This process keeps a value that is not in the backend of the call, if there is one.
    pub(crate) fn unwritten(&self, fate: &Arc<Fate>, store: &StoreRef) {
        if let Some(target) = self.holding() {
            target.unwritten(fate, store);
        }
    }

    /// Writes a value that a caller hands in, over whatever is there.
    pub(crate) async fn replace(&self, fate: &Arc<Fate>, prepared: &Prepared<S>, store: &StoreRef) {
        if let Some(target) = self.holding() {
            target.cover(fate, store);
            target.replace(fate, prepared, store).await;
        }
    }
}

/// The backend that is configured for a function.
pub(crate) fn configured(site: SiteRef) -> Option<Arc<dyn Backend>> {
    backend(site.site.info.tier).unwrap_or_else(|_| {
        // Asked for and not to be had; `check` says why.
        site.store().count_shared_error();
        None
    })
}
