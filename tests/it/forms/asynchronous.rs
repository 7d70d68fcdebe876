//! Async functions and methods in every form.

use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use cachekit::cache;
use cachekit::testing::{Scope, isolate};
use cachekit_tests::{Runs, block_on};
use futures::future::{BoxFuture, FutureExt, LocalBoxFuture};

static RUNS: Runs = Runs::new();

/// Suspends once, so that a body is not done in one go.
async fn pause() {
    let mut first = true;
    std::future::poll_fn(|cx| {
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(())
    })
    .await;
}

#[cache(ttl = 60)]
async fn double(n: u32) -> u32 {
    pause().await;
    RUNS.add();
    n * 2
}

#[test]
fn async_function() {
    let _test = isolate();
    block_on(async {
        assert_eq!((double(2).await, double(2).await, double(3).await), (4, 4, 6));
        assert_eq!(RUNS.take(), 2);
        assert_eq!(double::peek(&2).await, Some(4));
        assert!(double::invalidate(&2).await.was_cached());
        assert!(!double::contains(&2).await);
        double::set(&2, 5).await;
        assert_eq!(double(2).await, 5);
        assert_eq!(double::refresh(2).await, 4);
        assert_eq!(double::key(&2), double::key(&2));
        double::clear().await.ignore();
        assert_eq!(double::stats().entries, 0);
    });
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let _test = isolate();
    drop(double(2));
    assert_eq!((double::stats().misses, RUNS.take()), (0, 0));
}

#[test]
fn companions_own_their_key_and_find_the_store_where_they_are_polled() {
    fn owned<T: Send + 'static>(future: T) -> T {
        future
    }
    #[cache]
    async fn length(text: &str) -> Result<usize, String> {
        Ok(text.len())
    }
    let scope = Scope::new();
    let (peeked, set, invalidated, cleared) = {
        let text = "four".to_owned();
        (
            owned(length::peek(&text)),
            owned(length::set(&text, Ok(5))),
            owned(length::invalidate(&text)),
            owned(length::clear()),
        )
    };
    drop(length::set("four", Ok(6)));
    block_on(scope.wrap(async {
        assert_eq!(length("four").await, Ok(4));
        assert_eq!(peeked.await, Some(Ok(4)));
        set.await;
        assert_eq!(length("four").await, Ok(5));
        assert!(invalidated.await.was_cached());
        assert_eq!(length("four").await, Ok(4));
        cleared.await.ignore();
        assert_eq!(length::peek("four").await, None);
    }));
}

#[test]
fn borrowed_arguments_live_as_long_as_the_call() {
    #[cache]
    async fn joined(a: &str, parts: &[&str], n: Option<&u32>) -> String {
        pause().await;
        RUNS.add();
        format!("{a}{}{n:?}", parts.join(","))
    }
    let _test = isolate();
    block_on(async {
        for _ in 0..2 {
            let (text, parts) = (String::from("a"), [String::from("b"), String::from("c")]);
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            assert_eq!(joined(&text, &parts, Some(&1)).await, "ab,cSome(1)");
        }
        assert_eq!(RUNS.take(), 1);
        assert_eq!(joined::peek("a", &["b", "c"], &Some(&1)).await.as_deref(), Some("ab,cSome(1)"));
    });
}

#[test]
fn question_marks_and_returns() {
    #[cache]
    async fn parsed(text: &str) -> Result<u32, std::num::ParseIntError> {
        if text == "zero" {
            return Ok(0);
        }
        let n: u32 = text.parse()?;
        pause().await;
        Ok(n)
    }
    let _test = isolate();
    block_on(async {
        for _ in 0..2 {
            assert_eq!((parsed("zero").await, parsed("7").await), (Ok(0), Ok(7)));
            assert!(parsed("x").await.is_err());
        }
        assert_eq!(parsed::stats().hits, 2);
    });
}

