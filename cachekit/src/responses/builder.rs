//! The options of a layer.

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::request::Parts;

use super::engine::Engine;
use super::layer::{CacheResponses, Inner, Memory};
use super::request::{Authority, Naming};
use super::stats::Counters;
use super::storable::Limits;
use crate::cached_function::{Given, POLICY, Tier, TtlPolicy};

/// Options of [`CacheResponses`].
///
/// # Example
///
/// ```
/// use cachekit::responses::{Authority, CacheResponses};
/// use std::time::Duration;
///
/// let cache = CacheResponses::builder("shop")
///     .capacity(256 << 20)
///     .max_body(4 << 20)
///     .authority(Authority::OneOf(vec!["shop.example".to_owned()]))
///     .default_ttl(Duration::from_secs(10))
///     .build();
/// assert_eq!(cache.stats().entries, 0);
/// ```
#[must_use = "nothing is built before `build()`"]
pub struct Builder {
    name: &'static str,
    place: &'static Location<'static>,
    namespace: Option<&'static str>,
    tier: Tier,
    capacity: u64,
    max_body: u64,
    max_variants: usize,
    limits: Limits,
    makes_etags: bool,
    cache_status: bool,
    naming: Naming,
}

impl Builder {
    pub(super) fn new(name: &'static str, place: &'static Location<'static>) -> Self {
        Self {
            name,
            place,
            namespace: None,
            tier: Tier::Shared,
            capacity: 64 << 20,
            max_body: 1 << 20,
            max_variants: 32,
            limits: Limits {
                default_ttl: None,
                max_ttl: Duration::from_secs(24 * 3600),
                max_stale: Duration::from_secs(3600),
            },
            makes_etags: true,
            cache_status: true,
            naming: Naming {
                authority: Authority::OfRequest,
                partition: None,
                target: None,
                backend: None,
                ignores_cookies: false,
                obeys_requests: false,
            },
        }
    }

    /// The namespace of the entries in a shared tier, as for functions.
    pub fn namespace(mut self, namespace: &'static str) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// How many bytes the cache holds in this process at most, headers and keys included; 64 MiB by default. 0 switches it
    /// off.
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// The longest body that is stored, in bytes; 1 MiB by default. Of a longer one no more than this is held in memory, and it
    /// passes as it comes.
    ///
    /// A body that may be stored is read to its end before its client gets the first byte.
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.max_body = bytes;
        self
    }

    /// How many variants of one target are stored at most, by what its responses `Vary` on; 32 by default. More are not
    /// stored until one of them expires. Each process counts its own.
    pub fn max_variants(mut self, variants: usize) -> Self {
        self.max_variants = variants;
        self
    }

