//! The layer, and operations on its cache.

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tower_layer::Layer;

use super::builder::Builder;
use super::engine::Engine;
use super::fill::{At, Mark};
use super::request::{Look, Naming};
use super::service::CachedResponses;
use super::stats::{Counters, ResponseStats, count};
use super::storable::{Limits, Why};
use crate::cache::Cache;
use crate::error::{Error, ErrorKind, Problem};
use crate::handle::Invalidated;

/// How long requests for a target pass after it returned nothing to store.
const MARK_LIVES: Duration = Duration::from_secs(60);
/// How long the layer remembers that a target varies on more than its latest response says.
const VARIED_LIVES: Duration = Duration::from_secs(24 * 3600);
/// How many targets are remembered for either.
const REMEMBERED: u64 = 10_000;

/// A [`tower_layer::Layer`] that answers requests from a cache of whole responses, by the rules of RFC 9111 for shared
/// caches.
///
/// Cheap to clone; all clones are one cache, and so are all services that they wrap. Keep a clone as the handle to
/// [`invalidate`](Self::invalidate) and to read [`stats`](Self::stats).
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use cachekit::responses::CacheResponses;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let cache = CacheResponses::new("docs");
/// let service = cache.layer(service_fn(|_: Request<Full<Bytes>>| async {
///     let response = Response::builder().header("cache-control", "max-age=60");
///     Ok::<_, std::io::Error>(response.body(Full::new(Bytes::from("made once"))).unwrap())
/// }));
/// for _ in 0..2 {
///     let request = Request::get("http://example.com/page").body(Full::default()).unwrap();
///     let response = service.clone().oneshot(request).await.unwrap();
///     assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "made once");
/// }
/// assert_eq!((cache.stats().misses, cache.stats().hits), (1, 1));
/// cache.invalidate("http://example.com/page").await.unwrap().ignore();
/// assert_eq!(cache.stats().entries, 0);
/// # });
/// ```
#[derive(Clone)]
pub struct CacheResponses {
    inner: Arc<Inner>,
}

/// What the services of one layer share.
pub(super) struct Inner {
    pub(super) engine: Engine,
    pub(super) naming: Naming,
    pub(super) limits: Limits,
    pub(super) max_body: u64,
    pub(super) max_variants: usize,
    pub(super) makes_etags: bool,
    pub(super) cache_status: bool,
    pub(super) counters: Counters,
    pub(super) memory: Memory,
}

/// What is remembered of targets. A mistake in it only costs a hit.
pub(super) struct Memory {
    /// Targets that returned nothing to store recently.
    marks: Cache<Mark, MarkedBy>,
    /// What targets varied on, by the hash of their keys, if they sometimes vary on more.
    varied: Cache<u64, Arc<[Box<str>]>>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            marks: Cache::builder().capacity(REMEMBERED).ttl(MARK_LIVES).build(),
            varied: Cache::builder().capacity(REMEMBERED).ttl(VARIED_LIVES).build(),
        }
    }
}

/// What kept a response from being stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkedBy {
    /// Something in its head.
    Headers,
    /// Something that is only found out when its body is read.
    Body,
}

impl Inner {
    /// Whether the target returned nothing to store recently, and nothing is stored here.
    pub(super) fn passes(&self, at: &At) -> Option<MarkedBy> {
        let by = self.memory.marks.get(&at.mark())?;
        (!self.engine.is_here(at.key())).then_some(by)
    }

    /// Lets requests pass for a while that would wait for one another for nothing.
    pub(super) fn mark(&self, at: &At, why: Why) {
        let by = match why {
            // The next one may be stored.
            Why::Failed | Why::VariesMore => return,
            Why::Body | Why::Variants => MarkedBy::Body,
            _ => MarkedBy::Headers,
        };
        self.memory.marks.insert(at.mark(), by);
    }

    pub(super) fn unmark(&self, at: &At) {
        self.memory.marks.invalidate(&at.mark());
    }

