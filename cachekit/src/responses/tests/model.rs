//! Random requests, answers, changes and times, many at once, against what RFC 9111 allows: whatever a client gets was made for
//! it, or could have been stored, for requests like its own, is not older than it may be, and was not invalidated.
//!
//! The reference knows nothing of how the layer decides: it looks at each answer that was given, afterwards.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::*;
use crate::testing::{self, Clock};

/// Made of the seed: the same test each time.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(super) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

const TARGETS: [&str; 3] = ["/a", "/b", "/b?c"];
/// What handlers say, and for how many seconds the response may be served: fresh, stale behind that, and stale to a client whose
/// own run failed, or the one that it waited for.
const SAID: [(&str, u64, u64, u64); 15] = [
    ("max-age=10", 10, 0, 0),
    ("max-age=30", 30, 0, 0),
    ("max-age=10, public", 10, 0, 0),
    ("s-maxage=20, max-age=5", 20, 0, 0),
    ("max-age=10, stale-while-revalidate=10", 10, 10, 10),
    ("max-age=10, must-revalidate, stale-while-revalidate=10", 10, 0, 0),
    ("max-age=10, stale-if-error=30", 10, 0, 30),
    ("max-age=4, stale-while-revalidate=5, stale-if-error=40", 4, 5, 40),
    ("max-age=2, stale-while-revalidate=2, stale-if-error=90", 2, 2, 90),
    ("max-age=2, stale-while-revalidate=90", 2, 90, 90),
    ("s-maxage=10, stale-if-error=30", 10, 0, 0),
    ("private, max-age=30", 0, 0, 0),
    ("no-store", 0, 0, 0),
    ("no-cache, max-age=30", 0, 0, 0),
    ("max-age=10, max-age=30", 0, 0, 0),
];
const VARY: [&[&str]; 5] = [&[], &[], &["x-lang"], &["x-lang", "cookie"], &["*"]];
const STATUS: [&str; 6] = ["200", "200", "200", "404", "500", "206"];

/// What the handler of a target says at the moment.
#[derive(Clone, Copy)]
struct Says {
    said: (&'static str, u64, u64, u64),
    vary: &'static [&'static str],
    status: &'static str,
    sets_cookie: bool,
    is_long: bool,
}

/// A response that a handler made.
struct Made {
    target: &'static str,
    asked: BTreeMap<&'static str, &'static str>,
    says: Says,
    client: usize,
    /// When its handler began, in the order of all events, and when it had made it, by the clock.
    began: usize,
    at: u64,
}

/// What happened, in one order.
#[derive(Default)]
struct Log {
    events: usize,
    says: HashMap<&'static str, Says>,
    made: Vec<Made>,
    /// When a target was invalidated for the clients that ask later.
    invalidated: HashMap<&'static str, usize>,
    /// Runs that failed: the target, and when in the order of all events.
    failed: Vec<(&'static str, usize)>,
    taken_from_cache: usize,
    stale: usize,
    stood_in: usize,
}

/// The time, in seconds.
fn now(clock: &Clock) -> u64 {
    crate::clock::duration(clock.now()).as_secs()
}

impl Log {
    fn event(&mut self) -> usize {
        self.events += 1;
        self.events
    }

    fn fails(&mut self, target: &'static str) {
        let when = self.event();
        self.failed.push((target, when));
    }
}

/// A request and when it was sent.
struct Sent {
    client: usize,
    target: &'static str,
    headers: BTreeMap<&'static str, &'static str>,
    answered_at: u64,
    /// A run of the target failed while it waited.
    failed: bool,
    invalidated_before: Option<usize>,
}

/// Why this answer may not be given to this request.
fn objection(made: &Made, asked: &Sent) -> Option<&'static str> {
    if made.client == asked.client {
        return None;
    }
    let Says { said: (text, fresh, stale, on_failure), vary, status, sets_cookie, is_long } =
        made.says;
    let for_all = text.contains("public") || text.contains("s-maxage");
    let has = |of: &BTreeMap<&str, &str>, name: &str| of.contains_key(name);
    let varies_on_cookie = vary.contains(&"cookie");
    let age = asked.answered_at - made.at;
    let stale = if asked.failed { stale.max(on_failure) } else { stale };
    // A client that asked before the invalidation may have waited for that very run.
    let invalidated = asked.invalidated_before.is_some_and(|when| made.began < when);
    let with_authorization =
        [&made.asked, &asked.headers].iter().any(|of| has(of, "authorization"));
    let with_cookie = [&made.asked, &asked.headers].iter().any(|of| has(of, "cookie"));
    [
        (made.target != asked.target, "another target"),
        (fresh == 0, "not to be stored"),
        (status == "206", "a part"),
        (sets_cookie, "Set-Cookie"),
        (is_long, "longer than the limit"),
        (vary.contains(&"*"), "Vary: *"),
        (
            vary.iter().any(|name| made.asked.get(name) != asked.headers.get(name)),
            "another variant",
        ),
        (age >= fresh + stale, "too old"),
        (invalidated, "invalidated"),
        (with_authorization && !for_all && !text.contains("must-revalidate"), "Authorization"),
        (with_cookie && !for_all && !varies_on_cookie, "a cookie"),
    ]
    .into_iter()
    .find_map(|(objects, why)| objects.then_some(why))
}

