//! `cachekit set` and `cachekit delete`.

use crate::arguments::{Delete, Set};
use crate::failure::Failure;
use crate::interop;
use crate::output::{Style, print_json};
use crate::sealed;
use bytes::Bytes;
use cachekit_io::SetOptions;
use serde_json::json;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// More than any backend accepts.
const MOST: u64 = 1 << 30;

pub(crate) fn set(options: &Set, style: Style) -> Result<(), Failure> {
    let from = options.file.as_deref().filter(|path| *path != Path::new("-"));
    if from.is_none() && options.keys.are_on_stdin() {
        return Err(Failure::usage("standard input cannot be both the value and the keys"));
    }
    let mut life = SetOptions::new();
    if let Some(ttl) = options.ttl {
        life = life.ttl(ttl);
    }
    if let Some(stale) = options.stale {
        life = life.stale_ttl(stale);
    }
    if options.place.interop {
        life = life.verbatim();
    }
    let place = sealed::chosen(&options.place, &options.keys)?;
    let store = options.backend.connect()?;
    let value = match from {
        Some(path) => {
            let file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
            read(file, path)?
        }
        None => read(io::stdin().lock(), Path::new("-"))?,
    };
    let value = if options.place.interop { interop::from_json(&value)? } else { value };
    let entry = match place {
        Some((place, keyring)) => sealed::seal(&place, &options.key, keyring, &value)?,
        None => value,
    };
    let stored = entry.len();
    store.set(&options.key, Bytes::from(entry), &life)?;
    if style == Style::Json {
        return print_json(&json!({ "key": options.key, "stored": true, "bytes": stored }));
    }
    Ok(())
}

fn read(from: impl Read, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = from.take(MOST + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::file("read", path, &error))?;
    if bytes.len() as u64 > MOST {
        return Err(Failure::usage("the value is larger than any backend takes"));
    }
    Ok(bytes)
}

pub(crate) fn delete(options: &Delete, style: Style) -> Result<(), Failure> {
    let store = options.backend.connect()?;
    for key in &options.entries {
        let was_there = store.delete(key)?;
        if style == Style::Json {
            // One line for each, printed at once, because a later one may fail.
            print_json(&json!({ "key": key, "deleted": true, "was_there": was_there }))?;
        }
    }
    Ok(())
}
