//! Storage keys: `ns:{namespace}:func:{function}:args:{hash}:{codec}`.
//!
//! The hash is Blake2b-256 over everything that tells calls apart. First comes the hash of what a function
//! is: its full path with its generics, its place among functions of one name, and the version the author
//! gave. It is taken once in a process. Then the arguments, twice: in MessagePack, and as their `Hash` feeds
//! it. The first is canonical; the second knows what serialization leaves out (`Some(None)`, skipped fields)
//! and `Eq` does not. The readable part is for people.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use serde::Serialize;

use crate::key::CacheKey;
use crate::site::SiteRef;

/// Readable characters of the function's path. With the longest namespace the key stays below 250.
const MAX_PATH: usize = 96;

/// The namespace of functions that name none.
const DEFAULT_NAMESPACE: &str = "default";

/// What the keys of one function, in one instantiation, have in common.
pub(crate) struct Origin {
    /// The digest up to the arguments.
    digest: Blake2b<U32>,
    /// The text up to the hash.
    start: String,
    /// Whether other processes agree on what the function's path names.
    unambiguous: Arc<AtomicBool>,
}

impl Origin {
    fn new(site: SiteRef) -> Self {
        let info = &site.site.info;
        let version = info.policy.version.to_be_bytes();
        let ordinal = site.site.ordinal().to_be_bytes();
        // Without generics the module and the name say it all.
        let path = site.path().unwrap_or_default();
        let mut function = Blake2b::<U32>::new();
        for part in
            [info.module.as_bytes(), info.name.as_bytes(), path.as_bytes(), &ordinal, &version]
        {
            // Lengths keep neighbouring parts apart.
            function.update((part.len() as u64).to_be_bytes());
            function.update(part);
        }
        let namespace = info.policy.namespace.unwrap_or(DEFAULT_NAMESPACE);
        Self {
            digest: Blake2b::<U32>::new().chain_update(function.finalize()),
            start: format!("ns:{namespace}:func:{}:args:", readable(info.module, info.name)),
            unambiguous: sole_owner(site),
        }
    }
}

/// The key of one call, and whether other processes agree on what it names. `None` if the arguments do
/// not serialize.
pub(crate) fn storage_key<Q>(site: SiteRef, key: &Q) -> Option<(String, bool)>
where
    Q: CacheKey<Owned: Serialize>,
{
    const HEX: &[u8; 16] = b"0123456789abcdef";
    const END: &str = ":m";
    let (digest, unambiguous) = identity(site, key)?;
    let mut digits = [0; 64];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(digest) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    let store = site.store();
    let start = &store.origin(|| Origin::new(site)).start;
    let mut text = String::with_capacity(start.len() + digits.len() + END.len());
    text.push_str(start);
    text.push_str(std::str::from_utf8(&digits).ok()?);
    text.push_str(END);
    Some((text, unambiguous))
}

/// The hash of everything that tells calls apart, and whether other processes agree on what it names.
/// `None` if the arguments do not serialize.
pub(crate) fn identity<Q>(site: SiteRef, key: &Q) -> Option<([u8; 32], bool)>
where
    Q: CacheKey<Owned: Serialize>,
{
    let store = site.store();
    let origin = store.origin(|| Origin::new(site));
    let mut fed = Fed { digest: origin.digest.clone(), ahead: Vec::with_capacity(128) };
    // In the place of the length, which is known afterwards.
    fed.ahead.extend_from_slice(&[0; LENGTH]);
    rmp_serde::encode::write_named(&mut fed.ahead, &key.to_owned_key()).ok()?;
    let length = (fed.ahead.len() - LENGTH) as u64;
    fed.ahead[..LENGTH].copy_from_slice(&length.to_be_bytes());
    key.hash_key(&mut fed);
    Some((fed.finish_all(), origin.unambiguous.load(Ordering::Relaxed)))
}

/// Bytes of a length.
const LENGTH: usize = 8;

