//! Over Redis, the memory of one process hears of what another one changes, and of a lost connection.
//! By client-side tracking, and without it over the channel on which processes tell each other.
//!
//! How long that takes is printed: `cargo test --workspace --test it -- backends::coherent --nocapture`.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cachekit::cache;
use cachekit::testing::Scope;
use cachekit_io::{BoxFuture, Redis};
use cachekit_test_servers::Node;

use crate::service::{child, is_child};

const TEST: &str = "backends::coherent::a_change_in_one_process_reaches_the_memory_of_another";

const OVER_THE_CHANNEL: &str =
    "backends::coherent::without_tracking_a_change_reaches_the_memory_of_another_process";

/// How often a value is changed.
const CHANGES: u64 = 200;

/// How often it is set, refreshed and invalidated over the channel.
const CHANGES_OF_EACH_KIND: u64 = 20;

/// How often the connections are killed.
const LOSSES: u64 = 5;

/// What the function itself returns.
const COMPUTED: u64 = 0;

/// Far more than any change takes to arrive.
const DEADLINE: Duration = Duration::from_secs(30);

#[cache(ttl = "10m", namespace = "coherent")]
async fn answer(id: u32) -> u64 {
    let _ = id;
    COMPUTED
}

/// The other process: it calls the function, whose value it has in its memory, until that is another one.
async fn keeper(hits: u64) {
    let mut value = answer(1).await;
    println!("\nreport {value}");
    for line in std::io::stdin().lines() {
        let wanted: u64 = line.unwrap().parse().unwrap();
        assert_eq!(answer(1).await, value, "nothing has changed yet");
        println!("report ready");
        let until = Instant::now() + DEADLINE;
        while value != wanted {
            assert!(Instant::now() < until, "{value} is still here instead of {wanted}");
            tokio::task::yield_now().await;
            value = answer(1).await;
        }
        println!("report {value}");
    }
    let stats = answer::stats();
    assert!(stats.hits > hits, "it had a copy: {stats:?}");
}

/// The other process, seen from here.
struct Keeper {
    process: Child,
    says: ChildStdin,
    heard: Lines<BufReader<ChildStdout>>,
}

impl Keeper {
    fn start(test: &str, url: &str) -> Self {
        let mut program = child(test);
        for name in ["CACHEKIT_API_KEY", "CACHEKIT_FILE_CACHE_DIR", "REDIS_URL"] {
            program.env_remove(name);
        }
        program.env("CACHEKIT_REDIS_URL", url);
        let mut process =
            program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the keeper");
        let says = process.stdin.take().expect("piped");
        let heard = BufReader::new(process.stdout.take().expect("piped")).lines();
        Self { process, says, heard }
    }

    fn hears(&mut self) -> String {
        self.heard
            .by_ref()
            .map(|line| line.expect("text"))
            .find_map(|line| line.split_once("report ").map(|(_, rest)| rest.to_owned()))
            .expect("the keeper reports")
    }

    /// Has it wait for a value, changes that, and says how long it took to arrive.
    fn sees(&mut self, wanted: u64, change: impl FnOnce()) -> Duration {
        writeln!(self.says, "{wanted}").expect("the keeper listens");
        assert_eq!(self.hears(), "ready");
        let start = Instant::now();
        change();
        assert_eq!(self.hears(), wanted.to_string());
        start.elapsed()
    }

    fn end(self) {
        let Self { mut process, says, heard } = self;
        drop(says);
        let rest: Vec<_> = heard.map_while(Result::ok).collect();
        assert!(process.wait().expect("it ends").success(), "{rest:#?}");
    }
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_in_one_process_reaches_the_memory_of_another() {
    if is_child(TEST) {
        return keeper(CHANGES).await;
    }
    tokio::task::block_in_place(|| {
        let runtime = tokio::runtime::Handle::current();
        let server = Node::start();
        let backend = Redis::builder().url(server.url()).build().unwrap();
        let scope = Scope::new().with_backend(Arc::new(backend));
        let mut keeper = Keeper::start(TEST, &server.url());
        assert_eq!(keeper.hears(), COMPUTED.to_string());

        let mut took: Vec<_> = (1..=CHANGES)
            .map(|value| {
                keeper.sees(value, || {
                    runtime.block_on(scope.wrap(async move {
                        answer::set(&1, value).await;
                    }));
                })
            })
            .collect();
        took.sort_unstable();
        println!(
            "a change is in the other process's memory after {:?} (median), {:?} (p99), {:?} (at most)",
            percentile(&took, 50),
            percentile(&took, 99),
            took[took.len() - 1]
        );

        // What is removed while no connection tells of it is gone from the other process's memory, too.
        for loss in 1..=LOSSES {
            let flushed = keeper.sees(COMPUTED, || {
                server.admin(&["CLIENT", "KILL", "TYPE", "normal"]);
                server.admin(&["FLUSHALL"]);
            });
            println!("after lost connections and a removal, the copy is gone after {flushed:?}");
            keeper.sees(CHANGES + loss, || {
                runtime.block_on(scope.wrap(async move {
                    answer::set(&1, CHANGES + loss).await;
                }));
            });
        }
        keeper.end();
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tracking_a_change_reaches_the_memory_of_another_process() {
    if is_child(OVER_THE_CHANNEL) {
        return keeper(CHANGES_OF_EACH_KIND).await;
    }
    tokio::task::block_in_place(|| {
        let runtime = tokio::runtime::Handle::current();
        let server = Node::start();
        let url = format!("{}?protocol=resp2", server.url());
        let backend = Redis::builder().url(&url).build().unwrap();
        let scope = Scope::new().with_backend(Arc::new(backend));
        let mut keeper = Keeper::start(OVER_THE_CHANNEL, &url);
        assert_eq!(keeper.hears(), COMPUTED.to_string());
        let in_scope = |change: BoxFuture<'static, ()>| runtime.block_on(scope.wrap(change));
        // Until it listens at the channel, this process trusts no value either.
        in_scope(Box::pin(async {
            let until = Instant::now() + DEADLINE;
            while answer::stats().hits == 0 {
                assert!(Instant::now() < until, "this process keeps nothing");
                answer(1).await;
            }
        }));
        for value in 1..=CHANGES_OF_EACH_KIND {
            keeper.sees(value, || in_scope(Box::pin(async move { answer::set(&1, value).await })));
            // A run that is asked for, whatever is there.
            let refresh = async { assert_eq!(answer::refresh(1).await, COMPUTED) };
            keeper.sees(COMPUTED, || in_scope(Box::pin(refresh)));
            keeper.sees(value, || in_scope(Box::pin(async move { answer::set(&1, value).await })));
            let invalidate = async { assert!(answer::invalidate(&1).await.is_confirmed()) };
            keeper.sees(COMPUTED, || in_scope(Box::pin(invalidate)));
        }
        keeper.end();
    });
}
