//! How a target is spelled in a key, and which other spellings name the same target (RFC 3986 §5, §6.2).
//!
//! A handler sees what the client wrote, and may answer `/%61` differently from `/a`. So a target is stored as it is
//! written, and only if it is in normal form; a change invalidates all spellings that are stored.

use http::Uri;

/// The schemes of HTTP, and none, for a server that cannot see it.
const SCHEMES: [Option<&str>; 3] = [None, Some("http"), Some("https")];

/// What is requested at a host: the path and the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resource<'a> {
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
}

impl<'a> Resource<'a> {
    /// Without a fragment, which no request has.
    pub(super) fn of(uri: &'a Uri) -> Self {
        let path = match uri.path() {
            "" => "/",
            path => path,
        };
        Self { path, query: uri.query() }
    }

    fn text(self) -> String {
        match self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.to_owned(),
        }
    }

    /// The normal form of RFC 3986 §6.2.2.
    fn normal(self) -> String {
        let path = without_dots(&normal_escapes(self.path));
        let query = self.query.map(normal_escapes);
        Resource { path: &path, query: query.as_deref() }.text()
    }

    /// Whether it is in normal form, or would be except that all its escapes are in lower case.
    pub(super) fn is_normal(self) -> bool {
        let (text, normal) = (self.text(), self.normal());
        text == normal || text == lower_escapes(&normal)
    }
}

/// The spelling of a target in its key.
pub(super) fn spelled(scheme: Option<&str>, host: &str, resource: Resource<'_>) -> Box<str> {
    at(scheme, host, &resource.text())
}

/// No host contains a blank or a character that begins a path, so no two targets have the same spelling.
fn at(scheme: Option<&str>, host: &str, text: &str) -> Box<str> {
    let host = match scheme {
        Some("http") => host.strip_suffix(":80").unwrap_or(host),
        Some("https") => host.strip_suffix(":443").unwrap_or(host),
        _ => host,
    };
    match scheme {
        Some(scheme) => format!("{scheme} {host}{text}").into_boxed_str(),
        None => format!("{host}{text}").into_boxed_str(),
    }
}

/// All spellings under which this resource may be stored, at a host whose scheme does not matter.
pub(super) fn all_spellings(host: &str, resource: Resource<'_>) -> Vec<Box<str>> {
    let bare = without_default_port(host);
    let mut hosts = vec![host.to_owned()];
    if !bare.is_empty() && (bare != host || !has_port(bare)) {
        hosts.extend([bare.to_owned(), format!("{bare}:80"), format!("{bare}:443")]);
    }
    let upper = resource.normal();
    let lower = lower_escapes(&upper);
    let mut all = Vec::new();
    for scheme in SCHEMES {
        for host in &hosts {
            all.extend([at(scheme, host, &upper), at(scheme, host, &lower)]);
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// An authority without what may stand in front of the host (RFC 3986 §3.2.1): it names the same host.
pub(super) fn without_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// The host without the port that is one scheme's default.
pub(super) fn without_default_port(host: &str) -> &str {
    host.strip_suffix(":80").or_else(|| host.strip_suffix(":443")).unwrap_or(host)
}

/// The target of a reference: the host, if it names one, in lower case; the path, and the query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) host: Option<String>,
    path: String,
    query: Option<String>,
}

impl Named {
    pub(super) fn resource(&self) -> Resource<'_> {
        Resource { path: &self.path, query: self.query.as_deref() }
    }
}

/// A reference in the answer to a request for this (RFC 3986 §5.2). `None`: it is not an HTTP target.
pub(super) fn resolve(base: Resource<'_>, reference: &str) -> Option<Named> {
    let reference = reference.trim().split('#').next().unwrap_or_default();
    let (scheme, rest) = split_scheme(reference);
    if scheme
        .is_some_and(|of| !of.eq_ignore_ascii_case("http") && !of.eq_ignore_ascii_case("https"))
    {
        return None;
    }
    let (host, rest) = match rest.strip_prefix("//") {
        Some(rest) => {
            let (host, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (Some(host.to_ascii_lowercase()), rest)
        }
        None if scheme.is_some() => return None,
        None => (None, rest),
    };
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let (path, query) = match path {
        "" if host.is_some() => ("/".to_owned(), query),
        "" => (base.path.to_owned(), query.or(base.query)),
        path if path.starts_with('/') => (path.to_owned(), query),
        path => {
            let directory = base.path.rfind('/').map_or("/", |end| &base.path[..=end]);
            (format!("{directory}{path}"), query)
        }
    };
    Some(Named { host, path: without_dots(&path), query: query.map(str::to_owned) })
}

/// RFC 3986 §3.1: a letter, and what may follow it, in front of a colon.
fn split_scheme(text: &str) -> (Option<&str>, &str) {
    let is_scheme = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    match text.split_once(':') {
        Some((name, rest)) if is_scheme(name) => (Some(name), rest),
        _ => (None, text),
    }
}

/// RFC 3986 §5.2.4.
fn without_dots(path: &str) -> String {
    let Some(inside) = path.strip_prefix('/') else { return path.to_owned() };
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = inside.split('/').peekable();
    while let Some(segment) = segments.next() {
        if !matches!(segment, "." | "..") {
            kept.push(segment);
            continue;
        }
        if segment == ".." {
            kept.pop();
        }
        if segments.peek().is_none() {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

/// RFC 3986 §6.2.2.1, §6.2.2.2: nothing is escaped unnecessarily, and escapes are in upper case. Non-ASCII characters
/// are escaped.
fn normal_escapes(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let escape = |byte: u8| format!("%{byte:02X}");
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        match (first, rest) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let value = |digit: &u8| char::from(*digit).to_digit(16).unwrap_or_default();
                let byte = u8::try_from(value(high) * 16 + value(low)).unwrap_or_default();
                match char::from(byte) {
                    c if c.is_ascii_alphanumeric() || "-._~".contains(c) => normal.push(c),
                    _ => normal.push_str(&escape(byte)),
                }
                bytes = after;
            }
            (byte, _) if byte.is_ascii() => normal.push(char::from(*byte)),
            (byte, _) => normal.push_str(&escape(*byte)),
        }
    }
    normal
}

/// The same with its escapes in lower case.
fn lower_escapes(normal: &str) -> String {
    let mut parts = normal.split('%');
    let mut lower = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        lower.push('%');
        let end = part.char_indices().nth(2).map_or(part.len(), |(end, _)| end);
        let (digits, rest) = part.split_at(end);
        if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            lower.push_str(&digits.to_ascii_lowercase());
        } else {
            lower.push_str(digits);
        }
        lower.push_str(rest);
    }
    lower
}