#[test]
fn generics_patterns_and_mutable_arguments() {
    #[cache]
    async fn sized<T, const N: usize>((a, b): (u32, u32), mut list: Vec<u32>) -> usize {
        pause().await;
        RUNS.add();
        list.push(a + b);
        size_of::<T>() * N + list.len()
    }
    let _test = isolate();
    block_on(async {
        for _ in 0..2 {
            assert_eq!(sized::<u8, 2>((1, 2), vec![]).await, 3);
            assert_eq!(sized::<u64, 2>((1, 2), vec![]).await, 17);
            assert_eq!(sized::<u8, 3>((1, 2), vec![]).await, 4);
        }
        assert_eq!(RUNS.take(), 3);
        assert!(sized::contains::<u64, 2>(&(1, 2), &vec![]).await);
        assert!(!sized::contains::<u16, 2>(&(1, 2), &vec![]).await);
    });
}

#[test]
fn impl_trait_arguments() {
    #[cache(key = text.as_ref())]
    async fn counted(text: impl AsRef<str> + Send) -> usize {
        pause().await;
        RUNS.add();
        text.as_ref().len()
    }
    let _test = isolate();
    assert_eq!(block_on(async { (counted("abc").await, counted("abc").await) }), (3, 3));
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn futures_are_send_where_their_parts_are() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let _test = isolate();
    drop(assert_send(double(1)));
    drop(assert_send(double::refresh(1)));
    drop(assert_send(double::invalidate(&1)));
    drop(assert_send(double::peek(&1)));
    drop(assert_send(double::set(&1, 1)));
    drop(assert_send(boxed(1)));
    drop(assert_send(returned(1)));
}

#[cache]
fn boxed(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move {
        pause().await;
        RUNS.add();
        n + 1
    })
}

#[cache]
fn borrowing<'a>(text: &'a str) -> BoxFuture<'a, Result<usize, String>> {
    if text.is_empty() {
        return async { Err("empty".to_owned()) }.boxed();
    }
    async move {
        pause().await;
        RUNS.add();
        Ok(text.len())
    }
    .boxed()
}

#[cache]
fn local(n: u32) -> LocalBoxFuture<'static, u32> {
    let shared = std::rc::Rc::new(n);
    async move {
        pause().await;
        RUNS.add();
        *shared + 1
    }
    .boxed_local()
}

#[cache]
fn returned(n: u32) -> impl Future<Output = u32> + Send {
    async move {
        pause().await;
        RUNS.add();
        n + 1
    }
}

#[cache]
fn captured(text: &str) -> impl Future<Output = usize> + Send + use<'_> {
    async move {
        pause().await;
        RUNS.add();
        text.len()
    }
}

#[test]
fn functions_that_return_futures() {
    let _test = isolate();
    block_on(async {
        for _ in 0..2 {
            assert_eq!((boxed(1).await, local(1).await, returned(1).await), (2, 2, 2));
            assert_eq!((borrowing("abc").await, captured("abc").await), (Ok(3), 3));
            assert!(borrowing("").await.is_err());
        }
        assert_eq!(RUNS.take(), 5);
        assert_eq!((boxed::peek(&1).await, returned::peek(&1).await), (Some(2), Some(2)));
        assert_eq!((boxed::refresh(1).await, borrowing::refresh("abc").await), (2, Ok(3)));
        assert_eq!(RUNS.take(), 2);
    });
}

struct Client {
    base: String,
}

impl Client {
    #[cache(self = key(&self.base))]
    pub(crate) async fn get(&self, path: &str) -> String {
        pause().await;
        RUNS.add();
        format!("{}{path}", self.base)
    }

    #[cache(self = key(&self.base))]
    pub(crate) async fn get_mut(&mut self, path: &str) -> String {
        pause().await;
        RUNS.add();
        self.base.push('/');
        format!("{}{path}", self.base)
    }

    #[cache(self = key(&self.base))]
    async fn into_get(self, path: String) -> String {
        pause().await;
        RUNS.add();
        self.base + &path
    }
}

