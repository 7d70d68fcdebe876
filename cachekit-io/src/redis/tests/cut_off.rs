//! A primary that was cut off from the others, and does not know that they have replaced it.

use super::super::sentinel::Sentinel;
use super::super::topology::Topology;
use super::scripted::serve;
use super::{get, wait};
use crate::Redis;
use cachekit_test_servers::eventually;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Two servers: the former primary and the one that took over. Each has a value of its own.
struct Pair {
    former: u16,
    new: u16,
    /// Whether that has happened.
    replaced: Arc<AtomicBool>,
}

fn port(url: &str) -> u16 {
    let address = url.strip_prefix("redis://127.0.0.1:").unwrap();
    address.split_once('?').unwrap().0.parse().unwrap()
}

fn bulk(text: &str) -> Vec<u8> {
    format!("${}\r\n{text}\r\n", text.len()).into_bytes()
}

impl Pair {
    fn start() -> Self {
        let replaced = Arc::new(AtomicBool::new(false));
        let ports = [(); 2].map(|()| Arc::new(AtomicU16::new(0)));
        for (number, own) in ports.iter().enumerate() {
            let (replaced, ports) = (Arc::clone(&replaced), ports.clone());
            let is_former = number == 0;
            let url = serve(move |_, command| {
                let was_replaced = replaced.load(Ordering::SeqCst);
                let words: Vec<_> = command.iter().map(String::as_str).collect();
                let answer = match words[..] {
                    ["ROLE"] => [b"*1\r\n".to_vec(), bulk("master")].concat(),
                    ["CLUSTER", "INFO"] if is_former && was_replaced => {
                        bulk("cluster_state:fail\r\ncluster_slots_ok:0\r\n")
                    }
                    ["CLUSTER", "INFO"] => bulk("cluster_state:ok\r\n"),
                    ["CLUSTER", "SLOTS"] => {
                        let owner = usize::from(!is_former && was_replaced);
                        let port = ports[owner].load(Ordering::SeqCst);
                        format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n")
                            .into_bytes()
                    }
                    ["GET", _] => bulk(if is_former { "old" } else { "new" }),
                    _ => b"+OK\r\n".to_vec(),
                };
                vec![answer]
            });
            own.store(port(&url), Ordering::SeqCst);
        }
        let [former, new] = ports.map(|port| port.load(Ordering::SeqCst));
        Self { former, new, replaced }
    }
}

/// A client of a group with that many Sentinels. Each answers with a port and an epoch, given its number and whether it
/// is asked for the port.
fn watched(
    count: usize,
    answer: impl Fn(usize, bool) -> (u16, u64) + Send + Sync + 'static,
) -> Redis {
    let answer = Arc::new(answer);
    let sentinels: Vec<_> = (0..count)
        .map(|number| {
            let answer = Arc::clone(&answer);
            let url = serve(move |_, command| {
                let words: Vec<_> = command.iter().map(String::as_str).collect();
                vec![match words[..] {
                    ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "group"] => {
                        let (port, _) = answer(number, true);
                        [b"*2\r\n".to_vec(), bulk("127.0.0.1"), bulk(&port.to_string())].concat()
                    }
                    ["SENTINEL", "MASTER", "group"] => {
                        let (_, epoch) = answer(number, false);
                        let parts = ["name", "group", "config-epoch", &epoch.to_string()].map(bulk);
                        [b"*4\r\n".to_vec(), parts.concat()].concat()
                    }
                    _ => b"+OK\r\n".to_vec(),
                }]
            });
            format!("127.0.0.1:{}", port(&url))
        })
        .collect();
    client(&format!("redis-sentinel://{}/group?protocol=resp2", sentinels.join(",")))
}

fn group(client: &Redis) -> &Arc<Sentinel> {
    let Topology::Sentinel(group) = &client.shared.topology else { panic!("no group") };
    group
}

fn client(url: &str) -> Redis {
    Redis::builder().url(url).build().unwrap()
}

fn is_left(client: &Redis) {
    eventually("the former primary is left", || match get(client, "k").unwrap().unwrap() {
        value if value == "new" => Ok(()),
        value => Err(value),
    });
}

