//! The layer's entries, on the engine of annotated functions: one look-up, single-flight, the shared tier, invalidation.

use std::any::TypeId;
use std::sync::Arc;

use super::ends::Ends;
use super::key::Key;
use super::stored::{Entry, Stored};
use super::vary::Rule;
use crate::cached_function::{CachedFunction, FunctionRef, Given, Policy, given};
use crate::clock::{self, Ticks};
use crate::entry::AnyEntry;
use crate::handle::Invalidated;
use crate::key::hash_of;
use crate::read_through::behind::{NotAsked, Removal};
use crate::read_through::remote::Remote;
use crate::read_through::{self, Lookup, Miss, find};
use crate::route;
use crate::rules::{Judge, Verdict};
use crate::scope::{self, Scope};
use crate::shape::{OkOnly, Plain, Shape};
use crate::store::{Caller, Capacity, Cause, Store, StoreRef};

/// What a run of the handler comes to, for all who wait: an entry, or nothing. What is for its own client alone never gets
/// here.
pub(super) type Ran = OkOnly<Entry, NotStored>;

/// The response is not one for others.
#[derive(Debug)]
pub(super) struct NotStored;

/// Names the entries of layers in a process; a store belongs to one layer.
struct Responses;

/// What a look may find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Whatever may be served, if only while the handler runs again.
    Any,
    /// Only a fresh response, or the run of the handler that makes one.
    Fresh,
    /// Nothing: the handler runs, and its response replaces what is there.
    Run,
}

/// The store of one layer, and what is behind it.
pub(super) struct Engine {
    store: StoreRef,
    function: FunctionRef,
    /// What a layer that was built in a test scope stays in.
    scope: Option<Scope>,
    /// How often entries were ended, for what this process does not have itself.
    ends: Ends,
}

/// What this process has of a key, before it is looked for.
pub(super) enum Held {
    /// A rule that may be used, or a response that may be served to no client without a failure: no look is needed.
    Entry(Entry),
    /// A response that may be served while the handler runs again.
    Stale(Arc<Stored>),
    /// A response past its time that is of no use here: the tier does not have it any more.
    Gone,
    /// What only a look tells.
    Other,
}

impl Engine {
    pub(super) fn new(of: Given, capacity: u64) -> Self {
        let function: &'static CachedFunction = given(of);
        let disabled = crate::disabled() || scope::is_disabled();
        let store = Store::new(Capacity::Weight(capacity), scope::clock(), disabled)
            .named(function.info.module, function.info.name)
            .observed_as(|| function.label());
        let store = StoreRef::Shared(Arc::new(store));
        function.adopt(scope::number(), &store);
        let function = FunctionRef::new(function, TypeId::of::<Responses>());
        Self { store, function, scope: scope::current(), ends: Ends::default() }
    }

