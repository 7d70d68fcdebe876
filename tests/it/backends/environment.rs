//! The same program over every backend, by its environment alone.

use std::process::Command;

use cachekit::cache;
use cachekit_test_servers::{Cluster, Node};

use crate::service::{Service, child, is_child};

const TEST: &str = "backends::environment::the_same_program_over_all_backends_by_environment_alone";

#[cache(ttl = "10m", namespace = "by-environment")]
fn square(n: u64) -> u64 {
    n * n
}

#[cache(ttl = "10m", namespace = "by-environment")]
async fn cube(n: u64) -> u64 {
    n * n * n
}

#[cache::secure(ttl = "10m", namespace = "by-environment")]
fn sealed(n: u64) -> String {
    format!("a secret about {n}")
}

/// Calls everything twice, and says where the results came from.
async fn program() {
    for _ in 0..2 {
        assert_eq!((square(7), cube(7).await), (49, 343));
        assert_eq!(sealed(7), "a secret about 7");
    }
    let mut all = cachekit::Stats::default();
    for stats in [square::stats(), cube::stats(), sealed::stats()] {
        all += stats;
    }
    println!("report runs {} shared {} errors {}", all.loads, all.shared_hits, all.shared_errors);
    assert_eq!(all.hits, 3, "the second time, from the process's own memory");
}

/// Gives the program its environment.
type Configure<'a> = dyn Fn(&mut Command) + 'a;

/// Runs the program as a process of its own.
fn run(configure: impl FnOnce(&mut Command)) -> String {
    let mut program = child(TEST);
    for name in ["CACHEKIT_API_KEY", "CACHEKIT_REDIS_URL", "CACHEKIT_FILE_CACHE_DIR", "REDIS_URL"] {
        program.env_remove(name);
    }
    program.env("CACHEKIT_MASTER_KEY", "17".repeat(32));
    configure(&mut program);
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let report = said.lines().find_map(|line| line.split_once("report ").map(|(_, rest)| rest));
    report.unwrap_or_else(|| panic!("no report in {said}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_program_over_all_backends_by_environment_alone() {
    const COMPUTED: &str = "runs 3 shared 0 errors 0";
    const FOUND: &str = "runs 0 shared 3 errors 0";
    if is_child(TEST) {
        return program().await;
    }
    let service = Service::start(&[]).await;
    tokio::task::block_in_place(|| {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("cache");
        let (redis, common, cluster) = (Node::start(), Node::start(), Cluster::start());
        let set = |name: &'static str, value: String| {
            move |program: &mut Command| {
                program.env(name, &value);
            }
        };
        let file = set("CACHEKIT_FILE_CACHE_DIR", directory.to_str().unwrap().to_owned());
        let cluster = format!("redis-cluster://{}", cluster.addresses());
        let cluster = set("CACHEKIT_REDIS_URL", cluster);
        let redis = set("CACHEKIT_REDIS_URL", redis.url());
        let common = set("REDIS_URL", common.url());
        let http = |program: &mut Command| service.configure(program, "127.0.0.1");
        let backends: [(&str, &Configure<'_>); 5] = [
            ("a directory", &file),
            ("Redis", &redis),
            ("Redis by REDIS_URL", &common),
            ("a Redis Cluster", &cluster),
            ("a server", &http),
        ];
        for (name, configure) in backends {
            assert_eq!(run(configure), COMPUTED, "{name}, the first process");
            assert_eq!(run(configure), FOUND, "{name}, the second process");
        }
        for process in ["first", "second"] {
            assert_eq!(run(|_| {}), COMPUTED, "without a backend, the {process} process");
        }
        // What is ours goes before what many programs know.
        let both = |program: &mut Command| {
            file(program);
            program.env("REDIS_URL", "redis://127.0.0.1:1");
        };
        assert_eq!(run(both), FOUND);
        // A conflict is no guess: everything is cached in the process, and counted.
        let two = |program: &mut Command| {
            file(program);
            redis(program);
        };
        assert!(run(two).starts_with("runs 3 shared 0 errors "));
        assert_ne!(run(two), COMPUTED);
    });
    service.running.shutdown().await;
}