/// Lets `Hash` feed the digest.
struct Fed {
    digest: Blake2b<U32>,
    /// What the digest has still to be given: it takes much at once faster than little often.
    ahead: Vec<u8>,
}

impl Fed {
    /// Bytes that wait, at most.
    const MOST: usize = 1 << 10;

    fn pass_on(&mut self) {
        self.digest.update(&self.ahead);
        self.ahead.clear();
    }

    fn finish_all(mut self) -> [u8; 32] {
        self.pass_on();
        self.digest.finalize().into()
    }
}

impl Hasher for Fed {
    fn finish(&self) -> u64 {
        unreachable!("the digest is taken whole")
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        // The length before each piece keeps them apart. One byte, or 255 and eight.
        if let Ok(length @ 0..=254) = u8::try_from(bytes.len()) {
            self.ahead.push(length);
        } else {
            self.ahead.push(255);
            self.ahead.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        }
        if bytes.len() > Self::MOST {
            self.pass_on();
            self.digest.update(bytes);
        } else {
            self.ahead.extend_from_slice(bytes);
            if self.ahead.len() > Self::MOST {
                self.pass_on();
            }
        }
    }
}

/// For a site and a path: the first instantiation of that path, and whether it is still the only one.
type Seen = HashMap<(usize, &'static str), (TypeId, Arc<AtomicBool>)>;

/// Whether the function's path names one instantiation only. Closures have no names, and types of
/// different blocks can have the same: such calls stay in the process.
fn sole_owner(site: SiteRef) -> Arc<AtomicBool> {
    static SEEN: Mutex<Option<Seen>> = Mutex::new(None);
    let Some(path) = site.path() else { return Arc::new(AtomicBool::new(true)) };
    let own = path.strip_suffix("::{{closure}}").unwrap_or(path);
    if generics(own).contains("{{closure}}") {
        return Arc::default();
    }
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = (std::ptr::from_ref(site.site) as usize, path);
    let (function, sole) = seen
        .get_or_insert_with(HashMap::new)
        .entry(place)
        .or_insert_with(|| (site.function(), Arc::new(AtomicBool::new(true))));
    if *function != site.function() {
        // Neither of the two may be shared from here on.
        sole.store(false, Ordering::Relaxed);
    }
    Arc::clone(sole)
}

/// What stands in angle brackets.
fn generics(path: &str) -> &str {
    path.find('<').map_or("", |at| &path[at..])
}

fn readable(module: &str, name: &str) -> String {
    let path = format!("{}.{name}", module.replace("::", "."));
    path.chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') { c } else { '_' })
        .take(MAX_PATH)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(pieces: &[&[u8]]) -> [u8; 32] {
        let mut fed = Fed { digest: Blake2b::new(), ahead: Vec::new() };
        for piece in pieces {
            fed.write(piece);
        }
        fed.finish_all()
    }

    /// Cut elsewhere, the same bytes are another key. So are pieces that look like lengths.
    #[test]
    fn pieces_stay_apart() {
        let bytes = [3; 5_000];
        let mut seen = HashMap::new();
        for length in [0, 1, 3, 254, 255, 256, 600, 1_023, 1_024, 1_025, 2_000, 5_000] {
            let (whole, mut cuts) =
                (&bytes[..length], vec![0, 1, 3, 4, 253, 254, 255, 1_024, length]);
            cuts.retain(|cut| *cut <= length);
            cuts.sort_unstable();
            cuts.dedup();
            assert_eq!(seen.insert(digest(&[whole]), (length, None)), None);
            for cut in cuts {
                let (head, tail) = whole.split_at(cut);
                let known = seen.insert(digest(&[head, tail]), (length, Some(cut)));
                assert_eq!(known, None, "{length} bytes, cut at {cut}");
            }
        }
        assert_ne!(digest(&[&[1, 1]]), digest(&[&[1], &[]]));
    }
}
