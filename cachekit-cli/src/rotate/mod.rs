//! `cachekit rotate`: from one set of keys to the next, and never back.

mod guide;
mod step;

use crate::arguments::Rotate;
use crate::failure::Failure;
use crate::fingerprint::table;
use crate::keys;
use crate::output::{Style, note, print, print_json, write_private};
use crate::redact::redact;
use cachekit_io::envelope::{KeySet, Keyring, MAX_PREVIOUS, MasterKey};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn run(options: &Rotate, style: Style) -> Result<(), Failure> {
    let present = options.keys.load()?;
    match (&options.out, &options.next) {
        (Some(out), _) => write_next(options, present, out, style),
        (None, Some(next)) => check(options, present, next, style),
        (None, None) => guide(options, present, style),
    }
}

/// The current state, and the next steps.
fn guide(options: &Rotate, present: KeySet, style: Style) -> Result<(), Failure> {
    let keyring = Arc::new(Keyring::new(present));
    let names = keys::names(&keyring, &options.scope)?;
    let table = table(&keyring, &options.scope)?;
    let steps = redact(&guide::steps(&names, &options.keys.as_option()));
    match style {
        Style::Text => print(format!("{}\n{steps}", table.text()).as_bytes()),
        Style::Json => print_json(&json!({ "keys": table.json(), "steps": steps })),
    }
}

/// Writes the following set: one more key, or one fewer.
fn write_next(options: &Rotate, present: KeySet, out: &Path, style: Style) -> Result<(), Failure> {
    let mut next: Vec<MasterKey> = present.into_keys().collect();
    if options.drop_oldest {
        if next.len() == 1 {
            return Err(Failure::usage("there is no previous key to leave out"));
        }
        next.pop();
    } else {
        if next.len() > MAX_PREVIOUS {
            return Err(Failure::usage(format!(
                "there are {MAX_PREVIOUS} previous keys, and no room for another: first leave out the oldest with \
                 --drop-oldest, once nothing that it sealed is left"
            )));
        }
        next.insert(0, MasterKey::generate().map_err(Failure::environment)?);
    }
    let text = keys::text(&next, options.format);
    let mut next = next.into_iter();
    let current = next.next().ok_or_else(|| Failure::usage("no key is left"))?;
    let next = Arc::new(Keyring::new(KeySet::new(current, next)?));
    let table = table(&next, &options.scope)?;
    write_private(out, text.as_bytes())?;
    note(style, &format!("the next keys are in {}:\n", out.display()));
    print(&table.bytes(style))
}

/// Whether a set may follow the present one.
fn check(options: &Rotate, present: KeySet, next: &Path, style: Style) -> Result<(), Failure> {
    let next = keys::from_file(next)?;
    let (present, next) = (Keyring::new(present), Arc::new(Keyring::new(next)));
    // Ids of 128 bits instead of the keys: they are equal if and only if the keys are.
    let ids = |keyring: &Keyring| keyring.key_ids("check", "rotation");
    let step = step::between(&ids(&present)?, &ids(&next)?).map_err(Failure::usage)?;
    note(style, &format!("{step}\n"));
    print(&table(&next, &options.scope)?.bytes(style))
}
