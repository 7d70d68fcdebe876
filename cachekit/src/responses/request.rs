//! What a request asks of the cache: its method, its target, and its caching directives.

use std::sync::Arc;

use cachekit_io::Backend;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, IF_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};

use super::cache_control::OfRequest;
use super::key::Key;
use super::storable::Credentials;
use super::target::{self, Named, Resource};

/// The longest target that is stored; a longer one is data rather than a page.
const MAX_TARGET: usize = 8 << 10;

/// Which host a stored response belongs to: see [`Builder::authority`](super::Builder::authority).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authority {
    /// The host that the request names, in `:authority` or `Host`, in lower case.
    #[default]
    OfRequest,
    /// The host that the request names, if it is one of these. Requests for others are not cached.
    OneOf(Vec<String>),
    /// All hosts have the same pages. Only for handlers that do not look at the host: what such a handler makes of a forged
    /// `Host` would be given to all clients.
    Ignored,
}

/// Names the partition of a request; `None`: it is not cached.
pub(super) type Partition = Arc<dyn Fn(&Parts) -> Option<String> + Send + Sync>;
/// The URI that a request had before routers changed it.
pub(super) type Target = Arc<dyn Fn(&Parts) -> Uri + Send + Sync>;

/// How requests are distinguished.
pub(super) struct Naming {
    pub(super) authority: Authority,
    pub(super) partition: Option<Partition>,
    pub(super) target: Option<Target>,
    pub(super) backend: Option<Arc<dyn Backend>>,
    pub(super) ignores_cookies: bool,
    /// Whether the `Cache-Control` of requests is obeyed.
    pub(super) obeys_requests: bool,
}

/// What to do with a request.
pub(super) enum Ask {
    /// The cache is not involved. The reason is for `Cache-Status`.
    Pass(&'static str),
    /// It may change what is stored under these keys (RFC 9111 §4.4).
    Change(Vec<Key>),
    Look(Look),
}

/// A request that a stored response may answer.
#[derive(Clone)]
pub(super) struct Look {
    pub(super) key: Key,
    pub(super) is_head: bool,
    pub(super) credentials: Credentials,
    pub(super) said: OfRequest,
}

impl Look {
    /// Whether its answer may be stored. The answer to `HEAD` has no body; `no-store` is a MUST NOT (RFC 9111
    /// §5.2.1.5).
    pub(super) fn may_fill(&self) -> bool {
        !self.is_head && !self.said.no_store && !self.said.only_if_cached
    }
}

impl Naming {
    pub(super) fn ask(&self, parts: &Parts, has_content: bool) -> Ask {
        match parts.method {
            Method::GET | Method::HEAD => {}
            // Safe, and not cacheable here (RFC 9110 §9.3.7, §9.3.8); `CONNECT` has no target of this kind.
            Method::OPTIONS | Method::TRACE | Method::CONNECT => return Ask::Pass("method"),
            // The rest is unsafe, or might be.
            _ => return Ask::Change(self.keys_to_change(parts)),
        }
        let headers = &parts.headers;
        // Partial responses are not stored. `If-Match` and similar are for the origin (RFC 9111 §4.3.2).
        let for_the_handler = [RANGE, IF_RANGE, IF_MATCH, IF_UNMODIFIED_SINCE, UPGRADE];
        if for_the_handler.iter().any(|name| headers.contains_key(name)) {
            return Ask::Pass("conditions");
        }
        // A handler may use the content for its answer, and it is not part of the key.
        if has_content || says_content(headers) {
            return Ask::Pass("content");
        }
        if !matches!(parts.uri.path().as_bytes(), [] | [b'/', ..]) {
            return Ask::Pass("target");
        }
        let Some(host) = self.host(parts) else { return Ask::Pass("authority") };
        let partition = match &self.partition {
            None => None,
            Some(name) => match name(parts) {
                Some(name) => Some(name.into_boxed_str()),
                None => return Ask::Pass("partition"),
            },
        };
        let uri = self.uri_of(parts);
        let scheme = uri.scheme_str().or(parts.uri.scheme_str());
        if !matches!(scheme, None | Some("http" | "https")) {
            return Ask::Pass("target");
        }
        // A change under another spelling would not be recognized as a change of this target.
        if !Resource::of(&uri).is_normal() {
            return Ask::Pass("spelling");
        }
        let target = target::spelled(scheme, &host, Resource::of(&uri));
        if target.len() > MAX_TARGET {
            return Ask::Pass("length");
        }
        let said = OfRequest::read(headers);
        let said = if self.obeys_requests {
            said
        } else {
            OfRequest { no_store: said.no_store, ..OfRequest::default() }
        };
        Ask::Look(Look {
            key: Key::new(partition, target, self.backend.clone()),
            is_head: parts.method == Method::HEAD,
            credentials: Credentials {
                authorization: headers.contains_key(AUTHORIZATION),
                cookie: !self.ignores_cookies && headers.contains_key(COOKIE),
            },
            said,
        })
    }

    /// The authority of a request; `None` if it is ambiguous, or not one of ours.
    fn host(&self, parts: &Parts) -> Option<String> {
        let mut named = hosts(parts);
        let (host, other) = (named.next().unwrap_or_default(), named.next());
        // A handler may look at either of them.
        let is_one = other.is_none_or(|other| other == host) && named.next().is_none();
        // It contains no character that begins a path, so no two targets have the same spelling.
        let is_legal = |c: char| c.is_ascii_graphic() && !"/?#@\\".contains(c);
        let is_clear = is_one && host.chars().all(is_legal);
        match &self.authority {
            Authority::Ignored => Some(String::new()),
            _ if !is_clear => None,
            Authority::OfRequest => Some(host),
            Authority::OneOf(hosts) => hosts.contains(&host).then_some(host),
        }
    }

