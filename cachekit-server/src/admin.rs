//! The operator's listener: health, readiness and metrics.

use crate::http::{DESCRIPTION, Service};
use crate::metrics;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Enough for probes and scrapers. A further connection displaces the one that has been open longest: an
/// answer takes milliseconds, so that one only waits for its peer.
const MAX_CONNECTIONS: usize = 32;
/// The longest life of a connection, which gets one answer.
const LIFE: Duration = Duration::from_secs(10);
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// After an error of `accept`.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves the pages until it is aborted.
pub(crate) async fn serve(listener: TcpListener, service: Arc<Service>, draining: Arc<AtomicBool>) {
    // They end with this listener: an open scraper's connection would make a stopped server look alive.
    let mut connections = JoinSet::new();
    let mut oldest_first = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        oldest_first.retain(|connection: &AbortHandle| !connection.is_finished());
        if oldest_first.len() >= MAX_CONNECTIONS
            && let Some(oldest) = oldest_first.pop_front()
        {
            oldest.abort();
        }
        let (service, draining) = (Arc::clone(&service), Arc::clone(&draining));
        oldest_first.push_back(connections.spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let page = page(&request, &service, !draining.load(Ordering::Relaxed));
                async move { Ok::<_, Infallible>(page) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                // A connection that waits for its next request would block a probe.
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answer);
            // An error here is a probe that went away.
            let _ = timeout(LIFE, connection).await;
        }));
    }
}

fn page<B>(request: &Request<B>, service: &Service, serving: bool) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    let (status, kind, text): (_, _, Bytes) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/healthz") => (StatusCode::OK, TEXT, "ok\n".into()),
        (&Method::GET | &Method::HEAD, "/readyz") => match readiness(service, serving) {
            Ok(()) => (StatusCode::OK, TEXT, "ready\n".into()),
            Err(why) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, why.into()),
        },
        (&Method::GET | &Method::HEAD, "/metrics") => {
            let text = service.metrics.render(&service.home.tell(), service.in_transit());
            (StatusCode::OK, metrics::CONTENT_TYPE, text.into())
        }
        (&Method::GET | &Method::HEAD, DESCRIPTION) => {
            (StatusCode::OK, "application/json", service.description.clone())
        }
        (_, "/healthz" | "/readyz" | "/metrics" | DESCRIPTION) => {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET only\n".into())
        }
        _ => (StatusCode::NOT_FOUND, TEXT, "/healthz, /readyz, /metrics, /openapi.json\n".into()),
    };
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn readiness(service: &Service, serving: bool) -> Result<(), &'static str> {
    if !serving {
        return Err("draining\n");
    }
    if !service.home.is_writable() {
        return Err("the store takes no writes\n");
    }
    Ok(())
}
