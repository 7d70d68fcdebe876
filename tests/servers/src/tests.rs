//! Each kind of server starts, fails as told, and is gone afterwards.

use crate::{Cluster, Node, NodeOptions, Reply, SentinelGroup, eventually};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What the port answers to a command without a sign-in.
fn ask(node: &Node, command: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(node.address())?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    stream.write_all(command.as_bytes())?;
    stream.write_all(b"\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[test]
fn a_node_answers_stops_and_comes_back_on_its_port() {
    let node = Node::options().persistent().start();
    assert_eq!(ask(&node, "PING").unwrap(), "+PONG");
    node.admin(&["SET", "k", "v"]);

    node.stop();
    assert!(ask(&node, "PING").is_err());
    assert!(!node.is_running());
    node.restart();
    assert_eq!(node.admin(&["GET", "k"]), Reply::Text("v".into()));

    let paused = node.pause();
    assert!(ask(&node, "PING").is_err(), "a paused server answers nothing");
    drop(paused);
    eventually("it goes on", || ask(&node, "PING").map_err(|error| error.to_string()));
}

#[test]
fn a_node_has_users_and_a_limit() {
    let options = Node::options().password("right").user("reader", "secret", "~* +get");
    let node = options.maxmemory("1kb").start();
    assert!(ask(&node, "GET k").unwrap().starts_with("-NOAUTH"));
    assert!(node.admin(&["ACL", "LIST"]).array().len() == 3);
    assert!(node.try_admin(&["SET", "k", "v"]).unwrap_err().starts_with("OOM"));
    assert_eq!(
        node.url_for("reader", "secret"),
        format!("redis://reader:secret@{}", node.address())
    );
    assert!(node.socket().exists());
}

#[test]
fn a_node_speaks_tls_and_takes_a_new_certificate() {
    let node = Node::options().tls().start();
    assert!(node.url().starts_with("rediss://127.0.0.1:"));
    let ca = node.ca_file().expect("there is an authority");
    let before = std::fs::read(&ca).unwrap();
    assert_ne!(ask(&node, "PING").unwrap_or_default(), "+PONG", "not without TLS");
    node.replace_certificates();
    assert_ne!(std::fs::read(&ca).unwrap(), before);
}

#[test]
fn a_node_that_cannot_start_shows_its_log() {
    let options = NodeOptions::new().config("no-such-setting 1");
    let panic = std::panic::catch_unwind(move || options.start()).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("no-such-setting"), "{message}");
}

#[test]
fn a_sentinel_group_gets_another_primary() {
    let group = SentinelGroup::start();
    let first = group.primary();
    first.admin(&["SET", "k", "v"]);
    group.failover();
    let second = group.primary();
    assert_ne!(second.port(), first.port());
    assert_eq!(second.admin(&["GET", "k"]).text(), "v");

    second.stop();
    let third = group.wait_for_other_primary(second.port());
    assert_ne!(third.port(), second.port());
    third.admin(&["SET", "k", "w"]);
}

#[test]
fn a_group_can_have_passwords() {
    let node = NodeOptions::new().password("of-nodes");
    let group = SentinelGroup::start_with(node, NodeOptions::new().password("of-sentinels"));
    assert!(ask(group.primary(), "GET k").unwrap().starts_with("-NOAUTH"));
    assert!(ask(&group.sentinels()[0], "PING").unwrap().starts_with("-NOAUTH"));
    assert_eq!(group.addresses().split(',').count(), 3);
}

#[test]
fn a_cluster_fails_over_and_moves_slots() {
    let cluster = Cluster::start();
    let slot = cluster.slot_of("k");
    let owner = cluster.owner_of(slot);
    owner.admin(&["SET", "k", "v"]);
    let other = cluster
        .nodes()
        .iter()
        .find(|node| node.try_admin(&["GET", "k"]).is_err_and(|error| error.starts_with("MOVED")));
    assert!(other.is_some(), "others say where the key is");

    let to = cluster.owner_of((slot + 8_000) % 16_384);
    assert_ne!(to.port(), owner.port());
    cluster.begin_move(slot, to);
    cluster.move_entries(slot, to);
    assert!(owner.try_admin(&["GET", "k"]).unwrap_err().starts_with("ASK"));
    cluster.finish_move(slot, to);
    assert!(owner.try_admin(&["GET", "k"]).unwrap_err().starts_with("MOVED"));
    assert_eq!(to.admin(&["GET", "k"]).text(), "v");

    let replica = cluster.replica_of(to);
    cluster.failover(slot);
    assert_eq!(cluster.owner_of(slot).port(), replica.port());

    replica.stop();
    cluster.wait_for_owner(slot, to);
    assert_eq!(to.admin(&["GET", "k"]).text(), "v");
}

#[test]
fn groups_speak_tls_among_themselves() {
    let group = SentinelGroup::start_with(NodeOptions::new().tls(), NodeOptions::new().tls());
    assert!(group.ca_file().is_some_and(|file| file.exists()));
    assert_ne!(ask(&group.sentinels()[0], "PING").unwrap_or_default(), "+PONG", "not without TLS");
    let first = group.primary();
    first.admin(&["SET", "k", "v"]);
    group.failover();
    assert_eq!(group.primary().admin(&["GET", "k"]).text(), "v");

    let cluster = Cluster::start_with(&NodeOptions::new().tls());
    assert!(cluster.ca_file().is_some_and(|file| file.exists()));
    let slot = cluster.slot_of("k");
    let (from, to) = (cluster.owner_of(slot), cluster.owner_of((slot + 8_000) % 16_384));
    assert_ne!(ask(from, "PING").unwrap_or_default(), "+PONG", "not without TLS");
    from.admin(&["SET", "k", "v"]);
    cluster.move_slot(slot, to);
    assert_eq!(to.admin(&["GET", "k"]).text(), "v");
    cluster.failover(slot);
    assert_eq!(cluster.owner_of(slot).admin(&["GET", "k"]).text(), "v");
}

/// Set in the process that is killed.
const MARK: &str = "CACHEKIT_SERVERS_ORPHAN";

#[test]
fn servers_end_with_the_process_that_started_them() {
    const NAME: &str = "tests::servers_end_with_the_process_that_started_them";
    if std::env::var_os(MARK).is_some() {
        let node = Node::start();
        let paused = node.pause();
        println!("\nfolder:{}", node.folder().display());
        println!("port:{}", node.port());
        // Until it is killed.
        let _ = std::io::stdin().read(&mut [0]);
        drop(paused);
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(MARK, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut found = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        ["folder", "port"].contains(&name).then(|| value.to_owned())
    });
    let (folder, port) = (found.next().unwrap(), found.next().unwrap());
    let address = format!("127.0.0.1:{port}");
    assert!(
        TcpStream::connect(&address).is_ok(),
        "the kernel takes connections while it is paused"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the server and its folder are gone", || {
        let there = TcpStream::connect(&address).is_ok() || std::path::Path::new(&folder).exists();
        if there { Err("still there".to_owned()) } else { Ok(()) }
    });
}
