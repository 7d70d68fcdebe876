//! Reading the headers of a request. Anything ambiguous is refused.

use super::reply::Refusal;
use crate::auth::KeyKind;
use cachekit_io::wire::header as name;
use cachekit_io::wire::limits::{MAX_TTL_SECONDS, parse_seconds};
use http::header::{AUTHORIZATION, CONTENT_ENCODING};
use http::{HeaderMap, StatusCode};

/// The value of a header that may appear once; `Err` if it appears twice.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, ()> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    if lines.next().is_some() { Err(()) } else { Ok(first.map(http::HeaderValue::as_bytes)) }
}

/// The API key that a request presents.
pub(super) fn api_key(headers: &HeaderMap) -> Option<&str> {
    let line = single(headers, AUTHORIZATION.as_str()).ok()??;
    let (scheme, key) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("Bearer") && !key.is_empty()).then_some(key)
}

/// SDK keys must report what the client's own cache did.
pub(super) fn check_l1_status(headers: &HeaderMap, kind: KeyKind) -> Result<(), Refusal> {
    if kind != KeyKind::Sdk {
        return Ok(());
    }
    match single(headers, name::L1_STATUS) {
        Ok(Some(b"hit" | b"miss" | b"disabled")) => Ok(()),
        _ => Err(Refusal::bad_request(
            "X-CacheKit-L1-Status is required with this API key: hit, miss or disabled",
        )),
    }
}

/// The lifetime that a `PUT` asks for: seconds fresh and seconds stale; `None` means no expiry.
///
/// `X-TTL` is the older name, accepted until version 2.0 of the protocol. It counts only if
/// `X-CacheKit-TTL` is missing.
pub(super) fn lifetime(headers: &HeaderMap) -> Result<Option<(u64, u64)>, Refusal> {
    const TTL: Refusal = Refusal::bad_request("X-CacheKit-TTL is one number from 1 to 2592000");
    const LEGACY: Refusal = Refusal::bad_request("X-TTL is one number from 1 to 2592000");
    const STALE: Refusal = Refusal::bad_request(
        "X-CacheKit-Stale-TTL is one number from 1 to 2591999, beside X-CacheKit-TTL",
    );
    let (ttl, wrong) = match single(headers, name::TTL).map_err(|()| TTL)? {
        Some(ttl) => (Some(ttl), TTL),
        None => (single(headers, name::LEGACY_TTL).map_err(|()| LEGACY)?, LEGACY),
    };
    let stale = single(headers, name::STALE_TTL).map_err(|()| STALE)?;
    let Some(ttl) = ttl else {
        return if stale.is_some() { Err(STALE) } else { Ok(None) };
    };
    let ttl = parse_seconds(ttl).ok_or(wrong)?;
    let stale = match stale {
        Some(stale) => parse_seconds(stale).ok_or(STALE)?,
        None => 0,
    };
    check_sum(ttl, stale)?;
    Ok(Some((ttl, stale)))
}

/// A TTL and its stale window share one limit.
pub(super) const TOO_LONG: Refusal = Refusal::bad_request(
    "the time to live and the stale window together are at most 2592000 seconds",
);

fn check_sum(ttl: u64, stale: u64) -> Result<(), Refusal> {
    if ttl.saturating_add(stale) > MAX_TTL_SECONDS {
        return Err(TOO_LONG);
    }
    Ok(())
}

/// The lock that an unlock names in its header; an empty id counts as no lock.
pub(super) fn released_lock(headers: &HeaderMap) -> Result<Option<&[u8]>, Refusal> {
    let id = single(headers, name::LOCK_ID).map_err(|()| LOCK_ID)?;
    Ok(id.map(<[u8]>::trim_ascii).filter(|id| !id.is_empty()))
}

/// The lock that an unlock names in its query, as older clients do; to be accepted until
/// version 2.0 of the protocol. An empty id counts as no lock; any other parameter is refused, and so is a second id.
pub(super) fn legacy_lock(query: &str) -> Result<Option<Vec<u8>>, Refusal> {
    const WRONG: Refusal = Refusal::bad_request("the only query parameter of an unlock is lock_id");
    let id = query.strip_prefix("lock_id=").filter(|id| !id.contains('&')).ok_or(WRONG)?;
    let id = unescaped(id).ok_or(WRONG)?;
    Ok(Some(id.trim_ascii().to_vec()).filter(|id| !id.is_empty()))
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let digits = piece.get(..2).filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    Some(bytes)
}

const LOCK_ID: Refusal =
    Refusal::bad_request("X-CacheKit-Lock-Id is one id that a lock was answered with");

/// The lock under which a value was computed.
pub(super) fn lock_id(headers: &HeaderMap) -> Result<Option<&[u8]>, Refusal> {
    match single(headers, name::LOCK_ID) {
        Ok(Some(b"")) | Err(()) => Err(LOCK_ID),
        Ok(id) => Ok(id),
    }
}

/// Bodies are stored unchanged, and sent without an encoding, so a content encoding is not accepted.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let encoded = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        let reason = "encoded bodies are not accepted";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    Ok(())
}
