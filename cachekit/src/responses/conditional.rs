//! Conditional requests, evaluated on a response: `If-None-Match` and `If-Modified-Since` (RFC 9110 §13, RFC 9111 §4.3.2).

use http::header::{CONTENT_LOCATION, DATE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};

use super::storable::{can_be_not_modified, date_of};

/// Removes the conditions that a cache evaluates, so that the handler produces a complete response: a 304 would have
/// no body to store.
pub(super) fn strip(headers: &mut HeaderMap) {
    headers.remove(IF_NONE_MATCH);
    headers.remove(IF_MODIFIED_SINCE);
}

/// Whether the client already has this response. `is_stored`: the client may have it from the cache, so its `Date`
/// counts.
pub(super) fn is_not_modified(
    asked: &HeaderMap,
    status: StatusCode,
    headers: &HeaderMap,
    is_stored: bool,
) -> bool {
    if !can_be_not_modified(status) {
        return false;
    }
    if asked.contains_key(IF_NONE_MATCH) {
        // RFC 9110 §13.1.3: then `If-Modified-Since` is ignored, whatever the result.
        return matches_any(asked, headers);
    }
    let Some(since) = date_of(asked, &IF_MODIFIED_SINCE) else { return false };
    // RFC 9111 §4.3.2: without `Last-Modified`, by the date of a stored response. The date of a new response says
    // nothing about the one that the client has.
    let modified = match headers.contains_key(LAST_MODIFIED) {
        true => LAST_MODIFIED,
        false if is_stored => DATE,
        false => return false,
    };
    date_of(headers, &modified).is_some_and(|modified| modified <= since)
}

/// RFC 9110 §13.1.2, with the weak comparison of §8.8.3.2. A malformed tag matches nothing.
fn matches_any(asked: &HeaderMap, headers: &HeaderMap) -> bool {
    let own = headers.get(ETAG).and_then(|tag| {
        let (tag, rest) = entity_tag(tag.as_bytes())?;
        rest.trim_ascii().is_empty().then_some(tag)
    });
    let lines: Vec<&[u8]> =
        asked.get_all(IF_NONE_MATCH).iter().map(|line| line.as_bytes().trim_ascii()).collect();
    if lines == [b"*"] {
        return true;
    }
    let mut found = false;
    for line in lines {
        let mut rest = line;
        loop {
            while let [b' ' | b'\t' | b',', after @ ..] = rest {
                rest = after;
            }
            if rest.is_empty() {
                break;
            }
            let Some((tag, after)) = entity_tag(rest) else { return false };
            found |= own == Some(tag);
            rest = after.trim_ascii_start();
            if !rest.is_empty() && rest[0] != b',' {
                return false;
            }
        }
    }
    found
}

/// The quoted part of an entity tag, and the rest after it. It may contain commas.
fn entity_tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"W/").unwrap_or(text).strip_prefix(b"\"")?;
    let end = text.iter().position(|byte| *byte == b'"')?;
    let opaque = &text[..end];
    // RFC 9110 §8.8.3: `etagc`.
    let is_legal = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..=0xff);
    opaque.iter().all(is_legal).then_some((opaque, &text[end + 1..]))
}

/// The headers of a 304 instead of a response (RFC 9110 §15.4.5): all that the 200 would have, except those that
/// describe its content. `Last-Modified` is useful if there is no `ETag`.
pub(super) fn keep_for_not_modified(headers: &mut HeaderMap) {
    if headers.contains_key(ETAG) {
        headers.remove(LAST_MODIFIED);
    }
    let describing: Vec<_> = headers
        .keys()
        .filter(|name| {
            let of_content = name.as_str().starts_with("content-");
            // Headers that protect the page belong on every answer.
            of_content
                && **name != CONTENT_LOCATION
                && !name.as_str().starts_with("content-security-")
        })
        .cloned()
        .collect();
    for name in describing {
        headers.remove(name);
    }
}
