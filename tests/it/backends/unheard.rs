//! While a process does not hear what others change in Redis, it trusts no copy of it.

use std::sync::Arc;

use cachekit::testing::Scope;
use cachekit::{cache, check};
use cachekit_io::Redis;
use cachekit_test_servers::Node;
use cachekit_tests::block_on;

use crate::init_check::{NONE, problems};
use crate::secure::keyring;

#[cache(ttl = "10m", namespace = "unheard")]
fn answer(id: u32) -> u32 {
    id
}

fn process(url: &str) -> Scope {
    let redis = Redis::builder().url(url).build().unwrap();
    Scope::new().with_backend(Arc::new(redis)).with_keyring(keyring(1, &[]))
}

#[test]
fn a_user_who_hears_of_no_change_is_a_problem() {
    let node = Node::options()
        .user("talker", "5ecret", "~* &cachekit:* +@all -client|tracking")
        .user("mute", "5ecret", "~* resetchannels +@all -client|tracking")
        .start();
    for url in [node.url(), node.url_for("talker", "5ecret")] {
        process(&url).run(|| assert_eq!(problems(block_on(check())), NONE));
    }
    process(&node.url_for("mute", "5ecret")).run(|| {
        let error = block_on(check()).unwrap_err();
        assert!(error.is_unreachable(), "{error}");
        let problems = problems(Err(error));
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
