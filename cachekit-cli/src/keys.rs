//! Keys: their sources, their public names, and writing them to a file.

use crate::arguments::{Format, KeyOptions, ScopeOptions};
use crate::failure::Failure;
use cachekit_io::envelope::interop::{Fingerprint, InteropEnvelope};
use cachekit_io::envelope::{
    CURRENT_VARIABLE, FileKeySource, KeyId, KeySet, KeySource as _, Keyring, MasterKey,
    PREVIOUS_VARIABLE,
};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Far more than a keyring needs.
const MAX_INPUT: usize = 16 * 1024;

impl KeyOptions {
    pub(crate) fn load(&self) -> Result<KeySet, Failure> {
        match &self.key_file {
            Some(path) if self.are_on_stdin() => from_stdin(path),
            Some(path) => from_file(path),
            None => KeySet::from_env().map_err(|error| {
                Failure::usage(format!("{error}; --key-file names a file with the keys instead"))
            }),
        }
    }

    pub(crate) fn are_on_stdin(&self) -> bool {
        self.key_file.as_deref().is_some_and(|path| path == Path::new("-"))
    }

    /// The option as it was given, to be repeated in a command line that is printed.
    pub(crate) fn as_option(&self) -> String {
        let path = self.key_file.as_ref();
        path.map_or_else(String::new, |path| format!(" --key-file {}", path.display()))
    }
}

pub(crate) fn from_file(path: &Path) -> Result<KeySet, Failure> {
    FileKeySource::new(path).load().map_err(|error| {
        let failure = Failure::from(error);
        failure.about(&path.display())
    })
}

fn from_stdin(path: &Path) -> Result<KeySet, Failure> {
    // One buffer that never grows, because growing would leave copies behind.
    let mut bytes = Zeroizing::new(vec![0; MAX_INPUT]);
    let mut len = 0;
    let mut stdin = std::io::stdin().lock();
    loop {
        let read = stdin.read(&mut bytes[len..]);
        match read.map_err(|error| Failure::file("read", path, &error))? {
            0 => break,
            read => len += read,
        }
    }
    if len == MAX_INPUT {
        return Err(Failure::usage("standard input: more than any set of keys has"));
    }
    let text = std::str::from_utf8(&bytes[..len])
        .map_err(|_| Failure::usage("standard input: keys are hex digits, one key in each line"))?;
    KeySet::from_lines(text).map_err(|error| Failure::from(error).about(&"standard input"))
}

/// The public names of a key.
pub(crate) struct Name {
    /// Its id in the native format, for one tenant and namespace.
    pub(crate) id: Option<KeyId>,
    /// Its fingerprint in the ecosystem's format, for one tenant.
    pub(crate) fingerprint: Fingerprint,
}

/// The names of all keys, current first.
pub(crate) fn names(keyring: &Arc<Keyring>, scope: &ScopeOptions) -> Result<Vec<Name>, Failure> {
    let fingerprints = InteropEnvelope::new(Arc::clone(keyring)).fingerprints(&scope.tenant)?;
    let ids = match &scope.namespace {
        Some(namespace) => {
            keyring.key_ids(&scope.tenant, namespace)?.into_iter().map(Some).collect()
        }
        None => vec![None; fingerprints.len()],
    };
    let names = ids.into_iter().zip(fingerprints);
    Ok(names.map(|(id, fingerprint)| Name { id, fingerprint }).collect())
}

/// The name of a position in the keyring.
pub(crate) fn position(slot: usize) -> String {
    if slot == 0 { "current".to_owned() } else { format!("previous {slot}") }
}

/// The keys as text for a file, current first.
pub(crate) fn text(keys: &[MasterKey], format: Format) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(MAX_INPUT));
    for (slot, key) in keys.iter().enumerate() {
        match (format, slot) {
            (Format::Lines, _) => {}
            (Format::Env, 0) => text.extend([CURRENT_VARIABLE, "="]),
            (Format::Env, 1) => text.extend([PREVIOUS_VARIABLE, "="]),
            (Format::Env, _) => text.push(','),
        }
        text.push_str(&key.to_hex());
        let goes_on = format == Format::Env && slot > 0 && slot + 1 < keys.len();
        if !goes_on {
            text.push('\n');
        }
    }
    text
}
