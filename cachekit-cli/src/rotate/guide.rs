//! The steps of a rotation, with the names of the actual keys.

use crate::keys::{Name, position};
use cachekit_io::envelope::MAX_PREVIOUS;

/// The next steps, depending on the number of keys.
pub(super) fn steps(names: &[Name], key_option: &str) -> String {
    let full = names.len() > MAX_PREVIOUS;
    let mut text = String::new();
    if names.len() > 1 {
        text.push_str(&drain(names, key_option));
    }
    if full {
        text.push_str("\nThere is no room for another key until the oldest is dropped.\n");
    } else {
        text.push_str(&replace(names, key_option));
    }
    text
}

fn replace(names: &[Name], key_option: &str) -> String {
    format!(
        "To replace the current key, {current}:\n\
         1. Make the next keys: cachekit rotate{key_option} --out keys.next\n\
         2. Check them:         cachekit rotate{key_option} --next keys.next\n\
         3. Give keys.next to every process in the place of the present keys, and reload or restart it. Until\n   \
            all have them, entries of the new key are misses for those that have not.\n\
         Then the key is a previous one: it opens what it sealed, and seals nothing any more.\n",
        current = call(&names[0]),
    )
}

fn drain(names: &[Name], key_option: &str) -> String {
    let oldest = names.len() - 1;
    format!(
        "To drop the oldest key, {name} ({position}):\n\
         1. Wait until its number in previous_hits stands still for the longest time to live.\n\
         2. Leave it out: cachekit rotate{key_option} --drop-oldest --out keys.next\n\
         3. Give keys.next to every process in the place of the present keys, and reload or restart it. What\n   \
            only that key opens is a miss from then on.\n",
        name = call(&names[oldest]),
        position = position(oldest),
    )
}

/// Its name in the stored entries.
fn call(name: &Name) -> String {
    match name.id {
        Some(id) => format!("key id {id}"),
        None => format!("interop fingerprint {}", name.fingerprint),
    }
}