#[test]
fn a_former_primary_of_a_cluster_is_left() {
    let pair = Pair::start();
    let (former, new) = (pair.former, pair.new);
    let url = format!("redis-cluster://127.0.0.1:{former},127.0.0.1:{new}?protocol=resp2");
    let client = client(&url);
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("old"));
    pair.replaced.store(true, Ordering::SeqCst);
    is_left(&client);
    // It is not believed later either.
    let cluster = client.shared.topology.cluster().unwrap();
    for _ in 0..20 {
        wait(cluster.refresh());
        assert_eq!(get(&client, "k").unwrap().as_deref(), Some("new"));
    }
}

#[test]
fn a_cluster_that_failed_as_a_whole_still_tells_who_has_what() {
    let pair = Pair::start();
    pair.replaced.store(true, Ordering::SeqCst);
    let url = format!("redis-cluster://127.0.0.1:{}?protocol=resp2", pair.former);
    assert_eq!(get(&client(&url), "k").unwrap().as_deref(), Some("old"));
}

#[test]
fn a_former_primary_of_a_sentinel_group_is_left_though_a_sentinel_names_it() {
    let pair = Pair::start();
    let (former, new) = (pair.former, pair.new);
    let replaced = Arc::clone(&pair.replaced);
    // The first one was cut off, too.
    let client = watched(3, move |number, _| {
        let knows = number > 0 && replaced.load(Ordering::SeqCst);
        if knows { (new, 1) } else { (former, 0) }
    });
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("old"));
    pair.replaced.store(true, Ordering::SeqCst);
    is_left(&client);
    let group = group(&client);
    for _ in 0..5 {
        wait(group.follow());
        assert_eq!(get(&client, "k").unwrap().as_deref(), Some("new"));
    }
    // Where they are looked up anew, the first one asked is none that was outvoted.
    let primary = group.known_primary().unwrap();
    group.forget(&primary);
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("new"));
}

#[test]
fn of_as_many_sentinels_those_with_the_newer_configuration_are_followed() {
    let pair = Pair::start();
    let (former, new) = (pair.former, pair.new);
    let replaced = Arc::clone(&pair.replaced);
    let client = watched(2, move |number, _| {
        let knows = number > 0 && replaced.load(Ordering::SeqCst);
        if knows { (new, 8) } else { (former, 7) }
    });
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("old"));
    pair.replaced.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        wait(group(&client).follow());
        assert_eq!(get(&client, "k").unwrap().as_deref(), Some("new"));
    }
}

#[test]
fn of_as_many_sentinels_with_the_same_configuration_those_of_the_current_primary_are_followed() {
    let pair = Pair::start();
    let (former, new) = (pair.former, pair.new);
    let client = watched(2, move |number, _| if number > 0 { (new, 7) } else { (former, 7) });
    let first = get(&client, "k").unwrap();
    for _ in 0..3 {
        wait(group(&client).follow());
        assert_eq!(get(&client, "k").unwrap(), first);
    }
}

#[test]
fn what_sentinels_said_before_a_primary_was_looked_up_anew_is_not_followed() {
    let pair = Pair::start();
    let (former, new) = (pair.former, pair.new);
    let replaced = Arc::clone(&pair.replaced);
    let asked = Arc::new([(); 3].map(|()| AtomicUsize::new(0)));
    let answers = Arc::new(Mutex::new(()));
    let (counted, held) = (Arc::clone(&asked), Arc::clone(&answers));
    let client = watched(3, move |number, _| {
        let knows = replaced.load(Ordering::SeqCst);
        counted[number].fetch_add(1, Ordering::SeqCst);
        if number == 2 {
            drop(held.lock());
        }
        if knows { (new, 8) } else { (former, 7) }
    });
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("old"));
    let (group, hung) = (group(&client), answers.lock().unwrap());
    std::thread::scope(|scope| {
        let following = scope.spawn(|| wait(group.follow()));
        eventually("all have been asked", || {
            let asked = [0, 1, 2].map(|number| asked[number].load(Ordering::SeqCst));
            if asked[0] > 1 && asked[1] > 0 && asked[2] > 0 {
                Ok(())
            } else {
                Err(format!("{asked:?}"))
            }
        });
        // Two have answered, the third hangs. Meanwhile an operation fails, and the primary is looked up anew.
        pair.replaced.store(true, Ordering::SeqCst);
        group.forget(&group.known_primary().unwrap());
        assert_eq!(get(&client, "k").unwrap().as_deref(), Some("new"));
        let found = group.known_primary().unwrap();
        drop(hung);
        following.join().unwrap();
        assert!(Arc::ptr_eq(&found, &group.known_primary().unwrap()));
    });
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("new"));
}
