//! Storage keys: `ns:{namespace}:func:{function}:args:{hash}:{codec}`.
//!
//! The hash is Blake2b-256 over everything that tells calls apart: the function's full path with its
//! generics, its place among functions of one name, the version the author gave, and the arguments twice:
//! in MessagePack, and as their `Hash` feeds it. The first is canonical; the second knows what
//! serialization leaves out (`Some(None)`, skipped fields) and `Eq` does not. The readable part is for
//! people.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hasher;
use std::sync::{Mutex, PoisonError};

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use serde::Serialize;

use crate::key::CacheKey;
use crate::site::SiteRef;

/// Readable characters of the function's path. With the longest namespace the key stays below 250.
const MAX_PATH: usize = 96;

/// The namespace of functions that name none.
const DEFAULT_NAMESPACE: &str = "default";

/// The key of one call, and whether other processes agree on what it names. `None` if the arguments do
/// not serialize.
pub(crate) fn storage_key<Q>(site: SiteRef, key: &Q) -> Option<(String, bool)>
where
    Q: CacheKey<Owned: Serialize>,
{
    let info = &site.site.info;
    let (digest, unambiguous) = identity(site, key)?;
    let namespace = info.policy.namespace.unwrap_or(DEFAULT_NAMESPACE);
    let mut text = format!("ns:{namespace}:func:{}:args:", readable(info.module, info.name));
    for byte in digest {
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str(":m");
    Some((text, unambiguous))
}

/// The hash of everything that tells calls apart, and whether other processes agree on what it names.
/// `None` if the arguments do not serialize.
pub(crate) fn identity<Q>(site: SiteRef, key: &Q) -> Option<([u8; 32], bool)>
where
    Q: CacheKey<Owned: Serialize>,
{
    let arguments = rmp_serde::to_vec_named(&key.to_owned_key()).ok()?;
    let info = &site.site.info;
    let mut digest = Blake2b::<U32>::new();
    let version = info.policy.version.to_be_bytes();
    let ordinal = site.site.ordinal().to_be_bytes();
    // Without generics the module and the name say it all.
    let path = site.path().unwrap_or_default();
    for part in [
        info.module.as_bytes(),
        info.name.as_bytes(),
        path.as_bytes(),
        &ordinal,
        &version,
        &arguments,
    ] {
        // Lengths keep neighbouring parts apart.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let mut fed = Fed(digest);
    key.hash_key(&mut fed);
    Some((fed.0.finalize().into(), is_unambiguous(site)))
}

/// Lets `Hash` feed the digest.
struct Fed(Blake2b<U32>);

impl Hasher for Fed {
    fn finish(&self) -> u64 {
        unreachable!("the digest is taken whole")
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
}

/// For a site and a path: the one instantiation of that path, or `None` once there were two.
type Seen = HashMap<(usize, &'static str), Option<TypeId>>;

/// Whether the function's path names one instantiation only. Closures have no names, and types of
/// different blocks can have the same: such calls stay in the process.
fn is_unambiguous(site: SiteRef) -> bool {
    static SEEN: Mutex<Option<Seen>> = Mutex::new(None);
    let Some(path) = site.path() else { return true };
    let own = path.strip_suffix("::{{closure}}").unwrap_or(path);
    if generics(own).contains("{{closure}}") {
        return false;
    }
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = (std::ptr::from_ref(site.site) as usize, path);
    let owner =
        seen.get_or_insert_with(HashMap::new).entry(place).or_insert_with(|| Some(site.function()));
    if *owner != Some(site.function()) {
        // Neither of the two may be shared from here on.
        *owner = None;
    }
    owner.is_some()
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
