//! While a process does not hear what others change in Redis, it trusts no copy of it.

use std::sync::Arc;
use std::time::Duration;

use cachekit::testing::Scope;
use cachekit::{cache, check};
use cachekit_io::Redis;
use cachekit_test_servers::{Node, eventually};
use cachekit_tests::block_on;

use crate::secure::keyring;
use crate::shared::init_check::{NONE, problems};

// Longer than any test turns its clock.
#[cache(ttl = "300d", namespace = "unheard")]
fn answer(id: u32) -> u32 {
    id
}

fn process(url: &str) -> Scope {
    let redis = Redis::builder().url(url).build().unwrap();
    Scope::new().with_backend(Arc::new(redis)).with_keyring(keyring(1, &[]))
}

/// Without what is said of functions that other tests have called.
fn own(mut problems: Vec<String>) -> Vec<String> {
    problems.retain(|said| !said.contains("such values stay in this process"));
    problems
}

#[test]
fn a_user_who_hears_of_no_change_is_a_problem() {
    let node = Node::options()
        .user("talker", "5ecret", "~* &cachekit:* +@all -client|tracking")
        .user("mute", "5ecret", "~* resetchannels +@all -client|tracking")
        .start();
    for url in [node.url(), node.url_for("talker", "5ecret")] {
        process(&url).run(|| assert_eq!(own(problems(block_on(check()))), NONE));
    }
    process(&node.url_for("mute", "5ecret")).run(|| {
        let error = block_on(check()).unwrap_err();
        assert!(error.is_unreachable(), "{error}");
        let problems = own(problems(Err(error)));
        assert_eq!(problems.len(), 1, "{problems:?}");
        for grant in ["+client|tracking", "+subscribe", "&cachekit:rust:invalidate:v1"] {
            assert!(problems[0].contains(grant), "{problems:?}");
        }
        assert!(!problems[0].contains("5ecret"), "{problems:?}");
        // Functions work, and nothing is kept here that changes unheard.
        assert_eq!((answer(7), answer(7), answer::stats().loads), (7, 7, 1));
        assert_eq!((answer::stats().hits, answer::stats().shared_hits), (0, 1));
    });
}

#[test]
fn what_was_made_during_an_outage_is_not_trusted_after_it() {
    let node = Node::start();
    let (keeper, other) = (process(&node.url()), process(&node.url()));
    keeper.run(|| assert_eq!(answer(1), 1));
    node.stop();
    keeper.run(|| {
        // Connections end before their values: `1` goes, and both are made anew here.
        eventually("the copy is dropped", || match answer::peek(&1) {
            None => Ok(()),
            Some(_) => Err("still there".to_owned()),
        });
        let before = answer::stats();
        assert_eq!((answer(1), answer(2), answer(1), answer(2)), (1, 2, 1, 2));
        let after = answer::stats();
        assert_eq!(
            (after.loads - before.loads, after.hits - before.hits),
            (2, 2),
            "kept meanwhile"
        );
    });
    node.restart();
    // Nothing is stored under either key, so the server has nothing to tell of this.
    other.run(|| {
        eventually("the entry is removed", || {
            let done = answer::invalidate(&1).is_confirmed();
            if done { Ok(()) } else { Err("not confirmed".to_owned()) }
        });
    });
    keeper.run(|| {
        // Every call is a hit, and none asks the server.
        eventually("the server was asked", || {
            keeper.clock().advance(Duration::from_secs(5));
            let copies = [answer::peek(&1), answer::peek(&2)];
            if copies == [None; 2] { Ok(()) } else { Err(format!("still {copies:?}")) }
        });
    });
}
