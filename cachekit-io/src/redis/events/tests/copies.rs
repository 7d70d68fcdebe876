//! A memory tier that does what it is told, beside faults: whatever happens, no copy stays wrong.

use super::{built, get_again};
use crate::{Backend, InvalidationEvent, Redis, SetOptions, Subscription};
use bytes::Bytes;
use cachekit_test_servers::{Node, eventually};
use pollster::block_on;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Copies by key, and a number for everything that was told: what is read while something is told is not
/// kept.
#[derive(Default)]
struct Copies {
    by_key: HashMap<String, Bytes>,
    told: u64,
}

struct Tier {
    redis: Redis,
    copies: Arc<Mutex<Copies>>,
    _subscription: Subscription,
}

impl Tier {
    fn over(redis: Redis) -> Self {
        let copies = Arc::new(Mutex::new(Copies::default()));
        let told = Arc::clone(&copies);
        let listener = move |event: &InvalidationEvent| {
            let mut copies = told.lock().unwrap();
            copies.told += 1;
            match event.key() {
                Some(key) => drop(copies.by_key.remove(key)),
                None => copies.by_key.clear(),
            }
        };
        let subscription = redis.events().unwrap().subscribe(Arc::new(listener));
        Self { redis, copies, _subscription: subscription }
    }

    fn copy(&self, key: &str) -> Option<Bytes> {
        self.copies.lock().unwrap().by_key.get(key).cloned()
    }

    /// Reads, and keeps what was read.
    fn read(&self, key: &str) {
        if self.copy(key).is_some() {
            return;
        }
        let before = self.copies.lock().unwrap().told;
        let Ok(Some(found)) = block_on(self.redis.get(key)) else { return };
        let mut copies = self.copies.lock().unwrap();
        if copies.told == before {
            copies.by_key.insert(key.to_owned(), found.value().clone());
        }
    }
}

fn keys() -> Vec<String> {
    (0..8).map(|number| format!("k{number}")).collect()
}

/// Tiers with copies do nothing while something happens to the server and a writer changes all keys afterwards: no
/// operation of theirs finds a lost connection, so its end itself has to be told.
fn idle_copies_go(tiers: &[Tier], writer: &Redis, fault: &dyn Fn()) {
    write_all(writer, "idle");
    let places = || tiers.iter().flat_map(|tier| keys().into_iter().map(move |key| (tier, key)));
    for (tier, key) in places() {
        eventually("a copy is kept", || {
            tier.read(&key);
            let kept = tier.copy(&key).filter(|copy| copy == "idle");
            kept.map(drop).ok_or_else(|| format!("none of {key}"))
        });
    }
    fault();
    write_all(writer, "changed");
    for (tier, key) in places() {
        eventually("idle copies go", || match tier.copy(&key) {
            Some(copy) => Err(format!("{key} is still {copy:?}")),
            None => Ok(()),
        });
    }
}

/// Writes all keys until that is confirmed.
fn write_all(writer: &Redis, value: &'static str) {
    eventually("all keys are written", || {
        for key in keys() {
            let value = Bytes::from_static(value.as_bytes());
            let written = block_on(writer.set(&key, value, &SetOptions::new()));
            written.map_err(|error| error.to_string())?;
        }
        Ok(())
    });
}

/// Two tiers read while a third client writes; meanwhile things happen to the server.
fn no_copy_stays_wrong(node: &Node, url: &str, faults: &[&dyn Fn()]) {
    let client = || built(Redis::builder().url(url).timeout(Duration::from_millis(500)));
    let tiers = [Tier::over(client()), Tier::over(client())];
    let writer = client();
    let ended = AtomicBool::new(false);
    for fault in faults {
        idle_copies_go(&tiers, &writer, fault);
        ended.store(false, Ordering::SeqCst);
        thread::scope(|scope| {
            for tier in &tiers {
                scope.spawn(|| {
                    while !ended.load(Ordering::SeqCst) {
                        for key in keys() {
                            tier.read(&key);
                        }
                    }
                });
            }
            scope.spawn(|| {
                for turn in 0.. {
                    for key in keys() {
                        let value = Bytes::from(format!("{turn}"));
                        // Some of the writes meet the fault.
                        let _ = block_on(writer.set(&key, value, &SetOptions::new()));
                        if turn % 3 == 0 {
                            let _ = block_on(writer.delete(&key));
                        }
                    }
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
            fault();
            get_again(&writer, "k0");
            ended.store(true, Ordering::SeqCst);
        });
        // What is written last stays; every copy becomes it, or goes.
        write_all(&writer, "last");
        for (tier, key) in
            tiers.iter().flat_map(|tier| keys().into_iter().map(move |key| (tier, key)))
        {
            let is = node.admin(&["GET", key.as_str()]).text();
            eventually("no copy is wrong", || match tier.copy(&key) {
                Some(copy) if copy != is => Err(format!("{key} is {copy:?}, not {is}")),
                _ => Ok(()),
            });
        }
        eventually("copies are kept again", || {
            let (tier, key) = (&tiers[0], "k0");
            tier.read(key);
            tier.copy(key).map(drop).ok_or_else(|| "none".to_owned())
        });
    }
}

#[test]
fn no_copy_stays_wrong_whatever_happens_to_the_server() {
    let node = Node::options().persistent().start();
    let url = node.url();
    no_copy_stays_wrong(
        &node,
        &url,
        &[
            &|| {},
            &|| {
                for _ in 0..20 {
                    node.admin(&["CLIENT", "KILL", "TYPE", "normal"]);
                }
            },
            &|| node.restart(),
            &|| {
                // Until calls have failed for it.
                let paused = node.pause();
                let client = built(Redis::builder().url(&url).timeout(Duration::from_millis(500)));
                assert!(block_on(client.get("k0")).is_err());
                drop(paused);
            },
            &|| drop(node.admin(&["FLUSHALL"])),
            &|| {
                node.admin(&["CONFIG", "SET", "tracking-table-max-keys", "3"]);
            },
        ],
    );
}

#[test]
fn no_copy_stays_wrong_where_clients_tell_each_other() {
    let node =
        Node::options().persistent().user("talker", "pw", "~* &* +@all -client|tracking").start();
    let url = node.url_for("talker", "pw");
    no_copy_stays_wrong(
        &node,
        &url,
        &[
            &|| {},
            &|| drop(node.admin(&["CLIENT", "KILL", "TYPE", "pubsub"])),
            &|| drop(node.admin(&["CLIENT", "KILL", "TYPE", "normal"])),
            &|| node.restart(),
        ],
    );
}

#[test]
fn copies_go_with_their_server_and_not_when_it_is_back() {
    let node = Node::options().user("talker", "pw", "~* &* +@all -client|tracking").start();
    for url in [node.url(), node.url_for("talker", "pw")] {
        let tier = Tier::over(built(Redis::builder().url(&url)));
        write_all(&built(Redis::builder().url(node.url())), "v");
        eventually("a copy is kept", || {
            tier.read("k0");
            tier.copy("k0").map(drop).ok_or_else(|| "none".to_owned())
        });
        node.stop();
        eventually("the copy goes", || match tier.copy("k0") {
            Some(_) => Err("it is still there".to_owned()),
            None => Ok(()),
        });
        node.restart();
    }
}
