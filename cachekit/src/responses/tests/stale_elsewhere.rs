//! Two processes with one shared tier that tells of no changes, and a response past its freshness: what one of them ends, no
//! request that comes later gets from the other one.

use std::time::Duration;

use cachekit_io::layers::{Attempt, Call, Layer};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{Backend, BackendError, BackendErrorKind, BoxFuture, Capability, Operation};
use tokio::sync::Semaphore;

use super::elsewhere::{Keeps, silent};
use super::*;
use crate::testing::Scope;

/// A page that does not vary, and is stale here and fresh or stale there. `fails`: from the second run on the handler fails.
fn plain_process(backend: &Arc<FaultyBackend>, said: &'static str, fails: bool) -> (Scope, Shop) {
    let scope = Scope::new().with_backend(Arc::clone(backend) as _);
    let runs = AtomicUsize::new(0);
    let shop = scope.run(|| {
        Shop::with(CacheResponses::builder("elsewhere"), move |_| {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            if run > 0 && fails {
                return response(&[(":status", "503")], "bad");
            }
            response(&[("cache-control", said)], &format!("run {run}"))
        })
    });
    (scope, shop)
}

/// Past its freshness a copy counts only as long as the tier has the response: another process may have invalidated it.
#[tokio::test]
async fn a_stale_copy_outlives_no_invalidation_elsewhere() {
    for said in ["max-age=60, stale-if-error=3600", "max-age=60, stale-while-revalidate=3600"] {
        for keeps in [Keeps::Fences, Keeps::Locks] {
            let backend = silent(keeps);
            let (here, a) = plain_process(&backend, said, true);
            let (_there, b) = plain_process(&backend, said, true);
            assert_eq!(a.get("/").await.text, "run 0");
            assert!(b.cache.invalidate("http://shop.example/").await.unwrap().is_confirmed());
            // The bound of the two tiers: as long as it is fresh.
            assert_eq!(a.get("/").await.text, "run 0");
            here.clock().advance(Duration::from_secs(61));
            for _ in 0..2 {
                assert_eq!(a.get("/").await.status, 503, "{said} {keeps:?}");
                settle().await;
                assert_eq!(a.cache.stats().entries, 0, "it takes no more room, nor look-ups");
            }
        }
    }
}

/// And as long as it has, the copy does what it is for. If the tier cannot be asked, it does not.
#[tokio::test]
async fn a_stale_copy_is_of_use_as_long_as_the_tier_has_it() {
    for can_be_asked in [true, false] {
        let backend = silent(Keeps::Fences);
        let said = "max-age=60, stale-while-revalidate=3600";
        let (here, a) = plain_process(&backend, said, true);
        a.get("/").await;
        here.clock().advance(Duration::from_secs(61));
        if !can_be_asked {
            backend.inject(Fault::fail(BackendErrorKind::Transient));
        }
        let answer = a.get("/").await;
        assert_eq!(answer.status, if can_be_asked { 200 } else { 503 });
        assert_eq!(answer.header("cache-status").contains("detail=stale"), can_be_asked);
        // What could not be asked may still have it.
        backend.heal();
        here.clock().advance(Duration::from_secs(10));
        assert_eq!(a.get("/").await.status, 200, "could be asked before: {can_be_asked}");
    }
}

/// A process with a clock of its own. If it `makes` the page, that has a millisecond left once it is read. All further runs wait
/// for a permit, and answer so.
fn aging_process(
    backend: &Arc<dyn Backend>,
    makes: Option<&'static [(&'static str, &'static str)]>,
    then: &'static str,
) -> (Scope, Shop, Arc<Semaphore>) {
    let scope = Scope::new().with_backend(Arc::clone(backend));
    let (clock, gate) = (scope.clock().clone(), Arc::new(Semaphore::new(0)));
    let (by, runs) = (Arc::clone(&gate), AtomicUsize::new(0));
    let shop = scope.run(|| {
        Shop::later(CacheResponses::builder("elsewhere"), move |_| {
            let is_first = runs.fetch_add(1, Ordering::SeqCst) == 0;
            let (clock, gate) = (clock.clone(), Arc::clone(&by));
            async move {
                if let Some(lines) = makes.filter(|_| is_first) {
                    let mut answer = response(lines, "good");
                    let time = Duration::from_millis(59_999);
                    answer.body_mut().pending = Some(Pending(clock, time));
                    return Ok(answer);
                }
                gate.acquire().await.unwrap().forget();
                Ok(response(&[(":status", then)], "bad"))
            }
        })
    });
    (scope, shop, gate)
}

/// Makes the page, and lets its time go by, in the process that made it and in the tier, whose time is the world's.
async fn make_and_age((scope, shop, _): &(Scope, Shop, Arc<Semaphore>)) {
    assert_eq!(shop.get("/").await.text, "good");
    let_the_world_age();
    scope.clock().advance(Duration::from_millis(2));
}

/// How another process ends the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Never,
    ByInvalidation,
    /// Its handler says that the page is not for all any more.
    ByAnswer,
}

impl Ends {
    async fn end(self, backend: &Arc<dyn Backend>) {
        let (_scope, shop, gate) = aging_process(backend, None, "403");
        gate.add_permits(1);
        match self {
            Self::Never => {}
            Self::ByInvalidation => {
                let done = shop.cache.invalidate("http://shop.example/").await.unwrap();
                assert!(done.is_confirmed());
            }
            Self::ByAnswer => assert_eq!(shop.get("/").await.status, 403),
        }
    }
}

