//! Those who wait for a run over a stale response, and what ends the response meanwhile.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::stand_in::{Lines, SAYS};
use super::*;
use crate::testing;

/// A shop whose handler waits for a permit of the gate, and then fails or not.
fn gated() -> (Shop, Arc<Semaphore>, Arc<AtomicUsize>) {
    gated_saying(SAYS)
}

fn gated_saying(says: Lines) -> (Shop, Arc<Semaphore>, Arc<AtomicUsize>) {
    let (gate, fails) = (Arc::new(Semaphore::new(1)), Arc::new(AtomicUsize::new(0)));
    let (by, failing) = (Arc::clone(&gate), Arc::clone(&fails));
    let runs = Arc::new(AtomicUsize::new(0));
    let shop = Shop::later(CacheResponses::builder("test"), move |request| {
        let (gate, failing) = (Arc::clone(&by), Arc::clone(&failing));
        let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            if request.method() == "GET" {
                gate.acquire().await.unwrap().forget();
                if failing.load(Ordering::SeqCst) == 1 {
                    return Ok(response(&[(":status", "503")], "bad"));
                }
            }
            Ok(response(says, &format!("run {run}")))
        }
    });
    (shop, gate, fails)
}

#[tokio::test]
async fn one_run_answers_all_who_wait_for_a_new_one() {
    let test = testing::isolate();
    let (shop, gate, fails) = gated();
    shop.get("/").await;
    test.clock().advance(Duration::from_secs(61));
    let asking: Vec<_> = (0..5).map(|_| tokio::spawn(shop.get_owned("/"))).collect();
    settle().await;
    assert_eq!(shop.runs(), 2, "one of them runs the handler");
    gate.add_permits(1);
    for answer in asking {
        assert_eq!(answer.await.unwrap().text, "run 2");
    }
    // And if it fails, none of them gets the failure.
    test.clock().advance(Duration::from_secs(61));
    fails.store(1, Ordering::SeqCst);
    let asking: Vec<_> = (0..5).map(|_| tokio::spawn(shop.get_owned("/"))).collect();
    settle().await;
    gate.add_permits(10);
    for answer in asking {
        let answer = answer.await.unwrap();
        assert_eq!(answer.text, "run 2");
        assert!(answer.header("cache-status").ends_with("detail=stale-if-error"), "{answer:?}");
    }
    assert_eq!(shop.runs(), 3, "nor does any of them ask a handler that just failed");
    // A client that hangs up leaves the others nothing to wait for.
    let mut gone = tokio::spawn(shop.get_owned("/"));
    gate.forget_permits(10);
    settle().await;
    let waits = tokio::spawn(shop.get_owned("/"));
    settle().await;
    gone.abort();
    drop((&mut gone).await);
    gate.add_permits(1);
    assert_eq!(waits.await.unwrap().text, "run 2");
}

/// What waits for a run that fails gets what the failure leaves to it: not what its own request may not have.
#[tokio::test]
async fn each_that_waits_gets_what_it_may_have() {
    let test = testing::isolate();
    let (shop, gate, fails) = gated();
    shop.get("/").await;
    test.clock().advance(Duration::from_secs(61));
    fails.store(1, Ordering::SeqCst);
    let leads = tokio::spawn(shop.get_owned("/"));
    settle().await;
    let waits = tokio::spawn(shop.get_owned("/"));
    let alone = tokio::spawn(shop.ask(request("GET", "/", &[("cookie", "id=1")])));
    settle().await;
    assert_eq!(shop.runs(), 3, "a client that may not have it waits for nothing");
    // An invalidation counts for those that wait as well.
    shop.cache.invalidate("http://shop.example/").await.unwrap().ignore();
    gate.add_permits(10);
    for answer in [leads, waits, alone] {
        assert_eq!(answer.await.unwrap().status, 503);
    }
}

/// What was invalidated while the handler ran stands in for nothing.
#[tokio::test]
async fn an_invalidation_counts_for_what_stands_in() {
    let test = testing::isolate();
    let (shop, gate, fails) = gated();
    shop.get("/").await;
    test.clock().advance(Duration::from_secs(61));
    fails.store(1, Ordering::SeqCst);
    let asking = tokio::spawn(shop.get_owned("/"));
    settle().await;
    assert_eq!(shop.ask(request("PUT", "/", &[])).await.status, 200);
    gate.add_permits(2);
    assert_eq!(asking.await.unwrap().status, 503);
    assert_eq!(shop.get("/").await.status, 503);
}

/// What ends other pages takes nothing from this one.
#[tokio::test]
async fn changes_of_other_pages_end_nothing() {
    for vary in [None, Some(("vary", "x"))] {
        let test = testing::isolate();
        let said: Vec<_> = SAYS.iter().copied().chain(vary).collect();
        let (shop, gate, fails) = gated_saying(said.leak());
        shop.get("/").await;
        test.clock().advance(Duration::from_secs(61));
        fails.store(1, Ordering::SeqCst);
        let asking: Vec<_> = (0..2).map(|_| tokio::spawn(shop.get_owned("/"))).collect();
        settle().await;
        for page in 0..3_000 {
            let uri = format!("http://shop.example/{page}");
            shop.cache.invalidate(&uri).await.unwrap().ignore();
        }
        gate.add_permits(2);
        for answer in asking {
            assert_eq!(answer.await.unwrap().status, 200, "{vary:?}");
        }
    }
}

/// The same where the responses vary, and where only another process has the response.
#[cfg(feature = "shared")]
#[tokio::test]
async fn an_invalidation_counts_wherever_the_response_is() {
    use crate::testing::Scope;

    let cases = [None, Some(("vary", "x"))].map(|vary| [(vary, true), (vary, false)]);
    for (vary, is_here) in cases.into_iter().flatten() {
        for invalidates in [false, true] {
            let backend = Arc::new(cachekit_io::MemoryBackend::new());
            let machine = || Scope::new().with_backend(Arc::clone(&backend) as _);
            let (a, b) = (machine(), machine());
            let first: Vec<_> = SAYS.iter().copied().chain(vary).collect();
            let clock = a.clock().clone();
            let first = a.run(|| {
                Shop::with(CacheResponses::builder("test"), move |_| {
                    let mut answer = response(&first, "good");
                    let time = Duration::from_millis(59_999);
                    answer.body_mut().pending = Some(Pending(clock.clone(), time));
                    answer
                })
            });
            first.get("/").await;
            let_the_world_age();
            let gate = Arc::new(Semaphore::new(0));
            let by = Arc::clone(&gate);
            let make = || {
                Shop::later(CacheResponses::builder("test"), move |request| {
                    let gate = Arc::clone(&by);
                    async move {
                        if request.method() == "GET" {
                            gate.acquire().await.unwrap().forget();
                        }
                        Ok(response(&[(":status", "503")], "bad"))
                    }
                })
            };
            let failing = if is_here {
                a.clock().advance(Duration::from_millis(2));
                let other = a.run(make);
                Shop {
                    cache: first.cache.clone(),
                    service: first.cache.layer(other.handler.clone()),
                    ..other
                }
            } else {
                b.run(make)
            };
            let asking = tokio::spawn(failing.get_owned("/"));
            until(|| failing.runs() == 1).await;
            if invalidates {
                let done = failing.cache.invalidate("http://shop.example/").await.unwrap();
                assert!(done.is_confirmed());
            }
            gate.add_permits(10);
            let answer = asking.await.unwrap();
            let expected = if invalidates { (503, "bad") } else { (200, "good") };
            let got = (answer.status, answer.text.as_str());
            assert_eq!(got, expected, "{vary:?} {is_here} {invalidates}");
        }
    }
}