    /// The header fields of a request. If the host is not part of the key, a handler may say `Vary: Host` and read the
    /// `:authority` of HTTP/2, which is the host too (RFC 9110 §7.2).
    pub(super) fn asked(&self, parts: &Parts) -> HeaderMap {
        let mut asked = parts.headers.clone();
        if self.authority == Authority::Ignored
            && let Some(authority) = parts.uri.authority()
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            asked.append(HOST, host);
        }
        asked
    }

    /// The URI that identifies a request.
    pub(super) fn uri_of(&self, parts: &Parts) -> Uri {
        self.target.as_ref().map_or_else(|| parts.uri.clone(), |target| target(parts))
    }

    /// What a request may change; if its authority is ambiguous, everything that it may mean.
    fn keys_to_change(&self, parts: &Parts) -> Vec<Key> {
        let partition = match &self.partition {
            None => None,
            Some(name) => match name(parts) {
                Some(name) => Some(name),
                None => return Vec::new(),
            },
        };
        let uri = self.uri_of(parts);
        let scheme = uri.scheme_str().or(parts.uri.scheme_str());
        let own = self.host(parts).map(|host| target::spelled(scheme, &host, Resource::of(&uri)));
        let hosts = self.hosts_to_change(parts);
        self.keys_at(partition.as_deref(), &hosts, Resource::of(&uri), own.as_deref())
    }

    /// The hosts at which a request may change something. If a request names several hosts, the handler takes one of
    /// them for the host: the authority, or the first or the last `Host` line. Only these are invalidated, because a
    /// `GET` that names two hosts is never stored, and otherwise a client could cause as many removals as it can send
    /// lines.
    pub(super) fn hosts_to_change(&self, parts: &Parts) -> Vec<String> {
        let mut lines = lines_of_host(parts);
        let (first, last) = (lines.next(), lines.last());
        let named: Vec<String> = authority_of(parts).into_iter().chain(first).chain(last).collect();
        let mut hosts = if named.is_empty() { vec![String::new()] } else { named };
        if let Authority::OneOf(ours) = &self.authority {
            hosts.retain(|host| ours.iter().any(|own| is_same_host(own, host)));
        }
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// All keys under which this may be stored at these hosts. The first one is that of the spelling which comes first.
    fn keys_at(
        &self,
        partition: Option<&str>,
        hosts: &[String],
        resource: Resource<'_>,
        first: Option<&str>,
    ) -> Vec<Key> {
        let none = [String::new()];
        let hosts = match self.authority {
            Authority::Ignored => &none[..],
            _ => hosts,
        };
        let hosts = hosts.iter().map(|host| target::without_user(host));
        let mut targets: Vec<_> =
            hosts.flat_map(|host| target::all_spellings(host, resource)).collect();
        targets.sort_unstable();
        targets.dedup();
        if let Some(at) = targets.iter().position(|target| Some(&**target) == first) {
            targets[..=at].rotate_right(1);
        }
        let key = |target| Key::new(partition.map(Into::into), target, self.backend.clone());
        targets.into_iter().map(key).collect()
    }

    /// The keys of a URI that the program names, in a partition. `None`: it names no host, and the host is needed.
    pub(super) fn keys_of(&self, partition: Option<&str>, uri: &Uri) -> Option<Vec<Key>> {
        let hosts = match (&self.authority, uri.authority()) {
            (Authority::Ignored, _) => Vec::new(),
            (_, Some(authority)) => vec![authority.as_str().to_ascii_lowercase()],
            (Authority::OneOf(hosts), None) => hosts.clone(),
            (Authority::OfRequest, None) => return None,
        };
        Some(self.keys_at(partition, &hosts, Resource::of(uri), None))
    }

    /// The keys of the targets that the answer to a change names, if they are at the same host (RFC 9111 §4.4).
    pub(super) fn keys_named(&self, changed: &[Key], own: &[String], named: &Named) -> Vec<Key> {
        if named.host.as_ref().is_some_and(|host| !own.iter().any(|own| is_same_host(own, host))) {
            return Vec::new();
        }
        self.keys_at(changed.first().and_then(Key::partition), own, named.resource(), None)
    }
}

/// All hosts that a request names.
fn hosts(parts: &Parts) -> impl Iterator<Item = String> {
    authority_of(parts).into_iter().chain(lines_of_host(parts))
}

fn authority_of(parts: &Parts) -> Option<String> {
    parts.uri.authority().map(|authority| authority.as_str().to_ascii_lowercase())
}

fn lines_of_host(parts: &Parts) -> impl Iterator<Item = String> {
    let lines = parts.headers.get_all(HOST).iter();
    lines.map(|host| String::from_utf8_lossy(host.as_bytes()).trim().to_ascii_lowercase())
}

/// Whether two authorities name one host, whatever the scheme.
fn is_same_host(one: &str, other: &str) -> bool {
    let bare = |host| target::without_default_port(target::without_user(host));
    bare(one) == bare(other)
}

fn says_content(headers: &HeaderMap) -> bool {
    let is_empty = |value: &HeaderValue| value.as_bytes().trim_ascii() == b"0";
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).iter().any(|value| !is_empty(value))
}
