//! Requests whose bodies do not come, asked of the service itself.

use super::Service;
use crate::auth::{ApiKey, ApiKeys, KeyKind, Scope};
use crate::clock::Timestamp;
use crate::limits::Limits;
use crate::store::{
    Entry, EntryKey, Lifetime, Measured, MemoryStore, Store, StoreError, StoreStats, Usage,
};
use crate::tenant::TenantLimits;
use crate::watch::Pulse;
use crate::{Running, Server};
use bytes::Bytes;
use cachekit_io::BoxFuture;
use http::{Method, Request, StatusCode, Version};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

/// A body that does not come.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A value that waits for the writer of a store, and what tells its caller that it is stored.
type Waiting = (Entry, oneshot::Sender<()>);

/// A store that counts how often it is asked. With a queue it leaves values there, as one with a writer does.
struct Asked(MemoryStore, Arc<AtomicUsize>, Option<mpsc::UnboundedSender<Waiting>>);

impl Asked {
    fn count(&self) -> &MemoryStore {
        self.1.fetch_add(1, Relaxed);
        &self.0
    }
}

impl Store for Asked {
    fn get<'a>(
        &'a self,
        key: &'a EntryKey,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        self.count().get(key, now)
    }

    fn get_up_to<'a>(
        &'a self,
        key: &'a EntryKey,
        now: Timestamp,
        most: usize,
    ) -> BoxFuture<'a, Result<Option<Measured>, StoreError>> {
        self.count().get_up_to(key, now, most)
    }

    fn lifetime<'a>(
        &'a self,
        key: &'a EntryKey,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<Lifetime>, StoreError>> {
        self.count().lifetime(key, now)
    }

    fn put<'a>(
        &'a self,
        key: &'a EntryKey,
        entry: Entry,
        quota: Option<u64>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let Some(queue) = &self.2 else { return self.count().put(key, entry, quota, now) };
        let (done, stored) = oneshot::channel();
        queue.send((entry, done)).expect("the test has the queue");
        Box::pin(async { stored.await.map_err(|error| StoreError::unavailable(&error)) })
    }

    fn delete<'a>(&'a self, key: &'a EntryKey) -> BoxFuture<'a, Result<(), StoreError>> {
        self.count().delete(key)
    }

    fn set_lifetime<'a>(
        &'a self,
        key: &'a EntryKey,
        lifetime: Lifetime,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.count().set_lifetime(key, lifetime, now)
    }

    fn usage<'a>(&'a self, tenant: &'a str) -> BoxFuture<'a, Result<Usage, StoreError>> {
        self.count().usage(tenant)
    }

    fn sweep(&self, now: Timestamp) {
        self.0.sweep(now);
    }

    fn stats(&self) -> StoreStats {
        self.0.stats()
    }
}

struct Asking {
    _running: Running,
    service: Arc<Service>,
    pulse: Arc<Pulse>,
    key: String,
    asked: Arc<AtomicUsize>,
}

impl Asking {
    async fn new(adapt: impl FnOnce(&mut Limits)) -> Self {
        Self::over(None, adapt).await
    }

    async fn over(
        queue: Option<mpsc::UnboundedSender<Waiting>>,
        adapt: impl FnOnce(&mut Limits),
    ) -> Self {
        let mut limits = Limits::default();
        adapt(&mut limits);
        let key = ApiKey::generate(KeyKind::Live).expect("random bytes");
        let mut keys = ApiKeys::new();
        keys.add(&key, "t", &Scope::ALL, TenantLimits::default()).expect("a good key");
        let asked = Arc::default();
        let store = Asked(MemoryStore::new(1 << 20), Arc::clone(&asked), queue);
        let pulse = Pulse::new(&limits);
        let builder = Server::builder().cleartext().api_keys(keys).limits(limits).store(store);
        let running = builder.bind().await.expect("a server");
        let service = running.service();
        Self { _running: running, service, pulse, key: key.expose().to_owned(), asked }
    }

    fn request<B>(&self, method: Method, version: Version, has_key: bool, body: B) -> Request<B> {
        let mut request = Request::new(body);
        (*request.method_mut(), *request.version_mut()) = (method, version);
        *request.uri_mut() = "http://localhost/v1/cache/k".parse().expect("a path");
        let headers = request.headers_mut();
        headers.insert("host", "localhost".parse().expect("text"));
        if has_key {
            headers.insert("authorization", format!("Bearer {}", self.key).parse().expect("text"));
        }
        request
    }

