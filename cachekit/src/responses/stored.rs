//! A stored response, and what stands in its place where responses vary.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{self, AGE, CONNECTION, CONTENT_LENGTH, DATE, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::storable::{Audience, Storable};
use super::vary::Rule;
use crate::clock::{self, Ticks};

/// What is stored under a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Entry {
    Response(Arc<Stored>),
    /// The responses of this target vary: they are stored beside it.
    Rule(Arc<Rule>),
    /// The handler failed, and this may be served instead (RFC 5861 §4). Only for those who wait for its run: never stored.
    #[serde(skip)]
    StoodIn(Arc<Stored>),
}

/// A rule says nothing of a response, so it may outlive those that it leads to. It is made again once in a while, so that
/// fields that are no longer varied on are forgotten.
const RULE_LIVES: Duration = Duration::from_secs(3600);

/// What an entry is worth beside its bytes.
const BASE_WEIGHT: usize = 256;

impl Entry {
    /// For how long it is served from now on.
    pub(super) fn fresh_for(&self, now: Ticks) -> Duration {
        match self {
            Self::Response(stored) => stored.fresh_left(now),
            Self::Rule(_) => RULE_LIVES,
            Self::StoodIn(_) => Duration::ZERO,
        }
    }

    /// For how long after that it is of use.
    pub(super) fn stale_for(&self) -> Duration {
        match self {
            Self::Response(stored) => {
                Duration::from_millis(stored.wire.stale_ms.max(stored.wire.error_ms))
            }
            Self::Rule(_) | Self::StoodIn(_) => Duration::ZERO,
        }
    }

    /// Bytes that it takes.
    pub(super) fn weight(&self) -> usize {
        BASE_WEIGHT
            + match self {
                Self::Response(stored) | Self::StoodIn(stored) => {
                    let headers = stored.headers.iter();
                    let headers: usize =
                        headers.map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
                    headers + stored.body().len()
                }
                Self::Rule(rule) => rule.fields.iter().map(|field| field.len()).sum(),
            }
    }
}

/// A stored response. Without what belongs to one connection, and without its age.
pub(super) struct Stored {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    wire: Wire,
    /// How old it was when this process had it.
    age_before: Duration,
    /// When that was, by the store's clock. Unknown until it is first used, if it came from another process.
    since: OnceLock<Ticks>,
}

/// The rest of it; and all of it, as it is stored outside of the process.
#[derive(Clone, Serialize, Deserialize)]
struct Wire {
    status: u16,
    headers: Vec<(String, Raw)>,
    body: Raw,
    /// When it was stored, in milliseconds since 1970.
    created_ms: u64,
    /// How old it was then.
    age_ms: u64,
    fresh_ms: u64,
    stale_ms: u64,
    error_ms: u64,
    authorized: bool,
    with_cookie: bool,
}

/// RFC 9110 §7.6.1 and RFC 9111 §3.1: what belongs to a connection, besides what `Connection` names.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Takes out what is not stored.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP).chain([&header::TRAILER, &AGE]) {
        headers.remove(name);
    }
}

/// The same fields in memory of their own: a value may be a piece of a much larger buffer, as of a whole head.
fn copied(headers: &HeaderMap) -> HeaderMap {
    let mut all = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in headers {
        if let Ok(mut copy) = HeaderValue::from_bytes(value.as_bytes()) {
            copy.set_sensitive(value.is_sensitive());
            all.append(name.clone(), copy);
        }
    }
    all
}

