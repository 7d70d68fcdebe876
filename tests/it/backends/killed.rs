//! Processes that are killed at any moment leave whole values, and no key that stays locked.
//!
//! `CACHEKIT_TEST_KILLED_SECONDS` says for how long; 10 unless it does.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use cachekit_io::{Backend, BackendError, Fencing, FileBackend, Locks, SetOptions, TtlControl};
use cachekit_tests::block_on;
use sha2::{Digest, Sha256};

use crate::service::{child, is_child};

const TEST: &str = "backends::killed::values_are_whole_whenever_their_writers_are_killed";
const WRITERS: usize = 8;
const KEYS: u8 = 24;

fn backend(directory: &Path) -> FileBackend {
    FileBackend::builder().directory(directory).build().unwrap()
}

/// A value that says itself whether it is whole, and whose it is.
fn value(key: u8, length: usize) -> Bytes {
    let body: Vec<u8> = (0..length).map(|_| fastrand::u8(..)).collect();
    Bytes::from([&[key][..], &Sha256::digest([&[key], &body[..]].concat()), &body].concat())
}

fn is_whole(key: u8, value: &[u8]) -> bool {
    let Some((head, body)) = value.split_at_checked(33) else { return false };
    head[0] == key && head[1..] == *Sha256::digest([&[key], body].concat())
}

/// Done, or too late: the machine may be busy.
fn done<T>(result: Result<T, BackendError>) -> Option<T> {
    match result {
        Ok(done) => Some(done),
        Err(error) if error.is_timeout() => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// One of everything, with a key that others use as well.
async fn work(backend: &FileBackend) {
    let key = fastrand::u8(..KEYS);
    let name = key.to_string();
    let length =
        if fastrand::u8(..) < 200 { fastrand::usize(..500) } else { fastrand::usize(..200_000) };
    let options = SetOptions::new().ttl(Duration::from_secs(fastrand::u64(1..100)));
    match fastrand::u8(..8) {
        0 | 1 => {
            done(backend.set(&name, value(key, length), &options).await);
        }
        2 => {
            if let Some(fence) = done(backend.fence(&name).await) {
                done(backend.set_fenced(&name, value(key, length), &options, &fence).await);
            }
        }
        3 => {
            done(backend.delete(&name).await);
        }
        4 => {
            done(backend.refresh(&name, Duration::from_secs(50)).await);
        }
        5 => {
            let lease = Duration::from_millis(200);
            if let Some(Some(token)) = done(backend.try_acquire(&name, lease).await) {
                // Whether it still holds is nothing to rely on here.
                let _ = backend.set(&name, value(key, length), &options.lock(token.clone())).await;
                done(backend.release(&name, &token).await);
            }
        }
        _ => {
            if let Some(Some(found)) = done(backend.get(&name).await) {
                assert!(is_whole(key, found.value()), "a value that no writer stored under {name}");
            }
        }
    }
}

fn start(directory: &Path) -> (Child, Instant) {
    let mut program = child(TEST);
    program.env("CACHEKIT_TEST_DIRECTORY", directory);
    let writer = program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    (writer, Instant::now() + Duration::from_millis(fastrand::u64(50..700)))
}

/// Kills a writer at whatever it is doing. It must not have ended by itself.
fn kill(mut writer: Child) {
    writer.kill().unwrap();
    let output = writer.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(9), "a writer gave up:\n{said}");
}

#[test]
fn values_are_whole_whenever_their_writers_are_killed() {
    if is_child(TEST) {
        let backend = backend(&PathBuf::from(std::env::var_os("CACHEKIT_TEST_DIRECTORY").unwrap()));
        loop {
            block_on(work(&backend));
        }
    }
    let seconds = std::env::var("CACHEKIT_TEST_KILLED_SECONDS");
    let seconds = seconds.map_or(10, |text| text.parse().expect("a number of seconds"));
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("cache");
    let reader = backend(&directory);
    let (mut killed, mut read) = (0, 0);
    let mut writers: Vec<_> = (0..WRITERS).map(|_| start(&directory)).collect();
    let until = Instant::now() + Duration::from_secs(seconds);
    // Until something was seen, however slow the machine.
    while Instant::now() < until || read == 0 || killed < WRITERS {
        for key in 0..KEYS {
            if let Some(Some(found)) = done(block_on(reader.get(&key.to_string()))) {
                assert!(is_whole(key, found.value()), "a value that no writer stored under {key}");
                read += 1;
            }
        }
        for place in &mut writers {
            if Instant::now() >= place.1 {
                kill(std::mem::replace(place, start(&directory)).0);
                killed += 1;
            }
        }
    }
    for (writer, _) in writers {
        kill(writer);
    }
    println!("{killed} writers were killed, {read} values were read");

    // No lock outlived its process, and every key can be used.
    for key in 0..KEYS {
        let name = key.to_string();
        let fence = block_on(reader.fence(&name)).unwrap();
        let new = value(key, 100);
        let filled = block_on(reader.set_fenced(&name, new.clone(), &SetOptions::new(), &fence));
        assert!(filled.unwrap());
        assert_eq!(block_on(reader.get(&name)).unwrap().expect("just written").value(), &new);
    }
    // What the dead left is swept when it is old.
    let temporary = || {
        let found = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
        found.filter(|path| path.to_string_lossy().contains(".tmp.")).collect::<Vec<_>>()
    };
    for path in temporary() {
        let old = SystemTime::now() - Duration::from_secs(100);
        fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    }
    block_on(backend(&directory).set("last", Bytes::new(), &SetOptions::new())).unwrap();
    assert_eq!(temporary(), Vec::<PathBuf>::new());
}
