//! `#[cache]` together with `#[tracing::instrument]`.
//!
//! The upper attribute is applied first: above `#[cache]`, `instrument` sees the body only, so that runs
//! have spans; below, it sees the look-up as well, so that calls have spans.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cachekit::cache;
use cachekit::testing::isolate;
use cachekit_tests::block_on;
use tracing::instrument;
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

#[derive(Clone, Default)]
struct Spans(Arc<Mutex<BTreeMap<&'static str, u32>>>);

impl<S: tracing::Subscriber> Layer<S> for Spans {
    fn on_new_span(&self, span: &Attributes<'_>, _id: &Id, _context: Context<'_, S>) {
        *self.0.lock().unwrap().entry(span.metadata().name()).or_default() += 1;
    }
}

#[instrument]
#[cache]
fn above(n: u32) -> u32 {
    n + 1
}

#[cache]
#[instrument(skip(n), fields(doubled = n * 2))]
fn below(n: u32) -> u32 {
    n + 1
}

#[instrument(err)]
#[cache]
async fn async_above(n: u32) -> Result<u32, String> {
    std::future::ready(Ok(n + 1)).await
}

#[cache]
#[instrument(level = "info", ret)]
async fn async_below(n: u32) -> u32 {
    std::future::ready(n + 1).await
}

struct Shop;

impl Shop {
    #[cache(self = shared)]
    #[instrument(skip(self))]
    pub(crate) fn method(&self, n: u32) -> u32 {
        n + 1
    }
}

#[async_trait::async_trait]
trait Remote {
    async fn upper(&self, n: u32) -> u32;
    async fn lower(&self, n: u32) -> u32;
}

#[async_trait::async_trait]
impl Remote for Shop {
    #[instrument(skip_all)]
    #[cache(self = shared)]
    async fn upper(&self, n: u32) -> u32 {
        std::future::ready(n + 1).await
    }

    #[cache(self = shared)]
    #[instrument(skip_all)]
    async fn lower(&self, n: u32) -> u32 {
        std::future::ready(n + 1).await
    }
}

#[test]
fn spans_of_runs_above_and_of_calls_below() {
    let _test = isolate();
    let spans = Spans::default();
    let subscriber = tracing_subscriber::registry().with(spans.clone());
    cachekit_tests::with_subscriber(subscriber, || {
        for _ in 0..3 {
            assert_eq!((above(1), below(1), Shop.method(1)), (2, 2, 2));
            block_on(async {
                assert_eq!((async_above(1).await, async_below(1).await), (Ok(2), 2));
                assert_eq!((Shop.upper(1).await, Shop.lower(1).await), (2, 2));
            });
        }
    });
    let mut seen = spans.0.lock().unwrap().clone();
    // With the feature `tracing`, which another package of the workspace may turn on, each miss has spans of ours.
    seen.retain(|name, _| !name.starts_with("cache."));
    let expected = [
        ("above", 1),
        ("async_above", 1),
        ("async_below", 3),
        ("below", 3),
        ("lower", 3),
        ("method", 3),
        ("upper", 1),
    ];
    assert_eq!(seen, BTreeMap::from(expected));
}
