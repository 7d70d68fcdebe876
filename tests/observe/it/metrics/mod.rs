//! A Prometheus exporter is scraped over HTTP, and every line that it says is read by another library.

mod forms;
mod recorders;
mod scraped;
mod shared;

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use self::scraped::Scraped;

/// The process's recorder. It is installed once, as in a program.
static EXPORTER: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Suffix("_duration_seconds".to_owned()),
            cachekit::metrics::DURATION_BUCKETS,
        )
        .unwrap()
        .install_recorder()
        .unwrap()
});

/// What a publication makes of a backend's times goes to the recorder of the last one: one test at a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Scrapes over HTTP, as Prometheus does: a request to a socket, and the text of the answer.
async fn scrape() -> Scraped {
    let exporter = EXPORTER.clone();
    let app = axum::Router::new().route(
        "/metrics",
        axum::routing::get(move || async move {
            cachekit::metrics::publish();
            exporter.render()
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    server.abort();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(!head.contains("chunked"), "the body is read as it is");
    Scraped::read(body)
}

/// Publishes to a recorder of this thread's own, in the test scope that it is in.
fn published(calls: impl FnOnce()) -> Scraped {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Suffix("_duration_seconds".to_owned()),
            cachekit::metrics::DURATION_BUCKETS,
        )
        .unwrap()
        .build_recorder();
    metrics::with_local_recorder(&recorder, || {
        cachekit::metrics::publish();
        calls();
        cachekit::metrics::publish();
    });
    Scraped::read(&recorder.handle().render())
}
