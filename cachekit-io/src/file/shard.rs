//! The lock under which a key is changed, between the threads and processes of one machine.

use super::directory::Directory;
use super::failure::Call;
use super::locked::{Locked, Mode};
use super::name::Name;
use super::state::{MAX_LEN, State};
use crate::BackendError;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// Whether the path still leads to the opened file.
pub(super) fn is_same(path: &Path, file: &File) -> bool {
    let (Ok(there), Ok(here)) = (path.symlink_metadata(), file.metadata()) else { return false };
    (there.dev(), there.ino()) == (here.dev(), here.ino())
}

/// The lock of some keys, held until it is dropped, and the fences and leases of these keys.
pub(super) struct Shard {
    file: Locked,
    pub(super) state: State,
    stored: State,
}

impl Shard {
    pub(super) fn lock(
        directory: &Directory,
        name: &Name,
        call: &Call,
    ) -> Result<Self, BackendError> {
        loop {
            let (path, file) = directory
                .open_state(name)
                .map_err(call.failed("opening the file of fences and locks"))?;
            let file = Locked::new(file, Mode::Exclusive, call)?;
            // An operator may have deleted it meanwhile; then other processes lock a new file.
            if is_same(&path, &file) {
                let state = read(&file).map_err(call.failed("reading fences and locks"))?;
                return Ok(Self { file, stored: state.clone(), state });
            }
            call.check_time()?;
        }
    }

    /// Writes the changes, before anything that depends on them.
    pub(super) fn store(&mut self, call: &Call) -> Result<(), BackendError> {
        if self.state == self.stored {
            return Ok(());
        }
        let bytes = self.state.encode();
        // In place, because the lock belongs to this very file. A torn file counts as empty.
        let length = bytes.len() as u64;
        self.file
            .write_all_at(&bytes, 0)
            .and_then(|()| self.file.set_len(length))
            .map_err(call.failed("writing fences and locks"))?;
        self.stored = self.state.clone();
        Ok(())
    }
}

fn read(file: &File) -> io::Result<State> {
    let mut bytes = Vec::new();
    file.take(MAX_LEN as u64 + 1).read_to_end(&mut bytes)?;
    Ok(State::decode(&bytes))
}
