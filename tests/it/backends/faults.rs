//! Functions over a Redis in trouble: no wrong value, no call that lasts, no run without a reason, and values are shared
//! again when it is over.
//!
//! How long that takes is printed: `cargo test --workspace --test it -- backends::faults --nocapture`.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cachekit::testing::Scope;
use cachekit::{Stats, cache};
use cachekit_io::Redis;
use cachekit_test_servers::{Cluster, Node, SentinelGroup, eventually};

use crate::http::relay::Relay;
use crate::secure::keyring;

const KEYS: u64 = 8;

/// For the steps before a run, and as much for those after it.
const BUDGET: Duration = Duration::from_millis(500);

/// For how long a backend is left alone after failures.
const PAUSE: Duration = Duration::from_secs(5);

/// Far more than a busy machine adds to two budgets: a call that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(20);

#[cache(ttl = "10m", namespace = "faults")]
fn answer(id: u64) -> String {
    format!("the answer to {id}")
}

fn call_all() {
    for id in 0..KEYS {
        let asked = Instant::now();
        assert_eq!(answer(id), format!("the answer to {id}"));
        assert!(asked.elapsed() < DEADLINE, "a call took {:?}", asked.elapsed());
    }
}

/// Entries that were dropped: each is a reason to run the function once more.
fn dropped(stats: &Stats) -> u64 {
    stats.shared_flushes + stats.shared_invalidations
}

/// The process that the fault happens to.
struct Process {
    scope: Scope,
    before: Stats,
    /// How many faults were injected.
    faults: Cell<u64>,
}

impl Process {
    /// Waits until a number is higher than before the fault.
    fn wait_for_more(&self, what: &str, number: fn(&Stats) -> u64) {
        let before = number(&self.before);
        eventually(what, || {
            let now = self.scope.run(|| number(&answer::stats()));
            if now > before { Ok(()) } else { Err(format!("still {now}")) }
        });
    }

    fn wait_for_errors(&self) {
        self.wait_for_more("calls fail in the shared tier", |stats| stats.shared_errors);
    }

    fn wait_for_drops(&self) {
        self.wait_for_more("copies are dropped", dropped);
    }
}

/// Ends the calls, also where the fault ends in a panic.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Threads call the function while something happens.
fn withstands(name: &str, url: &str, fault: impl FnOnce(&Process)) {
    let redis = Redis::builder().url(url).timeout(BUDGET).build().unwrap();
    let scope = Scope::new()
        .with_backend(Arc::new(redis))
        .with_keyring(keyring(1, &[]))
        .with_shared_budget(BUDGET);
    let before = scope.run(|| {
        call_all();
        answer::stats()
    });
    let process = Process { scope, before, faults: Cell::new(1) };
    let over = AtomicBool::new(false);
    let ended = std::thread::scope(|threads| {
        let _over = Over(&over);
        for _ in 0..3 {
            let (scope, over) = (&process.scope, &over);
            threads.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    scope.run(call_all);
                }
            });
        }
        fault(&process);
        Instant::now()
    });
    let Process { scope, before, faults } = process;
    scope.run(|| {
        let now = answer::stats();
        let (runs, dropped) = (now.loads - before.loads, dropped(&now) - dropped(&before));
        // A fill is refused when its fence is gone: those under way, once.
        let refused = KEYS * faults.get();
        assert!(runs <= dropped + refused, "{name}: {runs} runs for {dropped} dropped copies");
        eventually("values are shared again", || {
            // A backend that failed is left alone for this long, by the scope's own clock.
            scope.clock().advance(PAUSE);
            for function in cachekit::functions() {
                function.clear_local();
            }
            let before = answer::stats().shared_hits;
            call_all();
            let found = answer::stats().shared_hits - before;
            if found == KEYS { Ok(()) } else { Err(format!("{found} of {KEYS} are there")) }
        });
        println!("recovery after {name}: {:?}", ended.elapsed());
    });
}

#[test]
fn what_happens_to_a_server() {
    let node = Node::options().persistent().start();
    let url = node.url();
    let case = |name, fault: &dyn Fn(&Process)| withstands(name, &url, fault);
    case("a server that stands still (SIGSTOP)", &|process| {
        let paused = node.pause();
        process.wait_for_errors();
        drop(paused);
    });
    case("a server that was killed and is back", &|process| {
        node.stop();
        process.wait_for_errors();
        node.restart();
    });
    case("a restart", &|_| node.restart());
    case("killed connections", &|_| {
        for _ in 0..20 {
            node.admin(&["CLIENT", "KILL", "TYPE", "normal"]);
        }
    });
    case("a full server (OOM)", &|process| {
        node.admin(&["CONFIG", "SET", "maxmemory", "1"]);
        node.admin(&["FLUSHALL"]);
        process.wait_for_errors();
        node.admin(&["CONFIG", "SET", "maxmemory", "0"]);
    });
    case("a server that was a replica for a while (READONLY)", &|process| {
        node.admin(&["REPLICAOF", "127.0.0.1", "1"]);
        process.wait_for_drops();
        node.admin(&["REPLICAOF", "NO", "ONE"]);
    });
    case("an emptied server (FLUSHALL)", &|process| {
        node.admin(&["FLUSHALL"]);
        process.wait_for_more("copies are made anew", |stats| stats.loads);
    });
    case("a slow server", &|_| {
        for _ in 0..5 {
            node.admin(&["FLUSHALL"]);
            node.admin(&["CLIENT", "PAUSE", "200", "ALL"]);
        }
    });
}

