//! Steps 2 and 3 of a call ([`super`]): looks into the store, and makes the miss of a call that finds nothing.

use std::cell::Cell;
use std::marker::PhantomData;

use super::Miss;
use super::miss::Rare;
use super::remote::{Behind, MakeRemote};
use super::revalidate::{self, Ticket};
use crate::clock::{NEVER, Ticks};
use crate::entry::AnyEntry;
use crate::flight::chain;
use crate::front;
use crate::key::CacheKey;
use crate::scope;
use crate::shape::Shape;
use crate::site::{SiteRef, Tier};
use crate::stats::Refusal;
use crate::store::{self, Caller, Look, Row, Store, StoreRef};

/// Takes an entry out that did not open.
pub(super) fn drop_refused<Q: CacheKey, S: Shape>(
    store: &Store,
    hash: u64,
    key: &Q,
    refusal: Refusal,
) {
    store.drop_refused(hash, refusal, &|other| {
        let other = other.typed::<Q::Owned, S::Stored>();
        other.is_some_and(|other| key.matches(&other.key))
    });
}

/// Returns the value that a look found, if it is fresh. A macro, because a function would have a large value copied once
/// more, and its call would cost a hit as much as what it does.
macro_rules! return_if_fresh {
    ($look:ident, ($store:ident, $hash:ident, $caller:ident), $key:expr) => {
        if let Look::Found(entry) = &$look
            && let Some(typed) = entry.typed::<Q::Owned, S::Stored>()
            && typed.head.is_alive()
            && typed.head.is_fresh_now(|| $store.now())
            && $key.matches(&typed.key)
        {
            $store.count_hit($hash, entry, &typed.head);
            match S::read(&typed.value) {
                Ok(ret) => return Ok(ret),
                Err(refusal) => {
                    drop_refused::<Q, S>($store, $hash, $key, refusal);
                    $look = $store.lead_over($hash, entry, $caller, true);
                }
            }
        }
    };
}

/// Looks into the store of an annotated function.
#[inline(never)]
pub(super) fn find_site<Q, S>(
    site: SiteRef,
    hash: u64,
    key: Q,
    remote: MakeRemote<Q::Owned, S>,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    let special = front::with(front::Front::is_special).unwrap_or(false);
    let Some(store) = site.static_store().filter(|store| !special && !store.is_disabled()) else {
        return find_site_first(site, hash, key, remote);
    };
    find_site_at(store, site, hash, key, remote)
}

/// Apart, so that in a debug build the calls that take another way do not have room for its values on their stacks.
#[cfg_attr(not(debug_assertions), inline(always))]
fn find_site_at<Q, S>(
    store: &'static Store,
    site: SiteRef,
    hash: u64,
    key: Q,
    remote: MakeRemote<Q::Owned, S>,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    let caller = caller_in_process(site);
    let mut look = store.look(hash, caller, true);
    return_if_fresh!(look, (store, hash, caller), &key);
    let target = site.target(store, hash, caller);
    find_other(&target, &key, look, Some((site, remote)), || StoreRef::Static(store))
}

/// What a call outside of test scopes is: where the process has no backend, `#[cache]` functions ask none.
#[inline]
fn caller_in_process(site: SiteRef) -> Caller {
    let caller = site.caller();
    let info = &site.site.info;
    let is_configured = info.tier == Tier::Shared && !info.policy.own_backend;
    Caller { asks: caller.asks && !(is_configured && scope::is_nowhere()), ..caller }
}

/// The first call of a function, calls in test scopes, forced ones, and all calls where caching is off.
#[cold]
#[inline(never)]
fn find_site_first<Q, S>(
    site: SiteRef,
    hash: u64,
    key: Q,
    remote: MakeRemote<Q::Owned, S>,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    let store = site.store();
    let target = site.target(&store, hash, site.caller());
    find(&target, &key, Some((site, remote)), || store.clone())
}

impl SiteRef {
    #[inline]
    fn target(self, store: &Store, hash: u64, caller: Caller) -> Target<'_> {
        let Self { site, .. } = self;
        let (ttl, window, idle) = (site.ttl(), site.window(), site.idle());
        Target { store, hash, ttl, window, idle, caller }
    }
}

/// Makes the tier behind this process, if the call may have one.
type Way<Q, S> = Option<(SiteRef, MakeRemote<<Q as CacheKey>::Owned, S>)>;

