use super::super::keys::{Names, is_prefix};
use super::{client, get, set};
use crate::{Backend, Redis};
use cachekit_test_servers::{Cluster, Node};
use std::time::Duration;

#[test]
fn portable_keys_keep_their_names() {
    let names = Names::new("", false);
    let portable = "ABCxyz012_-.:";
    assert_eq!(names.entry(portable), portable);
    assert_eq!(Names::new("app:", true).entry(portable), format!("app:{portable}"));
}

#[test]
fn no_two_keys_share_a_name() {
    let keys = [
        "a",
        "a%",
        "a%25",
        "{a}",
        "%7Ba%7D",
        "%7ba%7d",
        "a:lock",
        "a:loc%6B",
        "a:lock:lock",
        ":lock",
        "a%fence",
        "a%copied",
        "a%held",
        "{a}:lock",
        "{a}%fence",
        "{a}%held",
        "a:locK",
    ];
    for cluster in [false, true] {
        let names = Names::new("", cluster);
        let mut all = Vec::new();
        for key in keys {
            let entry = names.entry(key).into_owned();
            let (beside, copied) = (names.beside(&entry), names.copied(&entry));
            assert_eq!(names.key(&entry).as_deref(), Some(key));
            for other in [&beside.lock, &beside.fence, &beside.held, &copied] {
                assert_eq!(names.key(other), None, "{other}");
            }
            all.extend([entry, beside.lock, beside.fence, beside.held, copied]);
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{all:?}");
    }
}

#[test]
fn only_names_with_the_prefix_are_keys() {
    let names = Names::new("app:", false);
    assert_eq!(names.key("app:k").as_deref(), Some("k"));
    assert_eq!(names.key("app:"), None);
    assert_eq!(names.key("other:k"), None);
}

#[test]
fn prefixes_have_no_braces() {
    for good in ["", "app:", "a/b|c~"] {
        assert!(is_prefix(good), "{good}");
    }
    for bad in ["{", "}", "%", "a b", "é", &"x".repeat(129)] {
        assert!(!is_prefix(bad), "{bad}");
        let error = Redis::builder().url("redis://h").prefix(bad).build().unwrap_err();
        assert!(error.to_string().contains("CACHEKIT_REDIS_PREFIX"), "{error}");
    }
}

#[test]
fn slots_are_the_servers_own() {
    let cluster = Cluster::start();
    let names = Names::new("app:", true);
    for key in ["k", "123456789", "user:42", "{user}:1", "{user}:2", "a{}b", "}{", "é", "a:lock"] {
        let entry = names.entry(key);
        let slot = names.slot(&entry);
        assert_eq!(slot, cluster.slot_of(&entry), "{key}");
        let (beside, copied) = (names.beside(&entry), names.copied(&entry));
        for other in [beside.lock, beside.fence, beside.held, copied] {
            assert_eq!(slot, cluster.slot_of(&other), "beside {key}");
        }
    }
    // What users write in braces does not bring strangers together.
    let slot = |key: &str| names.slot(&names.entry(key));
    assert_ne!(slot("{user}:1"), slot("{user}:2"));
}

#[test]
fn a_key_that_ends_like_a_lock_is_an_entry() {
    let node = Node::start();
    let client = client(&node);
    let locks = client.locks().unwrap();
    set(&client, "a:lock", "value").unwrap();
    let token = super::wait(locks.try_acquire("a", Duration::from_secs(60))).unwrap().unwrap();
    assert_eq!(get(&client, "a:lock").unwrap().as_deref(), Some("value"));
    assert_eq!(node.admin(&["GET", "a:lock"]).text(), token.as_str());
    assert!(super::wait(client.delete("a:lock")).unwrap());
    assert!(super::wait(locks.release("a", &token)).unwrap());
}