const FAILS_OVER: [&[(&str, &str)]; 2] = [
    &[("cache-control", "max-age=60, stale-if-error=3600")],
    &[("cache-control", "max-age=60, stale-if-error=3600"), ("vary", "x")],
];

/// A request that comes after another process ended the page does not get it, also not as what stands in for the failure of a
/// run that began before.
#[tokio::test]
async fn what_another_process_ended_stands_in_for_no_later_request() {
    for said in FAILS_OVER {
        for is_here in [true, false] {
            for ends in [Ends::Never, Ends::ByInvalidation, Ends::ByAnswer] {
                let silent = silent(Keeps::Fences);
                // Else the other process would wait for a while for this one's run.
                silent.hide(Capability::Locks);
                let backend: Arc<dyn Backend> = silent;
                let made = aging_process(&backend, Some(said), "503");
                make_and_age(&made).await;
                let (_scope, a, gate) =
                    if is_here { made } else { aging_process(&backend, None, "503") };
                let leads = tokio::spawn(a.get_owned("/"));
                settle().await;
                ends.end(&backend).await;
                let waits = tokio::spawn(a.get_owned("/"));
                settle().await;
                gate.add_permits(10);
                let (first, later) = (leads.await.unwrap(), waits.await.unwrap());
                let expected = if ends == Ends::Never { (200, "good") } else { (503, "bad") };
                let got = (later.status, later.text.as_str());
                assert_eq!(got, expected, "{said:?}, here: {is_here}, {ends:?}");
                // This one asked before. It may have it, unless its process has learnt of the end by the later one.
                assert!(first.status == 200 || ends != Ends::Never);
            }
        }
    }
}

/// Holds back the answers of look-ups that have read already.
#[derive(Debug)]
struct HoldsAnswers {
    /// How many are still to be held back.
    holds: AtomicUsize,
    gate: Semaphore,
}

impl Layer for HoldsAnswers {
    fn carry<'a, T: Send + 'a>(
        &'a self,
        call: Call<'a>,
        attempt: Attempt<'a, T>,
    ) -> BoxFuture<'a, Result<T, BackendError>> {
        Box::pin(async move {
            let result = attempt.run().await;
            if call.operation() == Operation::Get
                && self.holds.compare_exchange(1, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
            {
                self.gate.acquire().await.unwrap().forget();
            }
            result
        })
    }
}

/// The same of a stale response that a call before it has read there, and passes on to all who wait for it.
#[tokio::test]
async fn what_another_process_ended_is_passed_on_to_no_later_request() {
    const SAID: &[(&str, &str)] = &[("cache-control", "max-age=60, stale-while-revalidate=3600")];
    for ends in [Ends::Never, Ends::ByInvalidation] {
        let layered =
            Arc::new(HoldsAnswers { holds: AtomicUsize::new(0), gate: Semaphore::new(0) });
        let backend: Arc<dyn Backend> =
            Arc::new(Arc::clone(&layered).around((*silent(Keeps::Fences)).clone()));
        make_and_age(&aging_process(&backend, Some(SAID), "503")).await;
        let (_scope, a, gate) = aging_process(&backend, None, "503");
        layered.holds.store(1, Ordering::SeqCst);
        let leads = tokio::spawn(a.get_owned("/"));
        settle().await;
        ends.end(&backend).await;
        let waits = tokio::spawn(a.get_owned("/"));
        settle().await;
        assert!(!leads.is_finished() && !waits.is_finished());
        layered.gate.add_permits(1);
        gate.add_permits(10);
        assert_eq!(leads.await.unwrap().text, "good", "it asked before");
        let expected = if ends == Ends::Never { "good" } else { "bad" };
        assert_eq!(waits.await.unwrap().text, expected);
        settle().await;
    }
}

/// Requests that waited for a page which another process ended share the next run: the handler has just failed, and may be
/// in trouble.
#[tokio::test]
async fn those_who_wait_for_what_was_ended_elsewhere_share_a_run() {
    let silent = silent(Keeps::Fences);
    silent.hide(Capability::Locks);
    let backend: Arc<dyn Backend> = silent;
    let made = aging_process(&backend, Some(FAILS_OVER[0]), "503");
    make_and_age(&made).await;
    let (gate, runs) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (by, counted) = (Arc::clone(&gate), Arc::clone(&runs));
    let a = Scope::new().with_backend(Arc::clone(&backend)).run(|| {
        Shop::later(CacheResponses::builder("elsewhere"), move |_| {
            let (gate, run) = (Arc::clone(&by), counted.fetch_add(1, Ordering::SeqCst));
            async move {
                gate.acquire().await.unwrap().forget();
                if run == 0 {
                    return Ok(response(&[(":status", "503")], "bad"));
                }
                Ok(response(&[("cache-control", "max-age=60")], "new"))
            }
        })
    });
    let leads = tokio::spawn(a.get_owned("/"));
    until(|| runs.load(Ordering::SeqCst) == 1).await;
    Ends::ByInvalidation.end(&backend).await;
    let waiting: Vec<_> = (0..5).map(|_| tokio::spawn(a.get_owned("/"))).collect();
    settle().await;
    gate.add_permits(10);
    leads.await.unwrap();
    for waits in waiting {
        assert_eq!(waits.await.unwrap().text, "new");
    }
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}