/// Where a call's entry belongs.
pub(crate) struct Target<'a> {
    pub(crate) store: &'a Store,
    pub(crate) hash: u64,
    /// How long entries live if the attribute has nothing better to say.
    pub(crate) ttl: Ticks,
    /// For how long after that they may be served while the function runs again.
    pub(crate) window: Ticks,
    /// How long they stay after a use; `NEVER`: uses change nothing.
    pub(crate) idle: Ticks,
    pub(crate) caller: Caller,
}

/// Looks into the store. A miss carries what a fill needs; `keep` holds the store for it.
#[inline]
pub(crate) fn find<Q, S>(
    target: &Target<'_>,
    key: &Q,
    remote: Way<Q, S>,
    keep: impl Fn() -> StoreRef,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    let &Target { store, hash, caller, .. } = target;
    if store.is_disabled() || front::with(front::Front::is_forced).unwrap_or(false) {
        return find_special(target, key, remote, keep);
    }
    let mut look = store.look(hash, caller, true);
    return_if_fresh!(look, (store, hash, caller), key);
    find_other(target, key, look, remote, keep)
}

/// Goes on where nothing fresh was found: leads, or see [`find_on`].
#[inline]
fn find_other<Q, S>(
    target: &Target<'_>,
    key: &Q,
    look: Look<'_>,
    remote: Way<Q, S>,
    keep: impl Fn() -> StoreRef,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    if let Look::Lead(lead) = look {
        return Err(missed(target, key, Begins::Lead(lead), remote, keep));
    }
    find_on(target, key, (look, Opening::default()), remote, keep)
}

/// Goes on after the first look, which found nothing that could be served as it was.
#[inline(never)]
fn find_on<Q, S>(
    target: &Target<'_>,
    key: &Q,
    (mut look, mut opening): (Look<'_>, Opening<'_>),
    remote: Way<Q, S>,
    keep: impl Fn() -> StoreRef,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    let &Target { store, hash, window, caller, .. } = target;
    loop {
        let entry = match look {
            Look::Found(entry) => entry,
            Look::Pending(row) => break opening.begins = Begins::Pending(row),
            Look::Lead(lead) => break opening.begins = Begins::Lead(lead),
        };
        if let Some(held) = held_by::<Q::Owned, S>(&*entry, |owned| key.matches(owned)) {
            let fresh = store.serves(&*entry);
            if fresh || window > 0 && is_stale(store, &*entry) {
                store.count_hit(hash, &entry, entry.head());
                if !fresh {
                    store.count_stale_hit();
                    if entry.head().claim_refresh(store.now()) {
                        opening.stale = Some(Ticket::resident(hash, entry, keep()));
                        break;
                    }
                }
                match S::read(held) {
                    Ok(ret) => return Ok(ret),
                    Err(refusal) => drop_refused::<Q, S>(store, hash, key, refusal),
                }
            }
        }
        look = store.lead_over(hash, &entry, caller, true);
    }
    Err(missed_so(target, key, opening, remote, keep))
}

/// The call is to run its function, or to refresh an entry, or caching is off.
#[cold]
#[inline(never)]
fn find_special<Q, S>(
    target: &Target<'_>,
    key: &Q,
    remote: Way<Q, S>,
    keep: impl Fn() -> StoreRef,
) -> Result<S::Return, Miss<Q::Owned, S>>
where
    Q: CacheKey,
    S: Shape,
{
    let &Target { store, hash, caller, .. } = target;
    let mut opening = Opening::default();
    if front::with(front::Front::is_forced).unwrap_or(false) {
        opening = ordered::<Q, S>(store, key);
    }
    if store.is_disabled() || opening.is_special() {
        if opening.forced && !store.is_disabled() {
            store.count_forced();
        }
        return Err(missed_so(target, key, opening, remote, keep));
    }
    let look = store.look(hash, caller, true);
    find_on(target, key, (look, opening), remote, keep)
}

