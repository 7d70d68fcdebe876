//! How the owners of slots are fetched.

use super::scripted::serve;
use super::{get, wait};
use crate::Redis;
use crate::redis::address::Address;
use cachekit_test_servers::eventually;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The first and the last slot, and who has them: the primary and its replicas.
type Range = (u16, u16, Vec<u16>);

/// Starts nodes of a Cluster, which answer by these functions whether they are cut off, and who owns the slots.
fn nodes<const N: usize>(
    is_cut_off: impl Fn(usize) -> bool + Send + Sync + 'static,
    slots: impl Fn(usize, [u16; N]) -> Vec<Range> + Send + Sync + 'static,
) -> [u16; N] {
    let (is_cut_off, slots) = (Arc::new(is_cut_off), Arc::new(slots));
    let ports = [(); N].map(|()| Arc::new(AtomicU16::new(0)));
    for (number, own) in ports.iter().enumerate() {
        let (is_cut_off, slots, ports) =
            (Arc::clone(&is_cut_off), Arc::clone(&slots), ports.clone());
        let url = serve(move |_, command| {
            let words: Vec<_> = command.iter().map(String::as_str).collect();
            vec![match words[..] {
                ["CLUSTER", "INFO"] if is_cut_off(number) => b"+cluster_state:fail\r\n".to_vec(),
                ["CLUSTER", "SLOTS"] => {
                    let ports = ports.each_ref().map(|port| port.load(Ordering::SeqCst));
                    let ranges = slots(number, ports);
                    let node = |port: &u16| format!("*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n");
                    let range = |(first, last, ports): &Range| {
                        let nodes: String = ports.iter().map(node).collect();
                        format!("*{}\r\n:{first}\r\n:{last}\r\n{nodes}", ports.len() + 2)
                    };
                    let count = ranges.len();
                    let ranges: String = ranges.iter().map(range).collect();
                    format!("*{count}\r\n{ranges}").into_bytes()
                }
                ["GET", _] => b"$-1\r\n".to_vec(),
                _ => b"+OK\r\n".to_vec(),
            }]
        });
        let address = url.strip_prefix("redis://127.0.0.1:").unwrap();
        own.store(address.split_once('?').unwrap().0.parse().unwrap(), Ordering::SeqCst);
    }
    ports.map(|port| port.load(Ordering::SeqCst))
}

fn client(ports: &[u16]) -> Redis {
    let nodes: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let url = format!("redis-cluster://{}?protocol=resp2", nodes.join(","));
    Redis::builder().url(url).build().unwrap()
}

