//! `cachekit exists` and `cachekit ttl`.

use super::absent;
use crate::arguments::{Exists, Ttl};
use crate::failure::Failure;
use crate::output::{Style, print, print_json};
use cachekit_io::Expiry;
use serde_json::json;
use std::time::Duration;

pub(crate) fn exists(options: &Exists, style: Style) -> Result<(), Failure> {
    let exists = options.backend.connect()?.exists(&options.key)?;
    if style == Style::Json {
        print_json(&json!({ "key": options.key, "found": exists }))?;
    }
    if exists { Ok(()) } else { Err(absent()) }
}

pub(crate) fn ttl(options: &Ttl, style: Style) -> Result<(), Failure> {
    let store = options.backend.connect()?;
    if let Some(ttl) = options.set
        && !store.refresh_ttl(&options.key, ttl)?
    {
        if style == Style::Json {
            print_json(&json!({ "key": options.key, "found": false }))?;
        }
        return Err(Failure::not_found("there is no fresh entry under this key (or no longer)"));
    }
    let left = match store.expiry(&options.key)? {
        Expiry::Absent => {
            if style == Style::Json {
                print_json(&json!({ "key": options.key, "found": false }))?;
            }
            return Err(absent());
        }
        Expiry::Never => None,
        Expiry::In(left) => Some(left),
    };
    if style == Style::Json {
        let seconds = left.map(|left| left.as_secs_f64());
        return print_json(&json!({ "key": options.key, "found": true, "ttl_seconds": seconds }));
    }
    let text = left.map_or_else(|| "never".to_owned(), whole);
    print(format!("{text}\n").as_bytes())
}

/// A duration for humans: in whole seconds, if there is at least one.
fn whole(left: Duration) -> String {
    let whole = Duration::from_secs(left.as_secs());
    humantime::format_duration(if whole.is_zero() { left } else { whole }).to_string()
}
