//! Storage keys: `ns:{namespace}:func:{function}:args:{hash}:{codec}`.
//!
//! The hash is Blake2b-256 over everything that tells calls apart: first the hash of what the function is
//! ([`Origin`]), taken once in a process; then the arguments in MessagePack, which names fields and is canonical.
//! Where that form does not hold all of them (`Some(None)` is written as `None`), their bincode follows, which does.
//! A call whose arguments neither form holds in full stays in the process. The readable part is for people.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use super::origin::{DIGEST, Origin};
use crate::key::{CacheKey, Fidelity};
use crate::site::SiteRef;

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
pub(crate) fn identity<Q>(site: SiteRef, key: &Q) -> Option<([u8; DIGEST], bool)>
where
    Q: CacheKey<Owned: Serialize>,
{
    let store = site.store();
    let origin = store.origin(|| Origin::new(site));
    let owned = key.to_owned_key();
    // Serialization is the user's code: what panics in it does not serialize.
    let (bytes, fidelity) =
        catch_unwind(AssertUnwindSafe(|| write(&owned, key.fidelity()))).ok().flatten()?;
    if fidelity == Fidelity::Partial {
        origin.say_partly_written();
    }
    let mut digest = [0; DIGEST];
    digest.copy_from_slice(origin.digest.clone().update(&bytes).finalize().as_bytes());
    Some((digest, origin.is_unambiguous() && fidelity != Fidelity::Partial))
}

/// Bytes of a length.
const LENGTH: usize = 8;

/// The arguments as they enter the hash: the length of their MessagePack, and that; where needed, their bincode.
fn write<K: Serialize>(key: &K, fidelity: Fidelity) -> Option<(Vec<u8>, Fidelity)> {
    let mut bytes = Vec::with_capacity(128);
    // In the place of the length, which is known afterwards.
    bytes.extend_from_slice(&[0; LENGTH]);
    rmp_serde::encode::write_named(&mut bytes, key).ok()?;
    let length = (bytes.len() - LENGTH) as u64;
    bytes[..LENGTH].copy_from_slice(&length.to_be_bytes());
    if fidelity != Fidelity::Exact {
        return Some((bytes, fidelity));
    }
    match bincode::serde::encode_to_vec(key, bincode::config::standard()) {
        Ok(exact) => {
            bytes.extend_from_slice(&exact);
            Some((bytes, fidelity))
        }
        // One part could be written so, and the whole cannot.
        Err(_) => Some((bytes, Fidelity::Partial)),
    }
}
