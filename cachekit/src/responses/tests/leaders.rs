//! Requests that lead: they hang up, panic or only ask for a head; and what of the service behind they take.

use std::collections::HashSet;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::flights::{all_at_once, gated};
use super::*;
use crate::testing;

#[tokio::test]
async fn a_leader_that_hangs_up_loses_no_waiter() {
    let _test = testing::isolate();
    let (shop, gate) = gated(CacheResponses::builder("test"), |client| {
        response(&[("cache-control", "max-age=60")], client)
    });
    let mut running = all_at_once(&shop, &[("a", &[]), ("b", &[]), ("c", &[])]).await;
    running.remove(0).1.abort();
    settle().await;
    assert_eq!(shop.runs(), 2, "another one leads");
    gate.add_permits(10);
    let texts: HashSet<_> = [running.remove(0).1.await, running.remove(0).1.await]
        .map(|answer| answer.unwrap().text)
        .into();
    assert_eq!(texts.len(), 1);
    assert_eq!(shop.runs(), 2);
}

#[tokio::test]
async fn a_leader_that_panics_loses_no_waiter() {
    let _test = testing::isolate();
    let gate = Arc::new(Semaphore::new(0));
    let by = Arc::clone(&gate);
    let first = Arc::new(AtomicUsize::new(0));
    let shop = Shop::later(CacheResponses::builder("test"), move |_| {
        let (gate, first) = (Arc::clone(&by), Arc::clone(&first));
        async move {
            let is_first = first.fetch_add(1, Ordering::SeqCst) == 0;
            gate.acquire().await.unwrap().forget();
            assert!(!is_first, "on purpose");
            Ok(response(&[("cache-control", "max-age=60")], "fine"))
        }
    });
    let mut running = all_at_once(&shop, &[("a", &[]), ("b", &[]), ("c", &[])]).await;
    gate.add_permits(10);
    assert!(running.remove(0).1.await.unwrap_err().is_panic());
    for (_, answer) in running {
        assert_eq!(answer.await.unwrap().text, "fine");
    }
    assert_eq!(shop.runs(), 3, "each its own, as after any failure");
}

/// A `HEAD` that finds nothing gives its turn up.
#[tokio::test]
async fn a_head_holds_no_other_request() {
    let _test = testing::isolate();
    let (shop, gate) = gated(CacheResponses::builder("test"), |client| {
        response(&[("cache-control", "max-age=60")], client)
    });
    let head = |client: &str| {
        let request = request("HEAD", "/", &[("x-client", client)]);
        tokio::spawn(shop.ask(request))
    };
    let first = head("head");
    settle().await;
    let running = all_at_once(&shop, &[("a", &[]), ("b", &[])]).await;
    assert_eq!(shop.runs(), 2);
    let second = head("head");
    settle().await;
    gate.add_permits(10);
    for (_, answer) in running {
        assert_eq!(answer.await.unwrap().text, "a");
    }
    assert_eq!(first.await.unwrap().status, 200);
    assert!(second.await.unwrap().is_hit(), "it waited for the GET");
    assert_eq!(shop.runs(), 2);
}

/// A handler that serves one request at a time: readiness is the permit for it, which a clone has not.
struct OneAtATime {
    handler: Handler,
    permits: Arc<Semaphore>,
    acquiring: Option<Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send>>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl OneAtATime {
    fn new(handler: Handler) -> Self {
        Self { handler, permits: Arc::new(Semaphore::new(1)), acquiring: None, permit: None }
    }
}

impl Clone for OneAtATime {
    fn clone(&self) -> Self {
        let (handler, permits) = (self.handler.clone(), Arc::clone(&self.permits));
        Self { handler, permits, acquiring: None, permit: None }
    }
}

impl Service<Asked> for OneAtATime {
    type Response = Response<Frames>;
    type Error = String;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Frames>, String>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        if self.permit.is_none() {
            let permits = Arc::clone(&self.permits);
            let acquiring = self.acquiring.get_or_insert_with(|| {
                Box::pin(async move { permits.acquire_owned().await.unwrap() })
            });
            self.permit = Some(std::task::ready!(acquiring.as_mut().poll(cx)));
            self.acquiring = None;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Asked) -> Self::Future {
        let permit = self.permit.take().expect("it is called when it is ready");
        let answer = self.handler.call(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(permit);
            answer
        })
    }
}

/// The service behind the cache has one permit: hits and waiters take none of it.
#[tokio::test]
async fn hits_and_waiters_take_nothing_of_the_service_behind() {
    let _test = testing::isolate();
    let (shop, gate) = gated(CacheResponses::builder("test"), |client| {
        response(&[("cache-control", "max-age=60")], client)
    });
    let service = shop.cache.layer(OneAtATime::new(shop.handler.clone()));
    let ask = |path: &str, client: &str| {
        let (mut service, request) =
            (service.clone(), request("GET", path, &[("x-client", client)]));
        tokio::spawn(async move {
            poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
            let body = service.call(request).await.unwrap().into_body();
            body.collect().await.unwrap().to_bytes()
        })
    };
    gate.add_permits(1);
    assert_eq!(ask("/stored", "first").await.unwrap(), "first");
    let slow: Vec<_> = ["a", "b", "c", "d"].map(|client| ask("/slow", client)).into();
    settle().await;
    let hit = ask("/stored", "e");
    settle().await;
    assert!(hit.is_finished(), "a hit needs no permit");
    assert_eq!(hit.await.unwrap(), "first");
    // Another target waits until the handler has room.
    let other = ask("/other", "f");
    settle().await;
    assert_eq!(shop.runs(), 2);
    gate.add_permits(10);
    for asked in slow {
        assert_eq!(asked.await.unwrap(), "a", "the waiters share the one run");
    }
    assert_eq!(other.await.unwrap(), "f");
    assert_eq!(shop.runs(), 3);
}
