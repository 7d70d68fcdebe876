//! The layer around handlers of the tests'; a clock that stands still, and one thread.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tower_layer::Layer as _;
use tower_service::Service;

use super::{Body, Builder, CacheResponses, CachedResponses};

mod bodies;
mod changes;
mod conditions;
#[cfg(feature = "shared")]
mod elsewhere;
mod ends;
mod flights;
mod hostile;
#[cfg(feature = "shared")]
mod layered;
mod leaders;
mod model;
mod requests;
mod rules;
#[cfg(feature = "shared")]
mod shared;
mod stale;
#[cfg(feature = "shared")]
mod stale_elsewhere;
mod stand_in;
mod waiters;

/// A body that comes in frames as they are listed, and may end with trailers or an error.
#[derive(Debug, Default)]
#[allow(clippy::struct_field_names)] // They are what is listed.
pub(super) struct Frames {
    pub(super) frames: std::collections::VecDeque<Result<http_body::Frame<Bytes>, String>>,
    /// How many were asked for.
    pub(super) read: Arc<AtomicUsize>,
    /// Before the first one comes, the body is pending for so long by this clock.
    pub(super) pending: Option<Pending>,
}

pub(super) struct Pending(pub(super) crate::testing::Clock, pub(super) std::time::Duration);

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.1.fmt(f)
    }
}

impl Frames {
    pub(super) fn of(parts: &[&str]) -> Self {
        let frame =
            |part: &&str| Ok(http_body::Frame::data(Bytes::copy_from_slice(part.as_bytes())));
        Self { frames: parts.iter().map(frame).collect(), ..Self::default() }
    }
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, String>>> {
        if let Some(Pending(clock, time)) = self.pending.take() {
            clock.advance(time);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.read.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(self.frames.pop_front())
    }
}

pub(super) type Asked = Request<Full<Bytes>>;
type Answering = Pin<Box<dyn Future<Output = Result<Response<Frames>, String>> + Send>>;

/// A handler of a test's, which counts its runs.
#[derive(Clone)]
pub(super) struct Handler {
    answer: Arc<dyn Fn(Asked) -> Answering + Send + Sync>,
    pub(super) runs: Arc<AtomicUsize>,
    /// The latest request that it saw.
    pub(super) seen: Arc<Mutex<Option<http::HeaderMap>>>,
}

impl Service<Asked> for Handler {
    type Response = Response<Frames>;
    type Error = String;
    type Future = Answering;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Asked) -> Answering {
        self.runs.fetch_add(1, Ordering::SeqCst);
        *self.seen.lock().unwrap() = Some(request.headers().clone());
        (self.answer)(request)
    }
}

/// A handler behind a layer.
pub(super) struct Shop {
    pub(super) cache: CacheResponses,
    pub(super) service: CachedResponses<Handler>,
    pub(super) handler: Handler,
}

impl Shop {
    /// With a handler that suspends.
    pub(super) fn later<F>(
        builder: Builder,
        answer: impl Fn(Asked) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Response<Frames>, String>> + Send + 'static,
    {
        let handler = Handler {
            answer: Arc::new(move |request| Box::pin(answer(request))),
            runs: Arc::default(),
            seen: Arc::default(),
        };
        let cache = builder.build();
        Self { service: cache.layer(handler.clone()), cache, handler }
    }

    /// With a handler that answers at once.
    pub(super) fn with(
        builder: Builder,
        answer: impl Fn(Asked) -> Response<Frames> + Send + Sync + 'static,
    ) -> Self {
        Self::later(builder, move |request| std::future::ready(Ok(answer(request))))
    }

    /// Every answer has these headers and a body of its own: the number of the run.
    pub(super) fn saying(headers: &'static [(&'static str, &'static str)]) -> Self {
        Self::saying_with(CacheResponses::builder("test"), headers)
    }

    pub(super) fn saying_with(
        builder: Builder,
        headers: &'static [(&'static str, &'static str)],
    ) -> Self {
        let runs = AtomicUsize::new(0);
        Self::with(builder, move |_| {
            let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
            response(headers, &format!("run {run}"))
        })
    }

    pub(super) fn runs(&self) -> usize {
        self.handler.runs.load(Ordering::SeqCst)
    }

    pub(super) fn ask(&self, request: Asked) -> impl Future<Output = Answer> + Send + 'static {
        let mut service = self.service.clone();
        async move {
            poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
            let answer = service.call(request).await;
            let answer: Response<Body<Frames>> = match answer {
                Ok(answer) => answer,
                Err(error) => return Answer { failed: Some(error), ..Answer::default() },
            };
            let (parts, body) = answer.into_parts();
            let mut answer = Answer { status: parts.status.as_u16(), ..Answer::default() };
            answer.headers = parts.headers;
            let mut body = body;
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) if frame.is_trailers() => answer.trailers = true,
                    Ok(frame) => {
                        answer.text += std::str::from_utf8(&frame.into_data().unwrap()).unwrap();
                    }
                    Err(error) => answer.failed = Some(error),
                }
            }
            answer
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.get_owned(path).await
    }

    /// The same for a task of its own.
    pub(super) fn get_owned(&self, path: &str) -> impl Future<Output = Answer> + Send + 'static {
        self.ask(request("GET", path, &[]))
    }

    pub(super) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(request("GET", path, headers)).await
    }
}

/// What a client got.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) text: String,
    pub(super) trailers: bool,
    pub(super) failed: Option<String>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn is_hit(&self) -> bool {
        self.header("cache-status").starts_with("cachekit; hit")
    }
}

pub(super) fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Asked {
    let uri = format!("http://shop.example{path}");
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::default()).unwrap()
}

pub(super) fn response(headers: &[(&str, &str)], text: &str) -> Response<Frames> {
    let mut response = Response::builder();
    for (name, value) in headers {
        response = if *name == ":status" {
            response.status(value.parse::<u16>().unwrap())
        } else {
            response.header(*name, *value)
        };
    }
    response.body(Frames::of(&[text])).unwrap()
}

/// Lets a few milliseconds go by in a shared tier, whose time is the world's: what was stored with less to live has had its time.
#[cfg(feature = "shared")]
pub(super) fn let_the_world_age() {
    let now = std::time::SystemTime::now();
    while now.elapsed().unwrap_or_default() < std::time::Duration::from_millis(3) {
        std::thread::yield_now();
    }
}

/// Lets everything run until this holds. What it waits for may need another thread.
#[cfg(feature = "shared")]
pub(super) async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await.expect("it comes");
}

/// Lets everything run that can: on one thread, each task is polled until it waits.
pub(super) async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}
