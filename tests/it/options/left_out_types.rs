//! Type parameters of arguments that the key leaves out: the author decides about them.

use std::sync::Arc;

use cachekit::cache;
use cachekit::testing::{Scope, isolate};
use cachekit_io::MemoryBackend;
use cachekit_tests::{Runs, block_on};

static RUNS: Runs = Runs::new();

trait Executor<'e>: Send {
    type Row: Default + Send;
    fn load(&mut self, id: i64) -> i64;
}

struct Pool;
struct Transaction(u8);

impl Executor<'_> for &Pool {
    type Row = u8;
    fn load(&mut self, id: i64) -> i64 {
        RUNS.add();
        id * 2
    }
}

impl<'e> Executor<'e> for &'e mut Transaction {
    type Row = u16;
    fn load(&mut self, id: i64) -> i64 {
        RUNS.add();
        id * 2 + i64::from(self.0)
    }
}

#[cache(ttl = 60, skip(ex, X))]
async fn user<'e, X: Executor<'e>>(mut ex: X, id: i64) -> i64 {
    ex.load(id)
}

#[cache(ttl = 60, key = id, skip(X))]
async fn by_key<'e, X>(mut ex: X, id: i64) -> i64
where
    X: Executor<'e>,
    X::Row: Default,
{
    ex.load(id)
}

#[cache(ttl = 60, key = (std::any::type_name::<X>(), id))]
async fn by_type<'e, X: Executor<'e>>(mut ex: X, id: i64) -> i64 {
    ex.load(id)
}

#[test]
fn one_entry_for_all_executors() {
    let _test = isolate();
    block_on(async {
        let mut transaction = Transaction(0);
        assert_eq!((user(&Pool, 1).await, user(&mut transaction, 1).await), (2, 2));
        assert_eq!(RUNS.take(), 1);
        // No type needs to be named, and the entry is gone for all.
        assert!(user::invalidate(&1).await.was_cached());
        let mut transaction = Transaction(1);
        assert_eq!((user(&mut transaction, 1).await, user(&Pool, 1).await), (3, 3));
        assert_eq!(RUNS.take(), 1);
        assert_eq!((user::peek(&1).await, user::contains(&2).await), (Some(3), false));
        assert_eq!(user::refresh(&Pool, 1).await, 2);
        user::set(&2, 7).await;
        assert_eq!((user(&Pool, 1).await, user(&mut transaction, 2).await), (2, 7));
        assert_eq!(user::stats().entries, 2);
        RUNS.take();

        assert_eq!((by_key(&Pool, 1).await, by_key(&mut Transaction(1), 1).await), (2, 2));
        assert!(by_key::invalidate(&1).await.was_cached());
    });
}

#[test]
fn or_one_for_each() {
    let _test = isolate();
    block_on(async {
        let mut transaction = Transaction(1);
        assert_eq!((by_type(&Pool, 1).await, by_type(&mut transaction, 1).await), (2, 3));
        assert_eq!((by_type(&Pool, 1).await, by_type(&mut transaction, 1).await), (2, 3));
    });
    assert_eq!(by_type::stats().entries, 2);
}

#[cache(ttl = 60, skip(ex, X))]
fn kept<X, T, const N: usize>(ex: X, id: T) -> String
where
    X: Fn(&T) -> String,
    T: std::hash::Hash + Eq + Clone + Send + Sync + serde::Serialize + 'static,
{
    format!("{} {N}", ex(&id))
}

/// Left-out types are not in what other processes see, and the others are.
#[test]
fn what_is_kept_still_tells_entries_apart() {
    let backend = Arc::new(MemoryBackend::new());
    let machine = || Scope::new().with_backend(backend.clone());
    let (one, other) = (machine(), machine());
    one.run(|| {
        assert_eq!(kept::<_, u8, 1>(|id| format!("first {id}"), 1), "first 1 1");
        assert_eq!(kept::<_, u8, 2>(|id| format!("first {id}"), 1), "first 1 2");
        assert_eq!(kept::<_, u16, 1>(|id| format!("u16 {id}"), 1), "u16 1 1");
    });
    other.run(|| {
        assert_eq!(kept::<_, u8, 1>(|id| format!("second {id}"), 1), "first 1 1");
        assert_eq!(kept::<_, u8, 2>(|id| format!("second {id}"), 1), "first 1 2");
        assert_eq!(kept::<_, u16, 1>(|id| format!("second {id}"), 1), "u16 1 1");
        assert_eq!(kept::stats().shared_hits, 3);
        assert!(kept::invalidate::<u8, 1>(&1).was_cached());
        assert!(!kept::contains::<u8, 1>(&1) && kept::contains::<u8, 2>(&1));
    });
}

struct Repo<T>(std::marker::PhantomData<T>);

impl<T> Repo<T> {
    #[cache(ttl = 60, self = shared, skip(load, F))]
    pub(crate) fn row<F: FnOnce(u32) -> u32>(&self, id: u32, load: F) -> String {
        format!("{} {}", std::any::type_name::<T>(), load(id))
    }

    #[cache::local(ttl = 60, self = shared, skip(buffer, N), stale = 30)]
    pub(crate) fn fill<const N: usize>(&self, id: u32, buffer: [u8; N]) -> u32
    where
        T: 'static,
        Self: Clone + Send,
    {
        let _ = buffer;
        RUNS.add() + id
    }
}

impl<T> Clone for Repo<T> {
    fn clone(&self) -> Self {
        Repo(self.0)
    }
}

#[test]
fn the_impl_around_a_method_is_always_kept() {
    let _test = isolate();
    let (bytes, words) =
        (Repo::<u8>(std::marker::PhantomData), Repo::<u16>(std::marker::PhantomData));
    assert_eq!((bytes.row(1, |n| n), bytes.row(1, |n| n + 1)), ("u8 1".into(), "u8 1".into()));
    assert_eq!(words.row(1, |n| n + 2), "u16 3");
    assert!(bytes.row_cache(&1).invalidate().was_cached());
    assert_eq!((bytes.row(1, |n| n + 4), words.row(1, |n| n)), ("u8 5".into(), "u16 3".into()));

    assert_eq!(bytes.fill(1, [0; 2]), bytes.fill(1, [0; 3]));
    assert_eq!(RUNS.take(), 1);
    assert!(bytes.fill_cache(&1).contains());
}

#[test]
fn closures_do_not_decide_if_the_author_says_so() {
    #[cache(skip(f, F))]
    fn same<F: Fn(u32) -> u32>(n: u32, f: F) -> u32 {
        f(n)
    }
    #[cache::local(skip(ex, X), if = |found| *found > X::LEAST)]
    fn named<X: Least>(ex: X, n: u32) -> u32 {
        let _ = ex;
        n
    }
    let _test = isolate();
    assert_eq!((same(1, |n| n + 1), same(1, |n| n + 2)), (2, 2));
    assert_eq!(same::stats().entries, 1);
    assert_eq!((named(Two, 1), named(Two, 3)), (1, 3));
    assert!(!named::contains(&1) && named::contains(&3));
}

trait Least {
    const LEAST: u32;
}

struct Two;

impl Least for Two {
    const LEAST: u32 = 2;
}
