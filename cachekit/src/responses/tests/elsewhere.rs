//! Two processes with one shared tier that tells of no changes. What one of them invalidates, the other one finds nowhere:
//! neither what is there, nor what it has itself, nor what its runs still add.
//!
//! That is said of responses that vary, and of all past their freshness. Of one that does not vary, a copy is served where it is
//! as long as it is fresh, as with all functions that have two tiers.

use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{BackendErrorKind, Capability, MemoryBackend, Operation};
use tokio::sync::Semaphore;

use super::model::{Random, yields};
use super::*;
use crate::testing::Scope;

const FRESH: &str = "max-age=600";
const LANGUAGES: [&str; 2] = ["de", "fr"];

/// What keeps late writes out of a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    Fences,
    Locks,
}

/// A shared tier that tells nothing.
pub(super) fn silent(keeps: Keeps) -> Arc<FaultyBackend> {
    let backend = FaultyBackend::new(MemoryBackend::new());
    backend.hide(Capability::Events);
    if keeps == Keeps::Locks {
        backend.hide(Capability::Fencing);
    }
    Arc::new(backend)
}

/// What both processes serve: a page in several languages, which has a number.
#[derive(Default)]
struct Site {
    page: AtomicUsize,
    runs: AtomicUsize,
}

impl Site {
    fn page(&self) -> usize {
        self.page.load(Ordering::SeqCst)
    }
}

/// A process: a machine of its own, with a layer of the same name. A request may say by how many steps its run is slower.
fn process(backend: &Arc<FaultyBackend>, site: &Arc<Site>) -> Shop {
    gated_process(backend, site, &Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)))
}

fn gated_process(backend: &Arc<FaultyBackend>, site: &Arc<Site>, gate: &Arc<Semaphore>) -> Shop {
    let (site, gate) = (Arc::clone(site), Arc::clone(gate));
    Scope::new().with_backend(Arc::clone(backend) as _).run(|| {
        Shop::later(CacheResponses::builder("elsewhere"), move |request| {
            let (site, gate) = (Arc::clone(&site), Arc::clone(&gate));
            async move {
                let said = |name: &str| {
                    request.headers().get(name).map_or("", |value| value.to_str().unwrap())
                };
                let steps = said("x-steps").parse().unwrap_or(0);
                if request.method() != "GET" {
                    yields(steps).await;
                    site.page.fetch_add(1, Ordering::SeqCst);
                    yields(steps).await;
                    return Ok(response(&[], ""));
                }
                site.runs.fetch_add(1, Ordering::SeqCst);
                let page = site.page();
                yields(steps).await;
                gate.acquire().await.unwrap().forget();
                let text = format!("{} {page}", said("x-lang"));
                let mut lines = vec![("cache-control", FRESH), ("vary", "x-lang")];
                // What it varies on changes now and then.
                if page % 4 == 3 {
                    lines.push(("vary", "x-more"));
                }
                Ok(response(&lines, &text))
            }
        })
    })
}

async fn page(of: &Shop, language: &str) -> String {
    of.get_with("/", &[("x-lang", language)]).await.text
}

async fn put(at: &Shop) {
    assert_eq!(at.ask(request("PUT", "/", &[])).await.status, 200);
}

#[tokio::test]
async fn what_another_process_invalidated_is_found_nowhere() {
    for keeps in [Keeps::Fences, Keeps::Locks] {
        let (backend, site) = (silent(keeps), Arc::new(Site::default()));
        let [a, b] = [(); 2].map(|()| process(&backend, &site));
        for round in 0..8 {
            for _ in 0..2 {
                for shop in [&a, &b] {
                    for language in LANGUAGES {
                        assert_eq!(page(shop, language).await, format!("{language} {round}"));
                    }
                }
            }
            assert_eq!(site.runs.load(Ordering::SeqCst), 2 * (round + 1), "{keeps:?}: shared");
            put(if round % 2 == 0 { &a } else { &b }).await;
        }
        // The program's own word counts as well as a request's.
        site.page.fetch_add(1, Ordering::SeqCst);
        assert!(a.cache.invalidate("http://shop.example/").await.unwrap().is_confirmed());
        assert_eq!(page(&b, "de").await, "de 9");
    }
}