#[test]
fn the_same_node_is_asked_as_long_as_it_answers() {
    let asked = Arc::new([(); 3].map(|()| AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    let ports = nodes(
        |_| false,
        move |number, ports: [u16; 3]| {
            counted[number].fetch_add(1, Ordering::SeqCst);
            vec![
                (0, 5_000, vec![ports[0]]),
                (5_001, 10_000, vec![ports[1]]),
                (10_001, 16_383, vec![ports[2]]),
            ]
        },
    );
    let client = client(&ports[..1]);
    assert_eq!(get(&client, "k").unwrap(), None);
    let cluster = client.shared.topology.cluster().unwrap();
    for _ in 0..20 {
        wait(cluster.refresh());
    }
    let asked = asked.each_ref().map(|count| count.load(Ordering::SeqCst) > 0);
    assert_eq!(asked, [true, false, false]);
}

#[test]
fn a_node_that_owns_nothing_any_more_is_not_asked_for_good() {
    let moved = Arc::new(AtomicBool::new(false));
    let has_moved = Arc::clone(&moved);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let ports = nodes(
        |_| false,
        move |number, ports: [u16; 2]| {
            if number == 1 {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            vec![(0, 16_383, vec![ports[usize::from(has_moved.load(Ordering::SeqCst))]])]
        },
    );
    let client = client(&ports[..1]);
    assert_eq!(get(&client, "k").unwrap(), None);
    let cluster = client.shared.topology.cluster().unwrap();
    moved.store(true, Ordering::SeqCst);
    wait(cluster.refresh());
    wait(cluster.refresh());
    assert!(asked.load(Ordering::SeqCst) > 0);
}

#[test]
fn a_replica_is_asked_over_a_connection_of_its_own() {
    let failed = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicUsize::new(0));
    let (has_failed, counted) = (Arc::clone(&failed), Arc::clone(&asked));
    let ports = nodes(
        move |number| {
            if number == 1 {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            has_failed.load(Ordering::SeqCst)
        },
        |_, ports: [u16; 2]| vec![(0, 16_383, ports.to_vec())],
    );
    let client = client(&ports[..1]);
    assert_eq!(get(&client, "k").unwrap(), None);
    let cluster = client.shared.topology.cluster().unwrap();
    failed.store(true, Ordering::SeqCst);
    wait(cluster.refresh());
    assert!(asked.load(Ordering::SeqCst) > 0);
    // The server refuses to answer as a primary, so that one that is tracked would be closed, and copies dropped.
    let replica = cluster.at(&Address::tcp("127.0.0.1", ports[1]));
    assert!(replica.link_at_once().is_none());
}

#[test]
fn a_cluster_has_failed_if_most_primaries_say_so() {
    let hung_from = Arc::new(AtomicUsize::new(3));
    let hangs_from = Arc::clone(&hung_from);
    let answers = Arc::new(Mutex::new(()));
    let held = Arc::clone(&answers);
    let ports = nodes(
        move |number| {
            if number >= hangs_from.load(Ordering::SeqCst) {
                drop(held.lock());
            }
            true
        },
        |_, ports: [u16; 3]| {
            vec![
                (0, 5_000, vec![ports[0]]),
                (5_001, 10_000, vec![ports[1]]),
                (10_001, 16_383, vec![ports[2]]),
            ]
        },
    );
    let client = client(&ports[..1]);
    assert_eq!(get(&client, "k").unwrap(), None);
    let cluster = client.shared.topology.cluster().unwrap();
    let hung = answers.lock().unwrap();
    // Those that do not answer may be dead, or may go on without the others.
    for (from, has_failed) in [(3, true), (2, true), (1, false)] {
        hung_from.store(from, Ordering::SeqCst);
        wait(cluster.refresh());
        assert_eq!(cluster.has_failed(), has_failed, "{from}");
    }
    drop(hung);
}

#[test]
fn nodes_that_are_cut_off_do_not_overrule_what_came_meanwhile() {
    let failed = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicUsize::new(0));
    let answers = Arc::new(Mutex::new(()));
    let (has_failed, counted, held) =
        (Arc::clone(&failed), Arc::clone(&asked), Arc::clone(&answers));
    let ports = nodes(
        move |number| {
            if number == 1 {
                counted.fetch_add(1, Ordering::SeqCst);
                drop(held.lock());
            }
            has_failed.load(Ordering::SeqCst)
        },
        |_, ports: [u16; 2]| vec![(0, 8_000, vec![ports[0]]), (8_001, 16_383, vec![ports[1]])],
    );
    let client = client(&ports[..1]);
    assert_eq!(get(&client, "k").unwrap(), None);
    let cluster = client.shared.topology.cluster().unwrap();
    let hung = answers.lock().unwrap();
    failed.store(true, Ordering::SeqCst);
    let before = asked.load(Ordering::SeqCst);
    std::thread::scope(|scope| {
        let refreshed = scope.spawn(|| wait(cluster.refresh()));
        eventually("the second one is asked", || {
            if asked.load(Ordering::SeqCst) > before { Ok(()) } else { Err("no".to_owned()) }
        });
        // Another node refers to the second one.
        let second = Address::tcp("127.0.0.1", ports[1]);
        cluster.moved(1, &second);
        drop(hung);
        refreshed.join().unwrap();
        assert!(*cluster.known_owner(1).unwrap().address() == second);
    });
}
