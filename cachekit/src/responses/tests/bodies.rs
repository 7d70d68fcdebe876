//! What is read of bodies, what is stored of them, and which headers go with them.

use http_body::Frame;

use super::*;
use crate::testing;

const FRESH: &[(&str, &str)] = &[("cache-control", "max-age=60")];

fn framed(frames: Vec<Result<Frame<Bytes>, String>>) -> Response<Frames> {
    let mut answer = response(FRESH, "");
    answer.body_mut().frames = frames.into();
    answer
}

#[allow(clippy::unnecessary_wraps)] // As frames are listed.
fn data(text: &'static str) -> Result<Frame<Bytes>, String> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

#[tokio::test]
async fn a_body_over_the_limit_passes_as_it_comes() {
    let _test = testing::isolate();
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let limited = CacheResponses::builder("test").max_body(10);
    let shop = Shop::with(limited, move |_| {
        let mut answer =
            framed(vec![data("12345"), data("67890"), data("1"), data("2345"), data("6")]);
        answer.body_mut().read = Arc::clone(&counter);
        answer
    });
    let mut service = shop.service.clone();
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let answer = service.call(request("GET", "/", &[])).await.unwrap();
    assert_eq!(read.load(Ordering::SeqCst), 3, "no frame behind the limit is read ahead");
    let whole = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(whole, "1234567890123456", "nothing is lost, and all is in order");
    assert_eq!(shop.cache.stats().entries, 0);
    assert_eq!(shop.get("/").await.text, "1234567890123456");
}

/// What was read of a body that passes takes no more than its bytes, whatever frames it came in.
#[tokio::test]
async fn small_frames_are_put_together() {
    let _test = testing::isolate();
    let shop = Shop::with(CacheResponses::builder("test").max_body(1000), |_| {
        framed((0..1500).map(|_| data("x")).collect())
    });
    let mut service = shop.service.clone();
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let mut body = service.call(request("GET", "/", &[])).await.unwrap().into_body();
    let lengths = [body.frame().await, body.frame().await]
        .map(|frame| frame.unwrap().unwrap().into_data().unwrap().len());
    assert_eq!(lengths, [1000, 1]);
    assert_eq!(body.collect().await.unwrap().to_bytes().len(), 499);
}

#[tokio::test]
async fn a_body_of_the_limit_is_stored() {
    let _test = testing::isolate();
    let limited = CacheResponses::builder("test").max_body(10);
    let shop = Shop::with(limited, |_| framed(vec![data("12345"), data("67890")]));
    shop.get("/").await;
    let hit = shop.get("/").await;
    assert!(hit.is_hit());
    assert_eq!((hit.text.as_str(), hit.header("content-length")), ("1234567890", "10"));
}

#[tokio::test]
async fn a_body_that_is_known_to_be_too_long_is_not_read() {
    let _test = testing::isolate();
    let cache = CacheResponses::builder("test").max_body(4).build();
    let service = cache.layer(tower::service_fn(|_: Asked| async {
        let mut answer = Response::new(Full::new(Bytes::from("12345")));
        answer.headers_mut().insert("cache-control", "max-age=60".parse().unwrap());
        Ok::<_, String>(answer)
    }));
    let answer = tower::ServiceExt::oneshot(service, request("GET", "/", &[])).await.unwrap();
    assert_eq!(http_body::Body::size_hint(answer.body()).exact(), Some(5));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "12345");
    assert_eq!(cache.stats().entries, 0);
}

#[tokio::test]
async fn empty_frames_are_left_out() {
    let _test = testing::isolate();
    let shop = Shop::with(CacheResponses::builder("test"), |_| {
        framed(vec![data(""), data("a"), data(""), data("b"), data("")])
    });
    shop.get("/").await;
    assert_eq!(shop.get("/").await.text, "ab");
}

#[tokio::test]
async fn trailers_pass_and_are_not_stored() {
    let _test = testing::isolate();
    let shop = Shop::with(CacheResponses::builder("test"), |_| {
        framed(vec![data("text"), Ok(Frame::trailers(http::HeaderMap::new())), data("?")])
    });
    for _ in 0..2 {
        let answer = shop.get("/").await;
        assert_eq!((answer.text.as_str(), answer.trailers), ("text?", true));
    }
    assert_eq!(shop.runs(), 2);
}