impl Stored {
    /// `now` is the time of the store's clock, from which on it is as fresh and as old as that; `wall` is when it came.
    pub(super) fn new(
        (status, headers, body): (StatusCode, HeaderMap, Bytes),
        storable: &Storable,
        makes_etag: bool,
        (now, wall): (Ticks, SystemTime),
    ) -> Arc<Self> {
        let mut headers = copied(&headers);
        strip(&mut headers);
        // RFC 9110 §6.6.1: a recipient with a clock records when a response without a date came.
        if !headers.contains_key(DATE)
            && let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(wall))
        {
            headers.insert(DATE, date);
        }
        if has_content(status) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        } else {
            headers.remove(CONTENT_LENGTH);
        }
        if makes_etag && status == StatusCode::OK && !headers.contains_key(ETAG) {
            headers.insert(ETAG, etag(&headers, &body));
        }
        let Storable { fresh_for, stale_for, error_for, age, audience, vary: _ } = storable;
        let created = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let wire = Wire {
            status: status.as_u16(),
            headers: Vec::new(),
            body: Raw(body),
            created_ms: millis(created),
            age_ms: millis(*age),
            fresh_ms: millis(*fresh_for).max(1),
            stale_ms: millis(*stale_for),
            error_ms: millis(*error_for),
            authorized: audience.authorized,
            with_cookie: audience.with_cookie,
        };
        let since = OnceLock::from(now);
        Arc::new(Self { status, headers, wire, age_before: *age, since })
    }

    pub(super) fn body(&self) -> &Bytes {
        &self.wire.body.0
    }

    pub(super) fn audience(&self) -> Audience {
        Audience { authorized: self.wire.authorized, with_cookie: self.wire.with_cookie }
    }

    /// The current age of RFC 9111 §4.2.3.
    pub(super) fn age(&self, now: Ticks) -> Duration {
        let since = *self.since.get_or_init(|| now);
        self.age_before.saturating_add(clock::duration(now.saturating_sub(since)))
    }

    /// For how long it is still fresh.
    pub(super) fn fresh_left(&self, now: Ticks) -> Duration {
        self.left(0, now)
    }

    /// Whether it may be served as it is: it is fresh, or may be stale while the handler runs again (RFC 5861 §3).
    pub(super) fn may_be_served(&self, now: Ticks) -> bool {
        !self.left(self.wire.stale_ms, now).is_zero()
    }

    /// Whether it may be served because the handler failed (RFC 5861 §4).
    pub(super) fn stands_in(&self, now: Ticks) -> bool {
        !self.left(self.wire.error_ms, now).is_zero()
    }

    /// How much is left of its freshness and of so much more.
    fn left(&self, more_ms: u64, now: Ticks) -> Duration {
        let Wire { fresh_ms, age_ms, .. } = self.wire;
        let ends = fresh_ms.saturating_add(age_ms).saturating_add(more_ms);
        Duration::from_millis(ends).saturating_sub(self.age(now))
    }

    /// Whether this is the same one, read from elsewhere.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let of = |wire: &Wire| (wire.created_ms, wire.status, wire.age_ms, wire.fresh_ms);
        of(&self.wire) == of(&other.wire)
            && self.headers == other.headers
            && self.body() == other.body()
    }

    /// Whether it was older when it was stored than its answer took.
    pub(super) fn came_aged(&self) -> bool {
        self.wire.age_ms >= 1000
    }
}

/// RFC 9110 §8.6: a `Content-Length` has no place in these.
fn has_content(status: StatusCode) -> bool {
    status != StatusCode::NO_CONTENT && !status.is_informational()
}

/// A strong validator (RFC 9110 §8.8.3): it changes with the bytes of the body and with what they mean.
fn etag(headers: &HeaderMap, body: &Bytes) -> HeaderValue {
    const DIGITS: usize = 32;
    let mut hash = blake2b_simd::Params::new().hash_length(DIGITS / 2).to_state();
    for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE] {
        for value in headers.get_all(name) {
            hash.update(&(value.len() as u64).to_be_bytes()).update(value.as_bytes());
        }
        hash.update(&u64::MAX.to_be_bytes());
    }
    let digits = hash.update(body).finalize().to_hex();
    // Digits in quotes are a value in any case.
    HeaderValue::from_str(&format!("\"{digits}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| {
            (name.as_str().to_owned(), Raw(Bytes::copy_from_slice(value.as_bytes())))
        });
        Wire { headers: headers.collect(), ..self.wire.clone() }.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut wire = Wire::deserialize(from)?;
        let status = StatusCode::from_u16(wire.status).map_err(D::Error::custom)?;
        let mut headers = HeaderMap::with_capacity(wire.headers.len());
        for (name, value) in std::mem::take(&mut wire.headers) {
            let name: HeaderName = name.parse().map_err(D::Error::custom)?;
            let value = HeaderValue::from_maybe_shared(value.0).map_err(D::Error::custom)?;
            headers.append(name, value);
        }
        // How long it lay there, by the world's clock: the only one that two processes share.
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let lay = millis(wall).saturating_sub(wire.created_ms);
        let age_before = Duration::from_millis(wire.age_ms.saturating_add(lay));
        Ok(Self { status, headers, wire, age_before, since: OnceLock::new() })
    }
}

/// Bytes, written as such.
#[derive(Clone)]
pub(super) struct Raw(Bytes);

/// The same, borrowed.
pub(super) struct RawRef<'a>(pub(super) &'a [u8]);

impl Serialize for RawRef<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self.0)
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        RawRef(&self.0).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Raw;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Raw, E> {
                Ok(Raw(Bytes::copy_from_slice(bytes)))
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Raw, E> {
                Ok(Raw(bytes.into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = items.next_element()? {
                    bytes.push(byte);
                }
                Ok(Raw(bytes.into()))
            }
        }
        from.deserialize_byte_buf(Visit)
    }
}
