//! Changes through the layers of a backend that refuse some of many operations at the same time.

use std::time::Duration;

use cachekit_io::layers::{CircuitBreaker, ConcurrencyLimit, Layer};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{Backend, BackendErrorKind, Capability, ManualClock, MemoryBackend, Operation};

use super::model::yields;
use super::*;
use crate::testing::Scope;

/// How clients spell one target.
const SPELLINGS: [(&str, &str); 6] = [
    ("/%C3%A9", "shop.example"),
    ("/%c3%a9", "shop.example"),
    ("/%C3%A9", "shop.example:80"),
    ("/%C3%A9", "shop.example:443"),
    ("http://shop.example/%C3%A9", ""),
    ("https://shop.example/%C3%A9", ""),
];

fn spelled(method: &str, (uri, host): (&str, &str)) -> Asked {
    let mut request = Request::builder().method(method).uri(uri);
    if !host.is_empty() {
        request = request.header("host", host);
    }
    request.body(Full::default()).unwrap()
}

/// A shop over this backend, and all spellings stored there.
async fn full_shop(backend: Arc<dyn Backend>, below: &MemoryBackend) -> Shop {
    let shop =
        Scope::new().with_backend(backend).run(|| Shop::saying(&[("cache-control", "max-age=60")]));
    for spelling in SPELLINGS {
        shop.ask(spelled("GET", spelling)).await;
    }
    assert_eq!(below.len(), SPELLINGS.len());
    shop
}

/// A store each of whose removals takes its time.
fn slow() -> (MemoryBackend, FaultyBackend) {
    let below = MemoryBackend::new();
    let slow = FaultyBackend::new(below.clone());
    // They are released in the background, and that closes a circuit.
    slow.hide(Capability::Locks);
    slow.inject(Fault::wait(|| yields(3)).on(Operation::Delete));
    slow.inject(Fault::wait(|| yields(3)).on(Operation::DeleteMany));
    (below, slow)
}

#[tokio::test]
async fn a_limit_loses_no_invalidation() {
    for places in [1, 2, 4, 64] {
        for by_program in [false, true] {
            let (below, slow) = slow();
            let backend = Arc::new(ConcurrencyLimit::new(places).around(slow));
            let shop = full_shop(backend, &below).await;
            if by_program {
                let done = shop.cache.invalidate("http://shop.example/%C3%A9").await.unwrap();
                assert!(done.is_confirmed(), "{places}");
            } else {
                assert_eq!(shop.ask(spelled("PUT", SPELLINGS[0])).await.status, 200);
            }
            assert_eq!(below.len(), 0, "{places}");
        }
    }
}

#[tokio::test]
async fn a_circuit_that_is_probed_loses_no_invalidation() {
    for spelling in SPELLINGS {
        let (below, slow) = slow();
        let hands = ManualClock::new();
        let breaker = CircuitBreaker::new().failures(1).pause(Duration::from_secs(1));
        let backend = Arc::new(breaker.clock(hands.clock()).around(slow.clone()));
        let shop = full_shop(Arc::clone(&backend) as _, &below).await;
        slow.inject(Fault::fail(BackendErrorKind::Transient).on(Operation::Get).times(1));
        assert!(backend.get("other").await.is_err() && backend.layer().is_open());
        hands.advance(Duration::from_secs(1));
        assert_eq!(shop.ask(spelled("PUT", spelling)).await.status, 200);
        assert_eq!(below.len(), 0, "{spelling:?}");
    }
}

/// If there is time or room for one removal alone, it is that of the change's own spelling.
#[tokio::test]
async fn the_own_spelling_comes_first() {
    for spelling in SPELLINGS {
        let (_, slow) = slow();
        let shop = Scope::new()
            .with_backend(Arc::new(slow.clone()) as _)
            .run(|| Shop::saying(&[("cache-control", "max-age=60")]));
        shop.ask(spelled("GET", spelling)).await;
        let stored = slow.calls().iter().find_map(|call| call.key().map(str::to_owned));
        slow.forget_calls();
        shop.ask(spelled("PUT", spelling)).await;
        let removed = slow.calls().iter().find_map(|call| call.key().map(str::to_owned));
        assert!(stored.is_some() && stored == removed, "{spelling:?}");
    }
}