    /// For how long responses are fresh that do not say so: RFC 9111 §4.2.2 calls that heuristic. Without it, which is the
    /// default, they are not stored.
    ///
    /// It applies to statuses that are cacheable by default, and to responses with `public`; what RFC 9111 §3 forbids to store
    /// is not stored by it either.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.limits.default_ttl = Some(ttl);
        self
    }

    /// For how long responses are served at most, whatever they say; 24 hours by default.
    pub fn max_ttl(mut self, ttl: Duration) -> Self {
        self.limits.max_ttl = ttl;
        self
    }

    /// How much of `stale-while-revalidate` (RFC 5861 §3) is done at most; an hour by default. With zero no stale response is
    /// served.
    pub fn max_stale(mut self, window: Duration) -> Self {
        self.limits.max_stale = window;
        self
    }

    /// Whether stored responses get an `ETag` that have none: a strong one, of a hash of their content. On by default.
    pub fn etags(mut self, make: bool) -> Self {
        self.makes_etags = make;
        self
    }

    /// Whether responses get `Cache-Status` (RFC 9211), which says whether they were answered from the cache, and why not. On
    /// by default.
    pub fn cache_status(mut self, say: bool) -> Self {
        self.cache_status = say;
        self
    }

    /// Whether what requests say in `Cache-Control` counts: `no-cache`, `max-age`, `min-fresh`, `only-if-cached` (RFC 9111
    /// §5.2.1). Off by default, so that no client can make the handler work. `no-store` counts in any case; `max-stale` in
    /// none.
    pub fn obey_requests(mut self, obey: bool) -> Self {
        self.naming.obeys_requests = obey;
        self
    }

    /// Which host a stored response belongs to. By default each host that requests name has entries of its own, so that what a
    /// forged `Host` leads to is served to no other client. A request whose URI and `Host` differ is not cached.
    pub fn authority(mut self, authority: Authority) -> Self {
        self.naming.authority = match authority {
            Authority::OneOf(hosts) => {
                let lower = |host: String| host.to_ascii_lowercase();
                Authority::OneOf(hosts.into_iter().map(lower).collect())
            }
            authority => authority,
        };
        self
    }

    /// Keeps entries apart by something else than their target: a tenant, a language. With `None` a request is not cached.
    ///
    /// It counts for changes as well: `PUT` invalidates in its own partition.
    ///
    /// # Example
    ///
    /// ```
    /// # use cachekit::responses::CacheResponses;
    /// let cache = CacheResponses::builder("shop")
    ///     .partition(|request| {
    ///         let tenant = request.headers.get("x-tenant")?;
    ///         tenant.to_str().ok().map(str::to_owned)
    ///     })
    ///     .build();
    /// # drop(cache);
    /// ```
    pub fn partition(
        mut self,
        partition: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.naming.partition = Some(Arc::new(partition));
        self
    }

    /// The URI by which a request is known. By default that is its own, as the layer sees it.
    ///
    /// **A router may have changed that.** In axum, a layer of a router that is nested in another one sees the rest of the
    /// path alone: `/a/x` and `/b/x` look alike to it. Put the layer around the outermost router, or give back what the
    /// client asked for:
    ///
    /// ```
    /// # use cachekit::responses::CacheResponses;
    /// use axum::extract::OriginalUri;
    ///
    /// let cache = CacheResponses::builder("nested")
    ///     .target(|request| match request.extensions.get::<OriginalUri>() {
    ///         Some(OriginalUri(uri)) => uri.clone(),
    ///         None => request.uri.clone(),
    ///     })
    ///     .build();
    /// # drop(cache);
    /// ```
    pub fn target(mut self, target: impl Fn(&Parts) -> Uri + Send + Sync + 'static) -> Self {
        self.naming.target = Some(Arc::new(target));
        self
    }

    /// Cookies in requests do not matter to the handler, or it says so with `Vary` and `private`.
    ///
    /// By default a request with a cookie is treated as RFC 9111 §3.5 treats one with `Authorization`: its response is stored,
    /// and a stored one is given to it, only with `public` or `s-maxage`, or `Vary: Cookie`. RFC 9111 itself does not look at
    /// cookies.
    pub fn ignore_cookies(mut self, ignore: bool) -> Self {
        self.naming.ignores_cookies = ignore;
        self
    }

    /// Responses stay in this process, whatever backend there is.
    pub fn in_process(mut self) -> Self {
        self.tier = Tier::Local;
        self
    }

    /// Responses go to this backend, instead of the one that the process has.
    #[cfg(feature = "shared")]
    pub fn backend(mut self, backend: &impl crate::IntoBackend) -> Self {
        self.naming.backend = Some(backend.to_backend());
        self
    }

    /// The layer. Built inside of a [test scope](crate::testing), it stays in it: with that scope's clock and backend, wherever
    /// it is called.
    pub fn build(self) -> CacheResponses {
        let policy = POLICY
            .with_ttl(TtlPolicy::Dynamic)
            .with_capacity(Some(self.capacity))
            .with_weighted(true)
            .with_conditional(true)
            .with_namespace(self.namespace)
            .with_is_async(true)
            .with_own_backend(self.naming.backend.is_some())
            .with_stale(Some(self.limits.max_stale));
        let function = Given {
            name: self.name,
            module: "cachekit::responses",
            // With a blank: no path of a compiler's has one there.
            path: format!("responses {}", self.name),
            place: self.place,
            tier: self.tier,
            policy,
        };
        CacheResponses::of(Inner {
            engine: Engine::new(function, self.capacity),
            naming: self.naming,
            limits: self.limits,
            max_body: self.max_body,
            max_variants: self.max_variants,
            makes_etags: self.makes_etags,
            cache_status: self.cache_status,
            counters: Counters::default(),
            memory: Memory::new(),
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("capacity", &self.capacity)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}

// As for all types of ours: nothing that panics runs under a lock.
impl UnwindSafe for Builder {}
impl RefUnwindSafe for Builder {}