#[test]
fn replies_that_break_off() {
    let node = Node::start();
    let relay = Relay::resetting(node.address().parse().unwrap());
    let url = format!("redis://{}", relay.address);
    withstands("connections that are reset in the middle of a reply", &url, |process| {
        // About every 30 bytes: what is torn are invalidations, the answers when a connection is made, and those of
        // fills.
        for bytes in (1..400).step_by(29) {
            let before = relay.accepted();
            relay.cut_after(bytes);
            eventually("a reply is torn", || {
                // Otherwise the breaker would keep calls away from the backend.
                process.scope.clock().advance(PAUSE);
                process.faults.update(|faults| faults + 1);
                node.admin(&["FLUSHALL"]);
                process.scope.run(call_all);
                if relay.will_cut() { Err("not yet".to_owned()) } else { Ok(()) }
            });
            process.faults.update(|faults| faults + 1);
            eventually("a connection is made anew", || {
                // Otherwise the breaker would keep calls away from the backend that failed.
                process.scope.clock().advance(PAUSE);
                if relay.accepted() > before { Ok(()) } else { Err("not yet".to_owned()) }
            });
        }
    });
}

#[test]
fn a_server_that_loads_its_data() {
    // A millisecond for each key, and between them time to say so.
    let node = Node::options()
        .persistent()
        .config("key-load-delay 1000")
        .config("loading-process-events-interval-bytes 1024")
        .start();
    for number in 0..3_000 {
        node.admin(&["SET", &format!("other{number}"), "v"]);
    }
    withstands("a server that loads its data (LOADING)", &node.url(), |process| {
        node.restart_in_background();
        process.wait_for_errors();
        node.wait_until_ready();
    });
}

#[test]
fn a_permission_that_is_taken_away() {
    let node = Node::options().user("app", "pw", "~* &* +@all").start();
    for lost in ["get", "evalsha", "client|tracking"] {
        let name = format!("a missing permission ({lost})");
        withstands(&name, &node.url_for("app", "pw"), |process| {
            node.admin(&["ACL", "SETUSER", "app", &format!("-{lost}")]);
            node.admin(&["CLIENT", "KILL", "TYPE", "normal"]);
            node.admin(&["FLUSHALL"]);
            match lost {
                "client|tracking" => process.wait_for_drops(),
                _ => process.wait_for_errors(),
            }
            node.admin(&["ACL", "SETUSER", "app", &format!("+{lost}")]);
        });
    }
}

#[test]
fn what_happens_to_a_sentinel_group() {
    let group = SentinelGroup::start();
    let url = format!("redis-sentinel://{}/{}", group.addresses(), group.name());
    withstands("a failover of a Sentinel group in good order", &url, |_| group.failover());
    withstands("the death of a primary with Sentinels", &url, |process| {
        let primary = group.primary();
        primary.stop();
        process.wait_for_errors();
        group.wait_for_other_primary(primary.port());
    });
}

#[test]
fn what_happens_to_a_cluster() {
    let cluster = Cluster::start();
    let url = format!("redis-cluster://{}", cluster.addresses());
    // Slots that have values of ours, as the first primary knows them.
    let slots = || -> Vec<u16> {
        let keys = cluster.nodes()[0].admin(&["KEYS", "ns:*:m"]);
        keys.array().iter().map(|key| cluster.slot_of(&key.text())).collect()
    };
    withstands("slots that move (ASK, MOVED)", &url, |_| {
        let slots = slots();
        assert!(!slots.is_empty());
        for slot in slots {
            cluster.move_slot(slot, &cluster.nodes()[1]);
        }
    });
    withstands("a failover of a Cluster in good order", &url, |_| cluster.failover(0));
    withstands("the death of a primary of a Cluster", &url, |process| {
        let primary = cluster.owner_of(0);
        let replica = cluster.replica_of(primary);
        primary.stop();
        process.wait_for_drops();
        cluster.wait_for_owner(0, replica);
    });
}