#[tokio::test]
async fn a_body_that_fails_fails_where_it_did() {
    let _test = testing::isolate();
    let shop = Shop::with(CacheResponses::builder("test"), |_| {
        framed(vec![data("half"), Err("broken".to_owned())])
    });
    for _ in 0..2 {
        let answer = shop.get("/").await;
        assert_eq!((answer.text.as_str(), answer.failed.as_deref()), ("half", Some("broken")));
    }
    assert_eq!((shop.runs(), shop.cache.stats().entries), (2, 0));
}

/// RFC 9111 §3.3.
#[tokio::test]
async fn a_body_that_is_not_as_long_as_it_says_is_not_stored() {
    let _test = testing::isolate();
    let shop = Shop::saying(&[("cache-control", "max-age=60"), ("content-length", "7")]);
    shop.get("/").await;
    assert_eq!(shop.get("/").await.text, "run 2");
}

/// RFC 9110 §7.6.1, RFC 9111 §3.1.
#[tokio::test]
async fn what_belongs_to_a_connection_is_not_stored() {
    let _test = testing::isolate();
    let shop = Shop::saying(&[
        ("cache-control", "max-age=60"),
        ("connection", "X-Hop, close"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("proxy-authenticate", "Basic"),
        ("proxy-authentication-info", "x"),
        ("te", "gzip"),
        ("transfer-encoding", "chunked"),
        ("age", "3"),
        ("x-end", "1"),
    ]);
    shop.get("/").await;
    let hit = shop.get("/").await;
    let mut names: Vec<_> = hit.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let expected =
        ["age", "cache-control", "cache-status", "content-length", "date", "etag", "x-end"];
    assert_eq!(names, expected);
    assert_eq!(hit.header("age"), "3", "§4.2.3");
}

#[tokio::test]
async fn what_has_no_content_gets_no_length() {
    let _test = testing::isolate();
    let shop = Shop::with(CacheResponses::builder("test"), |_| {
        let mut answer = response(&[(":status", "204"), ("cache-control", "max-age=60")], "");
        *answer.body_mut() = Frames::default();
        answer
    });
    shop.get("/").await;
    let hit = shop.get("/").await;
    assert!(hit.is_hit() && !hit.headers.contains_key("content-length"));
}

/// What a response keeps alive that is stored.
struct Owner(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn an_entry_keeps_nothing_of_larger_buffers() {
    let _test = testing::isolate();
    let freed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&freed);
    let shop = Shop::with(CacheResponses::builder("test"), move |_| {
        let large = || Bytes::from_owner(Owner(vec![b'x'; 1 << 20], Arc::clone(&counter)));
        let mut answer = framed(vec![Ok(Frame::data(large().slice(..10)))]);
        let value = http::HeaderValue::from_maybe_shared(large().slice(..10)).unwrap();
        answer.headers_mut().insert("x-part", value);
        answer
    });
    assert_eq!(shop.get("/").await.text, "x".repeat(10));
    assert_eq!(freed.load(Ordering::SeqCst), 2, "the body's buffer and the header's");
    let hit = shop.get("/").await;
    assert!(hit.is_hit());
    assert_eq!((hit.text, shop.runs()), ("x".repeat(10), 1));
}

#[tokio::test]
async fn entries_weigh_their_bytes() {
    const LENGTH: u64 = 10_000;
    let _test = testing::isolate();
    let small = CacheResponses::builder("test").capacity(64 << 10);
    let shop = Shop::with(small, |_| response(FRESH, &"x".repeat(10_000)));
    for path in 0..40 {
        shop.get(&format!("/{path}")).await;
        let stats = shop.cache.stats();
        let least = stats.entries * LENGTH;
        assert!(least < stats.weight && stats.weight < least + stats.entries * 1000, "{stats:?}");
        assert!(least <= 64 << 10, "no more bytes than the capacity: {stats:?}");
    }
    assert!((2..=6).contains(&shop.cache.stats().entries), "{:?}", shop.cache.stats());
}
