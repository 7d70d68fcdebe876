//! The directory: private to its owner, or refused.

use super::name::Name;
use rustix::fs::OFlags;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Contains the files of fences and locks. It is hidden and a directory, so no SDK mistakes it for an entry or
/// sweeps it.
const STATE: &str = ".cachekit-state";

/// Others than the owner may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// A directory that only the process's user can write to.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    state: PathBuf,
}

impl Directory {
    /// Creates the directory if it does not exist.
    ///
    /// The error says what is wrong with it, never where it is.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let user = rustix::process::geteuid().as_raw();
        if let Ok(link) = path.symlink_metadata() {
            let trusted = link.uid() == user || link.uid() == 0;
            if link.is_symlink() && !trusted {
                return Err("is a symbolic link of another user".to_owned());
            }
        }
        make(path).map_err(|error| format!("cannot be made: {}", error.kind()))?;
        // Once, so that a link that is changed later has no effect.
        let path =
            path.canonicalize().map_err(|error| format!("cannot be found: {}", error.kind()))?;
        let found = path.metadata().map_err(|error| format!("cannot be read: {}", error.kind()))?;
        check(&found, user)?;
        let state = path.join(STATE);
        Ok(Self { path, state })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the entry with this name.
    pub(super) fn entry(&self, name: &Name) -> PathBuf {
        name.in_directory(&self.path)
    }

    /// A new file that is not an entry yet.
    pub(super) fn create_temporary(&self, name: &Name) -> io::Result<(PathBuf, File)> {
        let create = || {
            let path = self.path.join(name.temporary());
            let file = options().write(true).create_new(true).open(&path)?;
            Ok((path, file))
        };
        self.made_again(create)
    }

    /// The file of fences and locks for a 256th of the keys. It is never deleted, because others may have it
    /// locked.
    pub(super) fn open_state(&self, name: &Name) -> io::Result<(PathBuf, File)> {
        let path = self.state.join(name.as_str().get(..2).unwrap_or_default());
        let open = || options().read(true).write(true).create(true).truncate(false).open(&path);
        match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return opened.map(|file| (path.clone(), file)),
        }
        self.made_again(|| make(&self.state))?;
        let found = self.state.symlink_metadata()?;
        if !found.is_dir() || check(&found, rustix::process::geteuid().as_raw()).is_err() {
            return Err(ErrorKind::PermissionDenied.into());
        }
        open().map(|file| (path.clone(), file))
    }

    /// Creates the directory again if an operator deleted it.
    fn made_again<T>(&self, attempt: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => return done,
        }
        make(&self.path)?;
        if check(&self.path.symlink_metadata()?, rustix::process::geteuid().as_raw()).is_err() {
            return Err(ErrorKind::PermissionDenied.into());
        }
        attempt()
    }

    /// Makes renames and deletions durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn check(found: &Metadata, user: u32) -> Result<(), String> {
    if !found.is_dir() {
        return Err("is not a directory".to_owned());
    }
    if found.uid() != user {
        return Err("belongs to another user".to_owned());
    }
    if found.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err("can be written to by others: its mode must be 0700".to_owned());
    }
    Ok(())
}

/// Files only for the owner, and never through a symbolic link; opening a pipe does not wait for its other end.
fn options() -> OpenOptions {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
    options
}

/// Opens an entry.
pub(super) fn open_entry(path: &Path, write: bool) -> io::Result<File> {
    options().read(true).write(write).open(path)
}

/// The size of an entry, if there is one.
pub(super) fn size_of(path: &Path) -> Option<u64> {
    let found = fs::symlink_metadata(path).ok()?;
    found.is_file().then_some(found.len())
}
