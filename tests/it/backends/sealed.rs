//! What a directory and Redis show of `#[cache::secure]` functions: nothing that can be read.

use std::path::Path;
use std::sync::Arc;

use cachekit::secure::{KeySet, Keyring, MasterKey};
use cachekit::testing::Scope;
use cachekit_io::{Backend, FileBackend, Redis};
use cachekit_test_servers::Node;
use cachekit_tests::in_child;

use crate::http::tap::{call_everything, call_readable, found_in, loads, names_in, read_all};

/// Everything that is in the files below.
fn stored(directory: &Path) -> Vec<u8> {
    let mut stored = Vec::new();
    read_all(directory, &mut stored);
    // Names, too: keys are in them.
    for entry in std::fs::read_dir(directory).unwrap() {
        stored.extend(entry.unwrap().file_name().as_encoded_bytes());
    }
    stored
}

fn shows_nothing(backend: &Arc<dyn Backend>, directory: &Path) {
    let key = MasterKey::from_bytes(&[7; 32]).unwrap();
    let keyring = Arc::new(Keyring::new(KeySet::new(key, []).unwrap()));
    let machine =
        || Scope::new().with_backend(Arc::clone(backend)).with_keyring(Arc::clone(&keyring));
    let machines = [machine(), machine()];
    call_everything(&machines);
    // The second found what the first had stored.
    assert_eq!(machines.iter().map(loads).collect::<Vec<_>>(), [1, 0]);
    let seen = stored(directory);
    assert!(seen.len() > 500, "{} bytes are stored", seen.len());
    assert_eq!(found_in(&seen), Vec::<String>::new());
    assert_eq!(names_in(&seen), None);

    // The same eyes see what is not sealed.
    call_readable(&machine());
    let seen = found_in(&stored(directory));
    assert!(seen.iter().any(|what| what == "the value's text, plain"), "{seen:?}");
}

#[test]
fn a_directory_shows_nothing_of_what_is_sealed() {
    in_child("backends::sealed::a_directory_shows_nothing_of_what_is_sealed", || {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("cache");
        let backend = FileBackend::builder().directory(&directory).build().unwrap();
        shows_nothing(&(Arc::new(backend) as Arc<dyn Backend>), &directory);
    });
}

#[test]
fn redis_shows_nothing_of_what_is_sealed() {
    in_child("backends::sealed::redis_shows_nothing_of_what_is_sealed", || {
        // It writes down everything it is told.
        let server = Node::options().persistent().start();
        let backend = Redis::builder().url(server.url()).build().unwrap();
        shows_nothing(&(Arc::new(backend) as Arc<dyn Backend>), server.folder());
    });
}
