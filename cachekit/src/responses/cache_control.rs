//! `Cache-Control`, as responses and requests have it (RFC 9111 §5.2).

use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};

/// It is not what the grammar says. RFC 9111 §4.2.1 encourages caches to consider such responses stale; here they are not
/// stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Delta-seconds beyond this are this (RFC 9111 §1.2.2).
const MOST_SECONDS: u64 = 1 << 31;

/// What a response says (RFC 9111 §5.2.2, RFC 5861).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // A list of what was written.
pub(super) struct OfResponse {
    pub(super) no_store: bool,
    /// Also with field names, which is less than that: taken for the whole.
    pub(super) no_cache: bool,
    /// Likewise.
    pub(super) private: bool,
    pub(super) public: bool,
    pub(super) must_revalidate: bool,
    pub(super) proxy_revalidate: bool,
    pub(super) must_understand: bool,
    pub(super) max_age: Option<u64>,
    pub(super) s_maxage: Option<u64>,
    pub(super) stale_while_revalidate: Option<u64>,
    pub(super) stale_if_error: Option<u64>,
}

impl OfResponse {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Malformed> {
        let mut said = Self::default();
        for (name, value) in directives(headers)? {
            let value = value.as_deref();
            match name.as_str() {
                "no-store" => said.no_store = true,
                "no-cache" => said.no_cache = true,
                "private" => said.private = true,
                "public" => said.public = true,
                "must-revalidate" => said.must_revalidate = true,
                "proxy-revalidate" => said.proxy_revalidate = true,
                "must-understand" => said.must_understand = true,
                "max-age" => once(&mut said.max_age, seconds(value)?)?,
                "s-maxage" => once(&mut said.s_maxage, seconds(value)?)?,
                "stale-while-revalidate" => {
                    once(&mut said.stale_while_revalidate, seconds(value)?)?;
                }
                "stale-if-error" => once(&mut said.stale_if_error, seconds(value)?)?,
                // RFC 9111 §5.2.3: what is not known is ignored.
                _ => {}
            }
        }
        // RFC 9111 §5.4: for caches of old, where nothing else is said.
        if !headers.contains_key(CACHE_CONTROL) && says_no_cache(headers) {
            said.no_cache = true;
        }
        Ok(said)
    }
}

/// What a request says (RFC 9111 §5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OfRequest {
    pub(super) no_store: bool,
    pub(super) no_cache: bool,
    pub(super) only_if_cached: bool,
    pub(super) max_age: Option<u64>,
    pub(super) min_fresh: Option<u64>,
}

impl OfRequest {
    /// What is malformed asks for as much as it could.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        if !headers.contains_key(CACHE_CONTROL) {
            return Self { no_cache: says_no_cache(headers), ..Self::default() };
        }
        let malformed = Self { no_store: true, no_cache: true, ..Self::default() };
        Self::read_strictly(headers).unwrap_or(malformed)
    }

    fn read_strictly(headers: &HeaderMap) -> Result<Self, Malformed> {
        let mut said = Self::default();
        for (name, value) in directives(headers)? {
            let value = value.as_deref();
            match name.as_str() {
                "no-store" => said.no_store = true,
                "no-cache" => said.no_cache = true,
                "only-if-cached" => said.only_if_cached = true,
                "max-age" => once(&mut said.max_age, seconds(value)?)?,
                "min-fresh" => once(&mut said.min_fresh, seconds(value)?)?,
                // `max-stale` permits, and is not made use of.
                _ => {}
            }
        }
        Ok(said)
    }
}

fn says_no_cache(headers: &HeaderMap) -> bool {
    let says = |value: &http::HeaderValue| {
        value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("no-cache"))
    };
    headers.get_all(PRAGMA).iter().any(says)
}

/// RFC 9111 §4.2.1: one that is there twice makes the response stale, unless both say the same.
fn once(place: &mut Option<u64>, value: u64) -> Result<(), Malformed> {
    match place.replace(value) {
        Some(before) if before != value => Err(Malformed),
        _ => Ok(()),
    }
}

/// RFC 9111 §1.2.2. As a token or, which recipients should take as well (§5.2), as a quoted string.
pub(super) fn seconds(value: Option<&str>) -> Result<u64, Malformed> {
    let digits = value.filter(|text| !text.is_empty()).ok_or(Malformed)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed);
    }
    Ok(digits.parse().unwrap_or(MOST_SECONDS).min(MOST_SECONDS))
}

type Directive = (String, Option<String>);

/// The directives of all lines: names in lower case, values without their quotes.
fn directives(headers: &HeaderMap) -> Result<Vec<Directive>, Malformed> {
    let mut all = Vec::new();
    for line in headers.get_all(CACHE_CONTROL) {
        let mut rest = line.to_str().map_err(|_| Malformed)?;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let (directive, after) = directive(rest)?;
            all.push(directive);
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(Malformed);
            }
        }
    }
    Ok(all)
}

/// `token [ "=" ( token / quoted-string ) ]`, and what follows it.
fn directive(text: &str) -> Result<(Directive, &str), Malformed> {
    let (name, rest) = token(text)?;
    let name = name.to_ascii_lowercase();
    let Some(rest) = rest.strip_prefix('=') else { return Ok(((name, None), rest)) };
    if let Some(rest) = rest.strip_prefix('"') {
        let (value, rest) = quoted(rest)?;
        return Ok(((name, Some(value)), rest));
    }
    let (value, rest) = token(rest)?;
    Ok(((name, Some(value.to_owned())), rest))
}

fn token(text: &str) -> Result<(&str, &str), Malformed> {
    let end = text.find(|c: char| !is_token(c)).unwrap_or(text.len());
    if end == 0 { Err(Malformed) } else { Ok(text.split_at(end)) }
}

/// RFC 9110 §5.6.2.
pub(super) fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// What stands behind the first quote of a quoted string (RFC 9110 §5.6.4).
fn quoted(text: &str) -> Result<(String, &str), Malformed> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => value.push(characters.next().ok_or(Malformed)?.1),
            c => value.push(c),
        }
    }
    Err(Malformed)
}
