//! Entries that go from one SDK to the other through a directory.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use cachekit_io::{Backend, Expiry, Fencing, FileBackend, SetOptions, TtlControl};
use published::backend::file::FileBackend as Published;
use published::backend::{Backend as _, TtlInspectable as _};

use crate::published::virtual_environment;

const HOUR: Duration = Duration::from_secs(3600);

fn ours(directory: &Path) -> FileBackend {
    FileBackend::builder().directory(directory).build().unwrap()
}

fn theirs(directory: &Path) -> Published {
    Published::builder().cache_dir(directory).build().unwrap()
}

/// Values of every length up to a few pages, and every byte.
fn values() -> Vec<Vec<u8>> {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    vec![vec![], vec![0], b"CK\x01".to_vec(), every_byte.clone(), every_byte.repeat(100)]
}

/// Keys that need hashing: long, with slashes, not ASCII.
fn key(n: usize) -> String {
    let keys = ["plain", "ns:app:func:m.f:args:abc:v1", "../../etc/passwd", "schlüssel 🦀", "\0"];
    keys.get(n).map_or_else(|| "x".repeat(5_000), ToString::to_string)
}

fn about_an_hour(left: Duration) -> bool {
    (Duration::from_secs(3540)..=HOUR).contains(&left)
}

#[tokio::test]
async fn the_published_rust_sdk_finds_what_we_store() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("cache");
    let (ours, theirs) = (ours(&directory), theirs(&directory));
    for (n, value) in values().into_iter().enumerate() {
        let options = SetOptions::new().ttl(HOUR);
        ours.set(&key(n), Bytes::from(value.clone()), &options).await.unwrap();
        assert_eq!(theirs.get(&key(n)).await.unwrap(), Some(value));
        assert!(theirs.exists(&key(n)).await.unwrap());
        assert!(theirs.ttl(&key(n)).await.unwrap().is_some_and(about_an_hour));
    }
    // For as long as it is not deleted.
    ours.set("always", Bytes::from_static(b"v"), &SetOptions::new()).await.unwrap();
    assert_eq!(theirs.ttl("always").await.unwrap(), None);
    assert_eq!(theirs.get("always").await.unwrap().as_deref(), Some(&b"v"[..]));
    // What we refresh and delete is refreshed and gone.
    assert!(ours.refresh("always", HOUR).await.unwrap());
    assert!(theirs.ttl("always").await.unwrap().is_some_and(about_an_hour));
    assert!(ours.delete("always").await.unwrap());
    assert_eq!(theirs.get("always").await.unwrap(), None);
}

#[tokio::test]
async fn we_find_what_the_published_rust_sdk_stores() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("cache");
    let (theirs, ours) = (theirs(&directory), ours(&directory));
    for (n, value) in values().into_iter().enumerate() {
        theirs.set(&key(n), value.clone(), Some(HOUR)).await.unwrap();
        let found = ours.get(&key(n)).await.unwrap().expect("they stored it");
        assert_eq!(found.value(), &value);
        assert!(found.is_fresh() && found.fresh_for().is_some_and(about_an_hour));
        let left = ours.expiry(&key(n)).await.unwrap();
        assert!(matches!(left, Expiry::In(left) if about_an_hour(left)), "{left:?}");
    }
    theirs.set("always", b"v".to_vec(), None).await.unwrap();
    assert_eq!(ours.expiry("always").await.unwrap(), Expiry::Never);
    assert!(ours.refresh("always", HOUR).await.unwrap());
    theirs.refresh_ttl("always", Duration::from_secs(60)).await.unwrap();
    let left = ours.expiry("always").await.unwrap();
    assert!(matches!(left, Expiry::In(left) if left <= Duration::from_secs(60)), "{left:?}");
    assert!(theirs.delete("always").await.unwrap());
    assert_eq!(ours.get("always").await.unwrap(), None);
}

#[tokio::test]
async fn each_leaves_the_files_of_the_other_alone() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("cache");
    let (theirs, ours) = (theirs(&directory), ours(&directory));
    let fence = ours.fence("k").await.unwrap();
    // Their first write sweeps; ours looks through the directory. Both delete what a dead writer left.
    let name = format!("{}.tmp.1.2.3", "0".repeat(32));
    for (n, sdk) in ["theirs", "ours"].into_iter().enumerate() {
        let left = fs::File::create(directory.join(&name)).unwrap();
        left.set_modified(std::time::SystemTime::now() - HOUR).unwrap();
        match n {
            0 => theirs.set("a", b"a".to_vec(), None).await.unwrap(),
            _ => ours.set("b", Bytes::from_static(b"b"), &SetOptions::new()).await.unwrap(),
        }
        assert!(!directory.join(&name).exists(), "{sdk} sweep it");
    }
    let filled = ours.set_fenced("k", Bytes::from_static(b"k"), &SetOptions::new(), &fence).await;
    assert!(filled.unwrap(), "the fence is where it was");
    for key in ["a", "b", "k"] {
        let theirs = theirs.get(key).await.unwrap().expect("it is there");
        assert_eq!(ours.get(key).await.unwrap().expect("it is there").value(), &theirs);
    }
}

/// The Python SDK evicts and sweeps, which the Rust SDK does not.
#[tokio::test]
async fn the_published_python_sdk_shares_a_directory_with_us() {
    let python = tokio::task::spawn_blocking(virtual_environment).await.unwrap();
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("cache");
    let ours = ours(&directory);
    let bytes: Vec<u8> = (0..=255).collect();
    ours.set("rust:value", Bytes::from(bytes.clone()), &SetOptions::new().ttl(HOUR)).await.unwrap();
    let fence = ours.fence("rust:fenced").await.unwrap();
    let mut program = Command::new(python);
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("published/file.py")).arg(&directory);
    let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));

    let theirs = ours.get("py:value").await.unwrap().expect("the script has stored it");
    let reversed: Vec<u8> = bytes.into_iter().rev().collect();
    assert_eq!(theirs.value(), &reversed);
    assert!(theirs.fresh_for().is_some_and(about_an_hour));
    // It evicted entries meanwhile, and nothing else.
    let value = Bytes::from_static(b"v");
    assert!(ours.set_fenced("rust:fenced", value, &SetOptions::new(), &fence).await.unwrap());
}