#[test]
fn async_methods() {
    let _test = isolate();
    block_on(async {
        let (a, b) = (Client { base: "a".into() }, Client { base: "b".into() });
        for _ in 0..2 {
            assert_eq!((a.get("1").await, b.get("1").await), ("a1".into(), "b1".into()));
        }
        assert_eq!(RUNS.take(), 2);
        assert_eq!(a.get_cache("1").peek().await.as_deref(), Some("a1"));
        assert!(a.get_cache("1").invalidate().await.was_cached());
        assert!(!a.get_cache("1").contains().await && b.get_cache("1").contains().await);
        assert_eq!(a.get_cache("1").refresh(a.get("1")).await, "a1");
        let mut c = Client { base: "c".into() };
        assert_eq!(c.get_mut("1").await, "c/1");
        let mut again = Client { base: "c".into() };
        assert_eq!((again.get_mut("1").await, again.base.as_str()), ("c/1".into(), "c"));
        for _ in 0..2 {
            let client = Client { base: "d".into() };
            assert_eq!(client.into_get("1".into()).await, "d1");
        }
        assert_eq!(RUNS.take(), 3);
    });
}

trait Store {
    async fn load(&self, id: u32) -> u32;

    fn load_boxed(&self, id: u32) -> impl Future<Output = u32> + Send;

    #[cache(self = shared)]
    async fn load_default(&self, id: u32) -> String {
        pause().await;
        RUNS.add();
        format!("{}{id}", std::any::type_name::<Self>().rsplit("::").next().unwrap_or_default())
    }
}

struct One;
struct Two;

impl Store for One {
    #[cache(self = shared)]
    async fn load(&self, id: u32) -> u32 {
        pause().await;
        RUNS.add();
        id
    }

    #[cache(self = shared)]
    fn load_boxed(&self, id: u32) -> impl Future<Output = u32> + Send {
        RUNS.add();
        async move { id }
    }
}

impl Store for Two {
    #[cache(self = shared)]
    async fn load(&self, id: u32) -> u32 {
        pause().await;
        RUNS.add();
        id + 100
    }

    #[cache(self = shared)]
    async fn load_boxed(&self, id: u32) -> u32 {
        RUNS.add();
        id + 100
    }
}

#[test]
fn native_async_traits() {
    let _test = isolate();
    block_on(async {
        for _ in 0..2 {
            assert_eq!((One.load(1).await, Two.load(1).await), (1, 101));
            assert_eq!((One.load_boxed(1).await, Two.load_boxed(1).await), (1, 101));
            assert_eq!(One.load_default(1).await, "One1");
            assert_eq!(Two.load_default(1).await, "Two1");
        }
        assert_eq!(RUNS.take(), 6);
    });
}

#[async_trait]
trait Remote: Send + Sync {
    async fn fetch(&self, id: u32, note: &str) -> Result<String, String>;

    #[cache(self = shared)]
    async fn fetch_default(&self, id: u32) -> u32 {
        pause().await;
        RUNS.add();
        id
    }
}

struct Http(String);

#[async_trait]
impl Remote for Http {
    #[cache(self = key(&self.0), ttl = 60)]
    async fn fetch(&self, id: u32, note: &str) -> Result<String, String> {
        pause().await;
        RUNS.add();
        if note.is_empty() {
            return Err("nothing to do".to_owned());
        }
        Ok(format!("{}{id}{note}", self.0))
    }
}

#[async_trait(?Send)]
trait Single {
    async fn fetch_here(&self, id: u32) -> u32;
}

#[async_trait(?Send)]
impl Single for Http {
    #[cache(self = shared)]
    async fn fetch_here(&self, id: u32) -> u32 {
        let held = std::rc::Rc::new(id);
        pause().await;
        RUNS.add();
        *held
    }
}

#[test]
fn async_trait_methods() {
    let _test = isolate();
    let remotes: [Box<dyn Remote>; 2] = [Box::new(Http("a".into())), Box::new(Http("b".into()))];
    block_on(async {
        for _ in 0..2 {
            assert_eq!(remotes[0].fetch(1, "x").await.as_deref(), Ok("a1x"));
            assert_eq!(remotes[1].fetch(1, "x").await.as_deref(), Ok("b1x"));
            assert_eq!(remotes[0].fetch_default(3).await, 3);
            assert_eq!(Http(String::new()).fetch_here(3).await, 3);
        }
        assert_eq!(RUNS.take(), 4);
        assert!(remotes[0].fetch(1, "").await.is_err());
        assert!(remotes[0].fetch(1, "").await.is_err());
        assert_eq!(RUNS.take(), 2);
    });
}