#[cfg_attr(not(debug_assertions), inline(always))]
fn missed<Q, S>(
    target: &Target<'_>,
    key: &Q,
    begins: Begins<'_>,
    remote: Way<Q, S>,
    keep: impl Fn() -> StoreRef,
) -> Miss<Q::Owned, S>
where
    Q: CacheKey,
    S: Shape,
{
    let &Target { hash, ttl, window, idle, caller, .. } = target;
    // The user's code runs inside of the fill, if it is led: what it calls must not wait for that.
    let runs_code = caller.asks || !Q::COPIES_PLAINLY;
    let link = match &begins {
        Begins::Lead(lead) if runs_code => Some(chain::enter(lead.id())),
        _ => None,
    };
    let owned = key.to_owned_key();
    let behind = match remote {
        // If the look-up decided to ask no backend, none is asked now: the fill has counted as a run since then.
        Some((site, make)) if caller.asks => Behind::Unmade(site, make),
        _ => Behind::Nowhere,
    };
    let mut rare = None;
    if window > 0 && !behind.is_nowhere() || idle != NEVER {
        let spare = (window > 0).then(|| key.to_owned_key());
        rare = Some(Box::new(Rare { idle, spare, ..Rare::default() }));
    }
    drop(link);
    Miss {
        link: None,
        // From here on the miss gives the lead up if it is dropped.
        turn: Cell::new(begins.turn()),
        key: Some(owned),
        hash,
        store: keep(),
        caller,
        forced: false,
        ttl,
        window,
        failed: 0,
        behind,
        rare,
        shape: PhantomData,
    }
}

/// A miss that begins in another way.
fn missed_so<Q, S>(
    target: &Target<'_>,
    key: &Q,
    opening: Opening<'_>,
    remote: Way<Q, S>,
    keep: impl Fn() -> StoreRef,
) -> Miss<Q::Owned, S>
where
    Q: CacheKey,
    S: Shape,
{
    let Opening { begins, forced, refresh, stale } = opening;
    let mut miss = missed(target, key, begins, remote, keep);
    miss.forced = forced;
    if refresh.is_some() || stale.is_some() {
        let rare = miss.rare.get_or_insert_with(Box::default);
        (rare.stale, rare.refresh) = (stale, refresh);
    }
    miss
}

/// What a look-up found of the fills of its key.
#[derive(Default)]
enum Begins<'a> {
    /// Nothing yet.
    #[default]
    Unknown,
    /// This call leads one.
    Lead(store::Lead<'a>),
    /// Another call does.
    Pending(Row),
}

impl Begins<'_> {
    #[inline]
    fn turn(self) -> Turn {
        match self {
            Self::Unknown => Turn::Unknown,
            Self::Lead(lead) => Turn::Lead(lead.row()),
            Self::Pending(row) => Turn::Pending(row),
        }
    }
}

/// How a miss begins.
#[derive(Default)]
struct Opening<'a> {
    begins: Begins<'a>,
    forced: bool,
    refresh: Option<Ticket>,
    stale: Option<Ticket>,
}

impl Opening<'_> {
    /// What is cached does not count.
    fn is_special(&self) -> bool {
        self.forced || self.refresh.is_some()
    }
}

/// The thread's next call is to run its function: this is it, unless it was meant for another one.
#[cold]
fn ordered<Q, S>(store: &Store, key: &Q) -> Opening<'static>
where
    Q: CacheKey,
    S: Shape,
{
    front::with(|front| front.force(false));
    let Some(ticket) = revalidate::take_order() else {
        return Opening { forced: true, ..Opening::default() };
    };
    // An order for another call than this one, which should not have come here, is dropped.
    let own = ticket.is_for::<Q::Owned, S::Stored>(store, |owned| key.matches(owned));
    Opening { refresh: own.then_some(ticket), ..Opening::default() }
}

/// Whether an entry is past its time, and within the window in which it may be served while it is replaced.
fn is_stale(store: &Store, entry: &dyn AnyEntry) -> bool {
    let head = entry.head();
    head.is_alive() && head.stale_until() > store.now()
}

/// What an entry holds, if its types and key are the ones asked for.
#[inline]
pub(super) fn held_by<K: 'static, S: Shape>(
    entry: &dyn AnyEntry,
    same: impl FnOnce(&K) -> bool,
) -> Option<&S::Stored> {
    let entry = entry.typed::<K, S::Stored>()?;
    if same(&entry.key) { Some(&entry.value) } else { None }
}

/// Whose turn a miss found it to be.
#[derive(Clone, Copy, Default)]
pub(crate) enum Turn {
    /// Still to be found out.
    #[default]
    Unknown,
    /// This call's.
    Lead(Row),
    /// This call's, beside others of its key.
    Beside(Row),
    /// Another's, when it was looked.
    Pending(Row),
}
