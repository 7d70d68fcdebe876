//! A primary that was cut off from the others, and does not know that they have replaced it.

use super::super::topology::Topology;
use super::scripted::serve;
use super::{get, wait};
use crate::Redis;
use cachekit_test_servers::eventually;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

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
    let sentinels = [0, 1, 2].map(|number| {
        let replaced = Arc::clone(&pair.replaced);
        let url = serve(move |_, command| {
            if command[0] != "SENTINEL" {
                return vec![b"+OK\r\n".to_vec()];
            }
            // The first one was cut off, too.
            let knows = number > 0 && replaced.load(Ordering::SeqCst);
            let port = if knows { new } else { former }.to_string();
            vec![[b"*2\r\n".to_vec(), bulk("127.0.0.1"), bulk(&port)].concat()]
        });
        format!("127.0.0.1:{}", port(&url))
    });
    let client = client(&format!("redis-sentinel://{}/group?protocol=resp2", sentinels.join(",")));
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("old"));
    pair.replaced.store(true, Ordering::SeqCst);
    is_left(&client);
    let Topology::Sentinel(group) = &client.shared.topology else { panic!("no group") };
    for _ in 0..5 {
        wait(group.follow());
        assert_eq!(get(&client, "k").unwrap().as_deref(), Some("new"));
    }
    // Where they are looked up anew, the first one asked is none that was outvoted.
    let primary = group.known_primary().unwrap();
    group.forget(&primary);
    assert_eq!(get(&client, "k").unwrap().as_deref(), Some("new"));
}