/// A run of a variant that another process's invalidation overtook adds nothing that is found.
#[tokio::test]
async fn a_run_that_was_overtaken_adds_nothing() {
    for keeps in [Keeps::Fences, Keeps::Locks] {
        let (backend, site) = (silent(keeps), Arc::new(Site::default()));
        let gate = Arc::new(Semaphore::new(1));
        let a = process(&backend, &site);
        let b = gated_process(&backend, &site, &gate);
        assert_eq!(page(&b, "de").await, "de 0");
        let slow = tokio::spawn(b.ask(request("GET", "/", &[("x-lang", "fr")])));
        settle().await;
        put(&a).await;
        // One that asks now does not wait for the run from before.
        let later = tokio::spawn(b.ask(request("GET", "/", &[("x-lang", "fr")])));
        settle().await;
        gate.add_permits(10);
        assert_eq!(slow.await.unwrap().text, "fr 0", "its own client asked before");
        assert_eq!(later.await.unwrap().text, "fr 1", "{keeps:?}");
        for shop in [&b, &a] {
            for language in LANGUAGES {
                assert_eq!(page(shop, language).await, format!("{language} 1"));
            }
        }
    }
}

/// A tier that cannot be asked confirms nothing: the handler runs.
#[tokio::test]
async fn what_is_in_doubt_is_a_miss() {
    let (backend, site) = (silent(Keeps::Fences), Arc::new(Site::default()));
    let b = process(&backend, &site);
    assert_eq!(page(&b, "de").await, "de 0");
    site.page.fetch_add(1, Ordering::SeqCst);
    backend.inject(Fault::fail(BackendErrorKind::Transient));
    for _ in 0..20 {
        assert_eq!(page(&b, "de").await, "de 1");
    }
    let asking: Vec<_> =
        (0..5).map(|_| tokio::spawn(b.ask(request("GET", "/", &[("x-lang", "fr")])))).collect();
    for answer in asking {
        assert_eq!(answer.await.unwrap().text, "fr 1");
    }
    backend.heal();
}

/// Where the tier tells of changes, no look at it is spent on a rule that is here.
#[tokio::test]
async fn a_tier_that_tells_is_not_asked() {
    for (tells, asked) in [(true, 0), (false, 3)] {
        let backend = FaultyBackend::new(MemoryBackend::new());
        if !tells {
            backend.hide(Capability::Events);
        }
        let (backend, site) = (Arc::new(backend), Arc::new(Site::default()));
        let b = process(&backend, &site);
        page(&b, "de").await;
        page(&b, "de").await;
        backend.forget_calls();
        for _ in 0..3 {
            page(&b, "de").await;
        }
        // What comes after the answer to the first page, such as the release of a lock, may still be on its way.
        assert_eq!(backend.count(Operation::Get), asked);
    }
}

/// Reads and changes in both processes, at any time, each of whose steps may be slow: every answer of a backend, and every run.
/// A read that was sent after a change was answered never gets a page from before that change.
#[tokio::test]
async fn no_order_of_steps_loses_an_invalidation() {
    const SEEDS: u64 = 40;
    let (mut reads, mut runs) = (0, 0);
    for seed in 0..SEEDS {
        let keeps = if seed % 2 == 0 { Keeps::Fences } else { Keeps::Locks };
        let (backend, site) = (silent(keeps), Arc::new(Site::default()));
        let steps = Arc::new(Mutex::new(Random(seed ^ 0xabcd)));
        backend.inject(Fault::wait(move || {
            let times = steps.lock().unwrap().below(5);
            yields(times)
        }));
        let shops = [(); 2].map(|()| process(&backend, &site));
        // The page that every read has to have at least.
        let changed = Arc::new(AtomicUsize::new(0));
        let mut random = Random(seed);
        for _ in 0..30 {
            let mut running = Vec::new();
            for _ in 0..=random.below(7) {
                let (shop, starts) = (&shops[random.below(2)], random.below(24));
                let steps = random.below(8).to_string();
                let (changed, site) = (Arc::clone(&changed), Arc::clone(&site));
                if random.below(5) == 0 {
                    let change = shop.ask(request("PUT", "/", &[("x-steps", &steps)]));
                    running.push(tokio::spawn(async move {
                        yields(starts).await;
                        let before = site.page();
                        change.await;
                        changed.fetch_max(before + 1, Ordering::SeqCst);
                    }));
                } else {
                    let language = random.one_of(&LANGUAGES);
                    let lines = [("x-lang", language), ("x-steps", steps.as_str())];
                    let read = shop.ask(request("GET", "/", &lines));
                    reads += 1;
                    running.push(tokio::spawn(async move {
                        yields(starts).await;
                        let least = changed.load(Ordering::SeqCst);
                        let answer = read.await.text;
                        let (of, page) = answer.split_once(' ').unwrap();
                        assert_eq!(of, language);
                        let page: usize = page.parse().unwrap();
                        assert!(page >= least, "{page} instead of {least} or later");
                    }));
                }
            }
            for one in running {
                one.await.unwrap_or_else(|error| panic!("seed {seed}, {keeps:?}: {error}"));
            }
        }
        runs += site.runs.load(Ordering::SeqCst);
        settle().await;
    }
    // It is a cache all the same.
    assert!(reads > runs + runs / 4, "{reads} reads, {runs} runs");
}