pub(super) async fn yields(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

struct World {
    shop: Shop,
    log: Arc<Mutex<Log>>,
    clock: Clock,
    random: Random,
    clients: usize,
}

impl World {
    fn new(seed: u64, clock: Clock) -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let (of, time) = (Arc::clone(&log), clock.clone());
        let shop = Shop::later(CacheResponses::builder("model").max_body(64), move |request| {
            let (log, clock) = (Arc::clone(&of), time.clone());
            async move {
                let header = |name: &str| {
                    request.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
                };
                let waits: usize = header("x-waits").unwrap().parse().unwrap();
                if request.method() != "GET" {
                    yields(waits).await;
                    return Ok(response(&[(":status", &header("x-status").unwrap())], ""));
                }
                let path = request.uri().path_and_query().unwrap().as_str();
                let target = TARGETS.into_iter().find(|target| *target == path).unwrap();
                let (began, says) = {
                    let mut log = log.lock().unwrap();
                    (log.event(), log.says[target])
                };
                yields(waits).await;
                let client = header("x-client").unwrap().parse().unwrap();
                let mut log = log.lock().unwrap();
                if header("x-fails").is_some() {
                    log.fails(target);
                    return Err("failed".to_owned());
                }
                if says.status == "500" {
                    log.fails(target);
                }
                let number = log.made.len();
                let asked = ["x-lang", "cookie", "authorization"]
                    .into_iter()
                    .filter_map(|name| Some((name, &*header(name)?.leak())))
                    .collect();
                let at = now(&clock);
                log.made.push(Made { target, asked, says, client, began, at });
                let mut headers = vec![(":status", says.status), ("cache-control", says.said.0)];
                headers.extend(says.vary.iter().map(|name| ("vary", *name)));
                if says.sets_cookie {
                    headers.push(("set-cookie", "id=1"));
                }
                let tail = if says.is_long { "x".repeat(100) } else { String::new() };
                let mut answer = response(&headers, &format!("{number};{tail}"));
                let slow = header("x-slow").unwrap().parse().unwrap();
                if slow > 0 {
                    answer.body_mut().pending = Some(Pending(clock, Duration::from_secs(slow)));
                }
                Ok(answer)
            }
        });
        Self { shop, log, clock, random: Random(seed), clients: 0 }
    }

    fn change_handlers(&mut self) {
        for target in TARGETS {
            let random = &mut self.random;
            let says = Says {
                said: random.one_of(&SAID),
                vary: random.one_of(&VARY),
                status: random.one_of(&STATUS),
                sets_cookie: random.below(8) == 0,
                is_long: random.below(8) == 0,
            };
            self.log.lock().unwrap().says.insert(target, says);
        }
    }

    /// Time passes at every step of what runs meanwhile: mostly none, sometimes more than anything lasts.
    fn time_passes(&mut self) -> tokio::task::JoinHandle<()> {
        let (clock, mut random) = (self.clock.clone(), Random(self.random.next()));
        tokio::spawn(async move {
            for _ in 0..20 {
                if random.below(10) == 0 {
                    let seconds = random.one_of(&[1, 1, 2, 4, 9, 11]);
                    clock.advance(Duration::from_secs(seconds));
                }
                tokio::task::yield_now().await;
            }
        })
    }

    /// A read that is checked when it is answered.
    fn read(&mut self) -> tokio::task::JoinHandle<()> {
        self.clients += 1;
        let (client, random) = (self.clients, &mut self.random);
        let target = random.one_of(&TARGETS);
        let mut headers = BTreeMap::new();
        for (name, values) in [
            ("x-lang", &["de", "fr"][..]),
            ("cookie", &["id=1", "id=2"]),
            ("authorization", &["Basic MQ==", "Basic Mg=="]),
        ] {
            if random.below(3) == 0 {
                headers.insert(name, random.one_of(values));
            }
        }
        let (number, waits) = (client.to_string(), random.below(6).to_string());
        let mut lines: Vec<_> = headers.iter().map(|(name, value)| (*name, *value)).collect();
        let slow = random.one_of(&["0", "0", "0", "3", "12"]);
        lines.extend([("x-client", number.as_str()), ("x-waits", &waits), ("x-slow", slow)]);
        if random.below(5) == 0 {
            lines.push(("x-fails", "1"));
        }
        let request = request("GET", target, &lines);
        let (log, clock, starts, gives_up) =
            (Arc::clone(&self.log), self.clock.clone(), random.below(8), random.below(12) == 0);
        let (ask, after) = (self.shop.ask(request), random.below(4));
        tokio::spawn(async move {
            yields(starts).await;
            let (asked, invalidated_before) = {
                let mut log = log.lock().unwrap();
                (log.event(), log.invalidated.get(target).copied())
            };
            if gives_up {
                let mut asking = tokio::spawn(ask);
                yields(after).await;
                asking.abort();
                drop((&mut asking).await);
                return;
            }
            let answer = ask.await;
            if answer.failed.is_some() {
                return;
            }
            let mut log = log.lock().unwrap();
            let number: usize = answer.text.split(';').next().unwrap().parse().unwrap();
            // Its own run, or one that it may have waited for.
            let failed = log.failed.iter().any(|(of, when)| *of == target && *when > asked);
            let answered_at = now(&clock);
            let sent = Sent { client, target, headers, answered_at, failed, invalidated_before };
            let made = &log.made[number];
            if let Some(why) = objection(made, &sent) {
                panic!("client {client} got number {number} of client {}: {why}", made.client);
            }
            if made.client != client {
                let is_stale = answered_at - made.at >= made.says.said.1;
                log.taken_from_cache += 1;
                log.stale += usize::from(is_stale && !failed);
                log.stood_in += usize::from(is_stale && failed);
            }
        })
    }

    /// A change. A client that asks after its answer gets nothing that was made before.
    fn change(&mut self) -> tokio::task::JoinHandle<()> {
        let random = &mut self.random;
        let (target, starts) = (random.one_of(&TARGETS), random.below(8));
        let (waits, status) =
            (random.below(4).to_string(), random.one_of(&["200", "303", "403", "408"]));
        let request = request("PUT", target, &[("x-waits", &waits), ("x-status", status)]);
        let (log, ask) = (Arc::clone(&self.log), self.shop.ask(request));
        tokio::spawn(async move {
            yields(starts).await;
            ask.await;
            if status != "403" {
                let mut log = log.lock().unwrap();
                let when = log.event();
                log.invalidated.insert(target, when);
            }
        })
    }
}

#[tokio::test]
async fn nothing_is_served_that_may_not_be() {
    const SEEDS: u64 = 40;
    let (mut taken, mut stale, mut stood_in, mut made) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let test = testing::isolate();
        let mut world = World::new(seed, test.clock().clone());
        for _ in 0..60 {
            if world.random.below(3) == 0 || world.clients == 0 {
                world.change_handlers();
            }
            let mut running = vec![world.time_passes()];
            for _ in 0..=world.random.below(6) {
                let is_change = world.random.below(8) == 0;
                running.push(if is_change { world.change() } else { world.read() });
            }
            for one in running {
                one.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            }
        }
        settle().await;
        let log = world.log.lock().unwrap();
        taken += log.taken_from_cache;
        stale += log.stale;
        stood_in += log.stood_in;
        made += log.made.len();
    }
    // It is a cache all the same.
    assert!(taken > made / 20, "{taken} taken, {made} made");
    assert!(stale > 10 && stood_in > 4, "{stale} stale, {stood_in} for failures");
}
