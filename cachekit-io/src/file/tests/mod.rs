mod conformance;
mod crashes;
mod directories;
mod entries;
mod env;
mod executors;
mod limits;
mod locks;
mod values;

use super::FileBackend;
use super::name::Name;
use crate::ManualClock;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A directory of one's own, and time that a test moves.
struct Place {
    parent: TempDir,
    hands: ManualClock,
}

/// When the tests take place: a moment that is no whole second.
const BEGIN: Duration = Duration::from_millis(1_800_000_000_250);

impl Place {
    fn new() -> Self {
        let hands = ManualClock::new();
        hands.advance(BEGIN);
        Self { parent: tempfile::tempdir().unwrap(), hands }
    }

    fn directory(&self) -> PathBuf {
        self.parent.path().join("cache")
    }

    /// One more process, as far as the directory can tell.
    fn backend(&self) -> FileBackend {
        FileBackend::builder()
            .directory(self.directory())
            .clock(self.hands.clock())
            .build()
            .unwrap()
    }

    fn entry(&self, key: &str) -> PathBuf {
        Name::of(key).in_directory(&self.directory())
    }
}

/// The names in a directory, without the hidden ones.
fn names(directory: &Path) -> Vec<String> {
    let found = std::fs::read_dir(directory).unwrap();
    let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with('.')).collect()
}
