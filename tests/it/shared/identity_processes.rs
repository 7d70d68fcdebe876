//! Two processes of one program never take one function or type for another, whichever of them each process meets.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cachekit::cache;
use cachekit::testing::Scope;
use cachekit_io::{Backend, BackendError, BoxFuture, Fetched, Health, SetOptions};
use cachekit_tests::{is_child, run_child};

const TEST: &str = "shared::identity_processes::types_of_one_path_in_two_processes";
const DIRECTORY: &str = "CACHEKIT_TEST_DIRECTORY";
const WHICH: &str = "CACHEKIT_TEST_WHICH";

/// A directory that processes share.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn file(&self, key: &str) -> PathBuf {
        self.0.join(key.replace(':', "_"))
    }
}

impl Backend for Directory {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        let value = std::fs::read(self.file(key)).ok();
        Box::pin(async move { Ok(value.map(|value| Fetched::fresh(Bytes::from(value)))) })
    }

    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        _options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        std::fs::write(self.file(key), &value).unwrap();
        Box::pin(async { Ok(()) })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        let removed = std::fs::remove_file(self.file(key)).is_ok();
        Box::pin(async move { Ok(removed) })
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        let exists = self.file(key).exists();
        Box::pin(async move { Ok(exists) })
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        Box::pin(async { Ok(Health::new("directory", Duration::ZERO)) })
    }
}

trait Named {
    const NAME: &'static str;
}

#[cache(ttl = 60)]
fn name_of<T: Named>(n: u32) -> String {
    format!("{} {n}", T::NAME)
}

struct Shelf<T>(std::marker::PhantomData<T>);

impl<T: Named> Shelf<T> {
    #[cache(ttl = 60, self = shared)]
    fn name(&self, n: u32) -> String {
        format!("{} {n}", T::NAME)
    }
}

/// Types of one path, one of each for a call.
fn call(which: u32) -> [String; 2] {
    fn both<T: Named>() -> [String; 2] {
        [name_of::<T>(1), Shelf::<T>(std::marker::PhantomData).name(1)]
    }
    if which == 0 {
        struct Same;
        impl Named for Same {
            const NAME: &'static str = "first";
        }
        both::<Same>()
    } else {
        struct Same;
        impl Named for Same {
            const NAME: &'static str = "second";
        }
        both::<Same>()
    }
}

#[test]
fn types_of_one_path_in_two_processes() {
    if is_child() {
        let directory = Directory(std::env::var_os(DIRECTORY).unwrap().into());
        let which = std::env::var(WHICH).unwrap().parse().unwrap();
        let machine = Scope::new().with_backend(Arc::new(directory));
        let expected = if which == 0 { "first 1" } else { "second 1" };
        assert_eq!(machine.run(|| call(which)), [expected, expected]);
        println!("shared hits {}", machine.run(|| name_of::stats().shared_hits));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    // The second process of each kind finds what the first one stored.
    for (which, hits) in [("0", 0), ("1", 0), ("0", 1), ("1", 1)] {
        let child = run_child(TEST, &[(DIRECTORY, path), (WHICH, which)]);
        assert_eq!(child.passed, Some(true), "{}", child.output);
        assert!(child.output.contains(&format!("shared hits {hits}")), "{}", child.output);
    }
}