    /// The status and the length of the body, if the answer is there without a wait.
    async fn at_once<B>(&self, request: Request<B>) -> Option<(StatusCode, usize)>
    where
        B: Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Send,
    {
        let answer = self.service.answer(request, self.pulse.begin());
        let answer = timeout(Duration::ZERO, answer).await.ok()?;
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("the body");
        // As a transport does that takes all of it.
        let mut body = body.aggregate();
        let length = bytes::Buf::remaining(&body);
        bytes::Buf::advance(&mut body, length);
        Some((status, length))
    }
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_answered_without_its_body_where_the_answer_arrives_without_that() {
    let asking = Asking::new(|_| {}).await;
    for method in [Method::PUT, Method::GET, Method::DELETE, Method::OPTIONS] {
        let request = asking.request(method.clone(), Version::HTTP_2, false, Never);
        let (status, _) = asking.at_once(request).await.expect("an answer at once");
        let expected = if method == Method::OPTIONS { 204 } else { 401 };
        assert_eq!(status, expected, "{method}");
        assert_eq!(asking.pulse.running(), 0, "{method}");
        // On HTTP/1.1 a connection has one request.
        let request = asking.request(method, Version::HTTP_11, false, Never);
        assert_eq!(asking.at_once(request).await, None);
    }
    assert_eq!(asking.asked.load(Relaxed), 0);
}

/// What came stays in the transport's windows until it is read, and a store may take its time.
#[tokio::test(start_paused = true)]
async fn the_store_is_not_asked_before_a_body_that_means_nothing_is_gone() {
    let asking = Asking::new(|_| {}).await;
    for method in [Method::GET, Method::HEAD, Method::DELETE] {
        let request = asking.request(method, Version::HTTP_2, true, Never);
        assert_eq!(asking.at_once(request).await, None);
        assert_eq!(asking.asked.load(Relaxed), 0);
    }
    let body = http_body_util::Full::new(Bytes::from_static(b"ignored"));
    let request = asking.request(Method::GET, Version::HTTP_2, true, body);
    assert_eq!(asking.at_once(request).await.expect("an answer").0, 404);
    assert_eq!(asking.asked.load(Relaxed), 1);
    // One that does not end is refused in the end.
    let began = Instant::now();
    let request = asking.request(Method::GET, Version::HTTP_2, true, Never);
    let answer = asking.service.answer(request, asking.pulse.begin()).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(began.elapsed(), asking.service.limits.body_timeout);
    assert_eq!(asking.asked.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn uploads_that_send_nothing_take_room() {
    let most = 10 * 2048;
    let asking = Asking::new(|limits| {
        limits.max_receiving_bytes = 4 * most;
        limits.max_receiving_bytes_per_tenant = Some(most);
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..10 {
        let request = asking.request(Method::PUT, Version::HTTP_2, true, Never);
        let answer = asking.service.answer(request, asking.pulse.begin());
        let mut answer = Box::pin(answer);
        assert!(timeout(Duration::ZERO, answer.as_mut()).await.is_err(), "it waits for its body");
        open.push(answer);
    }
    assert_eq!(asking.service.in_transit().receiving, most);
    let body = http_body_util::Full::new(Bytes::from_static(b"v"));
    let request = asking.request(Method::PUT, Version::HTTP_2, true, body);
    assert_eq!(asking.at_once(request).await.expect("an answer").0, 429);
    drop(open);
    assert_eq!(asking.service.in_transit().receiving, 0);
}

/// A store's queue is no place where the limit of received bytes does not count.
#[tokio::test(start_paused = true)]
async fn a_value_of_a_request_that_was_given_up_takes_room_until_it_is_stored() {
    let length = 100_000;
    let (queue, mut waiting) = mpsc::unbounded_channel();
    let asking = Asking::over(Some(queue), |limits| {
        limits.max_receiving_bytes = 1_000_000;
        limits.max_receiving_bytes_per_tenant = Some(250_000);
    })
    .await;
    let put = || {
        let body = http_body_util::Full::new(Bytes::from(vec![1; length]));
        asking.request(Method::PUT, Version::HTTP_2, true, body)
    };
    let used = || asking.service.in_transit().receiving;
    for sent in 1..=2 {
        assert_eq!(asking.at_once(put()).await, None, "the client goes before it is stored");
        assert!(used() >= sent * length, "{} for {sent} values", used());
    }
    let refused = asking.at_once(put()).await.expect("an answer");
    assert_eq!(refused.0, 429, "the third has no place");
    for left in [1, 0] {
        let (entry, done) = waiting.try_recv().expect("it is in the queue");
        drop(entry);
        done.send(()).expect("the server still waits for it");
        while used() > left * (length + 2048) {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(used(), 0);
    assert!(waiting.try_recv().is_err(), "no other value got there");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_is_not_counted() {
    let asking = Asking::new(|_| {}).await;
    let sent = || asking.service.metrics.bytes_out.load(Relaxed);
    let value = http_body_util::Full::new(Bytes::from_static(b"value"));
    let request = asking.request(Method::PUT, Version::HTTP_2, true, value);
    let (_, length) = asking.at_once(request).await.expect("stored");
    assert_eq!(sent(), length as u64);
    let before = sent();
    let nothing = http_body_util::Empty::new;
    let request = asking.request(Method::HEAD, Version::HTTP_2, true, nothing());
    assert_eq!(asking.at_once(request).await.expect("an answer"), (StatusCode::OK, 0));
    // The error of a HEAD has a body that is left out.
    let request = asking.request(Method::HEAD, Version::HTTP_2, false, nothing());
    assert_eq!(asking.at_once(request).await.expect("an answer").1, 0);
    // An answer whose peer went away.
    let request = asking.request(Method::GET, Version::HTTP_2, true, nothing());
    drop(asking.service.answer(request, asking.pulse.begin()).await);
    assert_eq!(sent(), before);
    let request = asking.request(Method::GET, Version::HTTP_2, true, nothing());
    assert_eq!(asking.at_once(request).await.expect("an answer"), (StatusCode::OK, 5));
    assert_eq!(sent(), before + 5);
}
