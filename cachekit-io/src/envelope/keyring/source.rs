//! Where keys come from when they can change while the process runs.

use super::master::KeySet;
use crate::envelope::EnvelopeError;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::PathBuf;
use zeroize::Zeroizing;

#[cfg(not(unix))]
use self::elsewhere::open_to_others;
#[cfg(unix)]
use self::unix::open_to_others;

/// Supplies the keys of a [`Keyring`](super::Keyring), at start and whenever it is reloaded: from a
/// file, a secret manager, a key management service.
///
/// # Example
///
/// ```
/// use cachekit_io::envelope::{EnvelopeError, KeySet, KeySource, Keyring};
///
/// #[derive(Debug)]
/// struct Fixed;
///
/// impl KeySource for Fixed {
///     fn load(&self) -> Result<KeySet, EnvelopeError> {
///         KeySet::from_hex(&"07".repeat(32), &[])
///     }
/// }
///
/// let keyring = Keyring::from_source(Fixed)?;
/// assert!(!keyring.reload()?, "nothing changed");
/// # Ok::<(), EnvelopeError>(())
/// ```
pub trait KeySource: Send + Sync {
    /// The keys as they are now.
    ///
    /// # Errors
    ///
    /// Whatever stands in the way; the keyring then keeps the keys it has.
    fn load(&self) -> Result<KeySet, EnvelopeError>;
}

/// Keys in a file: the current key in hex on the first line, previous ones on the lines after it.
///
/// Empty lines and lines that start with `#` are skipped. On Unix the file must be closed to group
/// and others (`chmod 600`).
///
/// # Example
///
/// ```no_run
/// use cachekit_io::envelope::{FileKeySource, Keyring};
///
/// let keyring = Keyring::from_source(FileKeySource::new("/run/secrets/cachekit"))?;
/// # Ok::<(), cachekit_io::envelope::EnvelopeError>(())
/// ```
#[derive(Debug)]
pub struct FileKeySource {
    path: PathBuf,
}

/// Far more than a keyring needs.
const MAX_FILE_LEN: u64 = 16 * 1024;

impl FileKeySource {
    /// Reads this file on every load.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl KeySource for FileKeySource {
    fn load(&self) -> Result<KeySet, EnvelopeError> {
        let failed = |what: &'static str| {
            move |error: io::Error| EnvelopeError::configuration(what).with_source(error)
        };
        let mut file = File::open(&self.path).map_err(failed("the key file cannot be opened"))?;
        // Of the open file, so that it cannot be exchanged between the check and the read.
        let metadata = file.metadata().map_err(failed("the key file cannot be inspected"))?;
        if !metadata.is_file() || metadata.len() > MAX_FILE_LEN {
            return Err(EnvelopeError::configuration("the key file is no small regular file"));
        }
        if open_to_others(&metadata) {
            let context = "the key file is open to group or others; close it with chmod 600";
            return Err(EnvelopeError::configuration(context));
        }
        // Read into one buffer that never grows: growing would leave copies behind.
        let mut bytes = Zeroizing::new([0_u8; 16 * 1024]);
        let mut len = 0;
        loop {
            match file.read(&mut bytes[len..]).map_err(failed("the key file cannot be read"))? {
                0 => break,
                read => len += read,
            }
        }
        let text = std::str::from_utf8(&bytes[..len])
            .map_err(|_| EnvelopeError::configuration("the key file is not text"))?;
        KeySet::from_lines(text).map_err(|error| error.named("key file"))
    }
}

#[cfg(unix)]
mod unix {
    use super::Metadata;
    use std::os::unix::fs::MetadataExt as _;

    pub(super) fn open_to_others(metadata: &Metadata) -> bool {
        metadata.mode() & 0o077 != 0
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use super::Metadata;

    /// Access lists are not ours to judge here.
    pub(super) fn open_to_others(_: &Metadata) -> bool {
        false
    }
}
