//! `Vary`: which stored response answers a request (RFC 9111 §4.1).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, VARY};
use serde::{Deserialize, Serialize};

use super::cache_control::is_token;
use crate::clock::Ticks;

/// The most fields that responses are told apart by, and the most that their names may take. A handler that says others each
/// time would have all of them remembered.
const MOST_FIELDS: usize = 64;
const MOST_BYTES: usize = 4 << 10;

/// Whether these are few enough.
pub(super) fn are_few(fields: &[Box<str>]) -> bool {
    fields.len() <= MOST_FIELDS
        && fields.iter().map(|field| field.len()).sum::<usize>() <= MOST_BYTES
}

/// The fields that a response varies on, sorted, in lower case. `None` if no stored response could answer another request:
/// for `*`, for something that is not a field name, or for too many names.
pub(super) fn fields(headers: &HeaderMap) -> Option<Vec<Box<str>>> {
    let mut fields = Vec::new();
    for line in headers.get_all(VARY) {
        for field in line.to_str().ok()?.split(',').map(str::trim).filter(|field| !field.is_empty())
        {
            if field == "*" || !field.chars().all(is_token) {
                return None;
            }
            fields.push(field.to_ascii_lowercase().into_boxed_str());
        }
    }
    fields.sort_unstable();
    fields.dedup();
    are_few(&fields).then_some(fields)
}

/// A request's values of these fields, such that requests with equal values have the same bytes. A missing field
/// differs from an empty one.
pub(super) fn values(fields: &[Box<str>], headers: &HeaderMap) -> Box<[u8]> {
    let mut bytes = Vec::new();
    for field in fields {
        match normal(field, headers) {
            None => bytes.push(0),
            Some(value) => {
                bytes.push(1);
                bytes.extend_from_slice(&(value.len() as u64).to_be_bytes());
                bytes.extend_from_slice(&value);
            }
        }
    }
    bytes.into_boxed_slice()
}

/// §4.1 allows normalizing white space, the lines of one field, and values that are known to be equivalent. This is
/// known for the lists of content negotiation; for other fields, only the lines are combined.
fn normal(field: &str, headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut lines = headers.get_all(field).iter().peekable();
    lines.peek()?;
    let whole = lines.map(|line| line.as_bytes().trim_ascii()).collect::<Vec<_>>().join(&b", "[..]);
    let has_case = field == ACCEPT.as_str();
    let is_list = has_case
        || [ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE]
            .iter()
            .any(|name| name.as_str() == field);
    // A comma in a quoted string does not separate.
    if !is_list || whole.contains(&b'"') {
        return Some(whole);
    }
    let items = whole.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let items: Vec<_> = items.filter(|item| !item.is_empty()).collect();
    let list = items.join(&b","[..]);
    Some(if has_case { list } else { list.to_ascii_lowercase() })
}

/// What a target's responses vary on. Each response is stored under the rule's number, so they are all unreachable when
/// the rule is gone.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) fields: Vec<Box<str>>,
    pub(super) number: (u64, u64),
    /// The variants that this process has stored, and until when.
    #[serde(skip)]
    variants: Mutex<HashMap<u64, Ticks>>,
}

impl Rule {
    pub(super) fn new(fields: Vec<Box<str>>) -> Arc<Self> {
        Arc::new(Self { fields, number: number(), variants: Mutex::default() })
    }

    /// Whether it distinguishes all requests that these fields distinguish.
    pub(super) fn covers(&self, fields: &[Box<str>]) -> bool {
        fields.iter().all(|field| self.fields.contains(field))
    }

    /// Whether one more variant may be stored, which lives until `until`.
    pub(super) fn admits(&self, variant: u64, most: usize, now: Ticks, until: Ticks) -> bool {
        let mut variants = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = has_room(&mut variants, variant, most, now);
        if has_room {
            variants.insert(variant, until);
        }
        has_room
    }

    /// The same, without reserving it.
    pub(super) fn has_room(&self, variant: u64, most: usize, now: Ticks) -> bool {
        let mut variants = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
        has_room(&mut variants, variant, most, now)
    }
}

/// A number that no other rule has, in any process.
fn number() -> (u64, u64) {
    // Not the standard library's keys of hash tables: forked siblings begin with the same ones.
    let random = || getrandom::u64().ok();
    random().zip(random()).unwrap_or_else(|| {
        // Where the system has no random bytes, two rules of this process differ at least.
        let random = || RandomState::new().hash_one(std::process::id());
        (random(), random())
    })
}

fn has_room(variants: &mut HashMap<u64, Ticks>, variant: u64, most: usize, now: Ticks) -> bool {
    if !variants.contains_key(&variant) && variants.len() >= most {
        variants.retain(|_, until| *until > now);
    }
    variants.contains_key(&variant) || variants.len() < most
}

#[cfg(all(test, unix))]
mod tests;
