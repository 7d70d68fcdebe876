//! Storage keys: `ns:{namespace}:func:{function}:args:{hash}:{codec}`.
//!
//! The hash is Blake2b-256 over the function's full path with its generics, the version the author gave
//! and the arguments in MessagePack. The readable part is for people; the hash alone tells keys apart.

use std::fmt::Write as _;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use serde::Serialize;

use crate::site::SiteRef;

/// Readable characters of the function's path. With the longest namespace the key stays below 250.
const MAX_PATH: usize = 96;

/// The namespace of functions that name none.
const DEFAULT_NAMESPACE: &str = "default";

/// The key of one call; `None` if the arguments cannot be serialized.
pub(crate) fn storage_key<K: Serialize>(site: SiteRef, key: &K) -> Option<String> {
    let arguments = rmp_serde::to_vec_named(key).ok()?;
    let info = &site.site.info;
    let mut digest = Blake2b::<U32>::new();
    for part in [site.path().as_bytes(), &info.policy.version.to_be_bytes(), &arguments] {
        // Lengths keep neighbouring parts apart.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let namespace = info.policy.namespace.unwrap_or(DEFAULT_NAMESPACE);
    let mut text = format!("ns:{namespace}:func:{}:args:", readable(info.module, info.name));
    for byte in digest.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str(":m");
    Some(text)
}

fn readable(module: &str, name: &str) -> String {
    let path = format!("{}.{name}", module.replace("::", "."));
    path.chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') { c } else { '_' })
        .take(MAX_PATH)
        .collect()
}