    pub(super) fn policy(&self) -> &'static Policy {
        &self.function.definition.info.policy
    }

    pub(super) fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    pub(super) fn now(&self) -> Ticks {
        self.store.now()
    }

    pub(super) fn is_disabled(&self) -> bool {
        self.store.is_disabled()
    }

    pub(super) fn len(&self) -> usize {
        self.store.len()
    }

    pub(super) fn weight(&self) -> u64 {
        self.store.weight()
    }

    /// Looks for an entry; `refreshes`: the call can refresh what is stale.
    pub(super) fn look(
        &self,
        key: &Key,
        wanted: Wanted,
        refreshes: bool,
    ) -> Result<Result<Entry, NotStored>, Miss<Key, Ran>> {
        let function = self.function.definition;
        let look = |key: &Key| {
            find::<Key, Ran>(Lookup {
                store: &self.store,
                hash: self.place(key),
                key,
                ttl: function.ttl(),
                window: if wanted == Wanted::Fresh { 0 } else { function.window() },
                idle: function.idle(),
                caller: Caller { asynchronous: true, ..self.function.caller() },
                refreshes,
                remote: Some((self.function, tier)),
                keep: &|| self.store.clone(),
            })
        };
        let found = match wanted {
            Wanted::Any => look(key),
            Wanted::Fresh => look(&key.fresh_only()),
            Wanted::Run => read_through::refresh(|| look(key)),
        };
        // If another caller leads and has nothing to share, this one does not wait for a second.
        found.map_err(|miss| miss.waits_once().with_window(function.window()))
    }

    fn place(&self, key: &Key) -> u64 {
        self.function.place(hash_of(key))
    }

    /// How often entries of this key were ended in this process so far, or of others that share its count.
    pub(super) fn ends(&self, key: &Key) -> u64 {
        self.ends.of(hash_of(key))
    }

    fn remove_here(&self, key: &Key) -> bool {
        let same = |other: &dyn AnyEntry| other.of_key::<Key, Entry>(|own| own == key).is_some();
        let removed = self.store.remove(self.place(key), &same).is_some();
        // Only now: a call that reads the count and then finds the entry found it before it was ended.
        self.ends.count(hash_of(key));
        removed
    }

    /// Whether an entry is here that may be served, if only as a stale one.
    pub(super) fn is_here(&self, key: &Key) -> bool {
        self.store.peek(self.place(key)).is_some_and(|entry| {
            entry.of_key::<Key, Entry>(|own| own == key).is_some()
                && (self.store.serves(&*entry) || self.store.serves_stale(&*entry))
        })
    }

    /// The entry that is here, whether its time is over or not.
    fn here(&self, key: &Key) -> Option<Entry> {
        let entry = self.store.peek(self.place(key)).filter(|entry| entry.head().is_alive())?;
        entry.of_key::<Key, Entry>(|own| own == key).map(|entry| entry.value.clone())
    }

    /// What this process has under a key. If the process gets no events, a stale entry counts only if the tier still
    /// has it, because an invalidation by another process would not have removed it here.
    pub(super) async fn held(&self, key: &Key) -> Held {
        let Some(entry) = self.store.peek(self.place(key)) else { return Held::Other };
        let own = entry.of_key::<Key, Entry>(|own| own == key).map(|entry| entry.value.clone());
        match own {
            Some(Entry::Rule(rule)) if self.store.serves(&*entry) => {
                entry.head().visit();
                Held::Entry(Entry::Rule(rule))
            }
            Some(Entry::Response(stored)) if self.is_past(&*entry, &stored) => {
                drop(entry);
                if !self.stands_past(key, &stored).await {
                    Held::Gone
                } else if stored.may_be_served(self.now()) {
                    Held::Stale(stored)
                } else {
                    Held::Entry(Entry::Response(stored))
                }
            }
            _ => Held::Other,
        }
    }

    /// Whether a response is not fresh any more, and still of use.
    fn is_past(&self, entry: &dyn AnyEntry, stored: &Stored) -> bool {
        let now = self.now();
        entry.head().is_alive()
            && !self.store.serves(entry)
            && (stored.may_be_served(now) || stored.stands_in(now))
    }

    /// Whether an invalidation elsewhere would have taken away here what this process has.
    fn hears(&self, key: &Key) -> bool {
        let hears = || route::hears_of_changes(self.function, key.backend());
        scope::within(self.scope.as_ref(), hears)
    }

    /// Whether a response past its time still counts: no invalidation elsewhere has taken it away, as far as the backend tells.
    pub(super) async fn stands_past(&self, key: &Key, stored: &Arc<Stored>) -> bool {
        if self.hears(key) {
            return true;
        }
        let make = || tier::<Plain<Entry>>(self.function, Some(&self.store), key);
        let Some(remote) = scope::within(self.scope.as_ref(), make) else { return false };
        match remote.peek_stale(&self.store).await {
            Ok(Some(Entry::Response(there))) => there.is_same(stored),
            // It was ended there: a run that is under way over it here finds that out, and no request asks again.
            Ok(None) => {
                self.drop_response(key, stored);
                false
            }
            Ok(Some(_)) | Err(NotAsked) => false,
        }
    }

    /// Whether a rule, from this process or from the run of another call, still leads to its variants. If the backend
    /// sends events, an invalidation by another process has removed the rule here, too. If not, the rule is read from
    /// the backend, so that it does not lead to variants that were invalidated there.
    pub(super) async fn stands(&self, key: &Key, rule: &Rule) -> bool {
        if self.hears(key) {
            return true;
        }
        let make = || tier::<Plain<Entry>>(self.function, Some(&self.store), key);
        let Some(remote) = scope::within(self.scope.as_ref(), make) else { return false };
        let there = remote.peek(&self.store).await;
        matches!(there, Some(Entry::Rule(there)) if there.number == rule.number)
    }

    /// Lets go of a rule, unless there is another one by now.
    pub(super) fn drop_rule(&self, key: &Key, rule: &Rule) {
        let place = self.place(key);
        let Some(entry) = self.store.peek(place) else { return };
        let here = entry.of_key::<Key, Entry>(|own| own == key).map(|entry| &entry.value);
        if matches!(here, Some(Entry::Rule(here)) if here.number == rule.number) {
            self.store.take_out(place, &entry, Cause::Removed);
        }
    }

    /// Lets go of a response, unless there is another one by now.
    fn drop_response(&self, key: &Key, response: &Arc<Stored>) {
        let place = self.place(key);
        let Some(entry) = self.store.peek(place) else { return };
        let here = entry.of_key::<Key, Entry>(|own| own == key).map(|entry| &entry.value);
        if matches!(here, Some(Entry::Response(here)) if Arc::ptr_eq(here, response)) {
            self.store.take_out(place, &entry, Cause::Removed);
        }
    }

    /// Whether this rule is the one that is here.
    pub(super) fn has_rule(&self, key: &Key, rule: &Rule) -> bool {
        matches!(self.here(key), Some(Entry::Rule(here)) if here.number == rule.number)
    }

    /// Whether this response is the one that is here.
    pub(super) fn has_response(&self, key: &Key, response: &Arc<Stored>) -> bool {
        matches!(self.here(key), Some(Entry::Response(here)) if Arc::ptr_eq(&here, response))
    }

    /// Whether a response is here that has just been read from elsewhere, or made.
    pub(super) fn has_another(&self, key: &Key) -> bool {
        matches!(self.here(key), Some(Entry::Response(here)) if !here.fresh_left(self.now()).is_zero())
    }

    /// Whether entries may be in a shared tier.
    pub(super) fn may_be_shared(&self) -> bool {
        scope::within(self.scope.as_ref(), || route::after_clear(self.function.definition))
            != Removal::NotUsed
    }

    pub(super) fn count_invalidation(&self) {
        self.store.count_invalidation();
    }

    /// Ends entries and the fills of their keys in this process.
    pub(super) fn end_here(&self, keys: &[Key]) {
        for key in keys {
            self.remove_here(key);
        }
    }

    /// Ends entries and the fills of their keys: here at once, when this is first polled, then in the shared tier, the first
    /// one first. They are spellings of one target, or what one change names: one invalidation.
    pub(super) async fn invalidate_all(&self, keys: &[Key]) -> Invalidated {
        self.store.count_invalidation();
        self.end_all(keys).await
    }

    /// The same, counted elsewhere.
    pub(super) async fn end_all(&self, keys: &[Key]) -> Invalidated {
        let remove_here = || keys.iter().filter(|key| self.remove_here(key)).count() as u64;
        // All of them here first: the shared tier may take its time.
        let removed = remove_here();
        let make = |key| tier::<Plain<Entry>>(self.function, Some(&self.store), key);
        let remotes = || keys.iter().filter_map(make).collect::<Vec<_>>();
        let remotes = scope::within(self.scope.as_ref(), remotes);
        let shared = Remote::remove_all(&remotes, &self.store).await;
        if remotes.iter().any(Remote::has_backend) {
            // A call that came in between may have found the old response still there.
            remove_here();
        }
        Invalidated { removed, shared }
    }

    /// Drops all entries of this process.
    pub(super) fn clear(&self) -> Invalidated {
        self.store.count_invalidation();
        let removed = self.store.clear();
        self.ends.count_all();
        let shared =
            scope::within(self.scope.as_ref(), || route::after_clear(self.function.definition));
        Invalidated { removed, shared }
    }
}

/// The tier of an entry.
fn tier<S: Shape<Value = Entry>>(
    function: FunctionRef,
    store: Option<&StoreRef>,
    key: &Key,
) -> Option<Remote<S>> {
    let remote = route::at_own_or_configured::<Key, S>(function, store, key, key.backend())?;
    Some(if key.is_fresh_only() { remote.without_stale() } else { remote })
}

/// What becomes of an entry that a run made: the engine's clock tells how much of its time is left.
pub(super) struct ByEntry<'a>(pub(super) &'a Engine);

impl Judge<Key, Ran> for ByEntry<'_> {
    fn judge(&self, key: &Key, ran: &Result<Entry, NotStored>, _ttl: Ticks) -> Verdict {
        match ran {
            // What stands in is for those that wait.
            Ok(Entry::StoodIn(_)) | Err(NotStored) => {
                Verdict { keep: false, ttl: 0, weight: 1, window: 0 }
            }
            Ok(entry) => Verdict {
                keep: true,
                ttl: clock::ticks(entry.fresh_for(self.0.now())).max(1),
                weight: (entry.weight() + key.weight()) as u64,
                window: clock::ticks(entry.stale_for()),
            },
        }
    }
}