    pub(super) fn varied(&self, look: &Look) -> Arc<[Box<str>]> {
        self.memory.varied.get(&crate::key::hash_of(&look.key)).unwrap_or_default()
    }

    pub(super) fn forget_varied(&self, look: &Look) {
        self.memory.varied.invalidate(&crate::key::hash_of(&look.key));
    }

    pub(super) fn remember_varied(&self, look: &Look, fields: Vec<Box<str>>) {
        self.memory.varied.insert(crate::key::hash_of(&look.key), fields.into());
    }
}

opaque!([] "Inner", Inner);

impl CacheResponses {
    pub(super) fn of(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// A layer with the defaults of [`Builder`]. The name identifies the cache in [`functions`](crate::functions),
    /// metrics and traces, and its entries in a shared tier: layers with one name share them, in all
    /// processes that use one backend and namespace.
    #[track_caller]
    pub fn new(name: &'static str) -> Self {
        Self::builder(name).build()
    }

    /// Starts a layer of this name; see [`new`](Self::new).
    #[track_caller]
    pub fn builder(name: &'static str) -> Builder {
        Builder::new(name, Location::caller())
    }

    /// Invalidates what is stored of a URI, with all its variants, and kills the runs of handlers in flight for it. If
    /// requests are distinguished by their [`authority`](Builder::authority), the URI must name one. Only with
    /// [`Authority::OneOf`](super::Authority::OneOf) may it name none, and then means all hosts of the list.
    ///
    /// With a [`partition`](Builder::partition), see [`invalidate_in`](Self::invalidate_in).
    ///
    /// # Errors
    ///
    /// Of kind [`Argument`](ErrorKind::Argument), if it is not a URI, or names no authority although it has to.
    /// [`Invalidated`] says whether the shared tier has removed the entries, too.
    pub async fn invalidate(&self, uri: &str) -> Result<Invalidated, Error> {
        self.invalidate_at(None, uri).await
    }

    /// Like [`invalidate`](Self::invalidate), in one partition.
    ///
    /// # Errors
    ///
    /// Like [`invalidate`](Self::invalidate).
    pub async fn invalidate_in(&self, partition: &str, uri: &str) -> Result<Invalidated, Error> {
        self.invalidate_at(Some(partition), uri).await
    }

    async fn invalidate_at(
        &self,
        partition: Option<&str>,
        uri: &str,
    ) -> Result<Invalidated, Error> {
        // A URI may be private, so no error contains it.
        let wrong =
            |message: &str| Error::one(Problem::new(ErrorKind::Argument, message.to_owned()));
        let uri: Uri = uri.parse().map_err(|_| wrong("what is to be invalidated is no URI"))?;
        let keys = self.inner.naming.keys_of(partition, &uri).ok_or_else(|| {
            wrong("what is to be invalidated names no host, and responses are stored for each host")
        })?;
        count(&self.inner.counters.invalidations);
        Ok(self.inner.engine.invalidate_all(&keys).await)
    }

    /// Drops everything that this process has, and kills the runs in flight. A shared tier keeps its entries, and then
    /// the result is not confirmed.
    pub fn clear(&self) -> Invalidated {
        count(&self.inner.counters.invalidations);
        self.inner.engine.clear()
    }

    /// What happened to the requests so far.
    pub fn stats(&self) -> ResponseStats {
        let engine = &self.inner.engine;
        self.inner.counters.read(engine.len(), engine.weight())
    }
}

impl<S> Layer<S> for CacheResponses {
    type Service = CachedResponses<S>;

    fn layer(&self, service: S) -> CachedResponses<S> {
        CachedResponses::new(service, Arc::clone(&self.inner))
    }
}

impl fmt::Debug for CacheResponses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheResponses")
            .field("policy", self.inner.engine.policy())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

// As for all of our types: nothing that panics runs under a lock.
impl UnwindSafe for CacheResponses {}
impl RefUnwindSafe for CacheResponses {}
