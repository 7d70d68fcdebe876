//! What the attribute adds to the future of a function: little, since what a miss needs is boxed.

use std::mem::size_of_val;

use cachekit::{Cache, cache};

/// Bytes that a future may have beyond those of the same function without the attribute.
const MORE: usize = 256;

/// Suspends once, so that what is alive there is part of the future.
async fn suspend() {
    tokio::task::yield_now().await;
}

/// The same functions with the attribute and without it.
macro_rules! pairs {
    ($($(#[$attribute:meta])* $name:ident($($argument:ident: $ty:ty),*) -> $value:ty $body:block)*) => {
        mod cached {
            use super::*;
            $($(#[$attribute])* pub(super) async fn $name($($argument: $ty),*) -> $value $body)*
        }
        mod plain {
            use super::*;
            $(pub(super) async fn $name($($argument: $ty),*) -> $value $body)*
        }
    };
}

pairs! {
    #[cache]
    trivial() -> u64 { 7 }

    #[cache::local]
    local(n: u64) -> u64 { n }

    #[cache(ttl = 60)]
    arguments(n: u64, text: String) -> usize { suspend().await; text.len() + usize::try_from(n).unwrap_or(0) }

    #[cache(ttl = 60)]
    large_body(n: u8) -> u64 {
        let bytes = [n; 4096];
        suspend().await;
        bytes.iter().map(|byte| u64::from(*byte)).sum()
    }

    #[cache::local]
    large_value(n: u8) -> [u8; 4096] { suspend().await; [n; 4096] }

    #[cache(ttl = 60)]
    fallible(n: u64) -> Result<String, String> { suspend().await; Ok(n.to_string()) }

    #[cache(ttl = 60, stale = 60)]
    stale(n: u64, text: String) -> String { suspend().await; format!("{n}{text}") }

    #[cache::local(ttl = 60, stale = 60)]
    stale_large(n: u8) -> [u8; 4096] { suspend().await; [n; 4096] }

    #[cache(ttl = |value| *value)]
    ttl_of_value(n: u64) -> u64 { suspend().await; n }

    #[cache(ttl = 60, if = |value| !value.is_empty(), weight = |_, value| value.len() as u64)]
    ruled(text: String) -> String { suspend().await; text }

    #[cache::secure(ttl = 60, namespace = "futures")]
    sealed(n: u64) -> u64 { suspend().await; n }
}

#[test]
fn the_attribute_adds_little_to_a_future() {
    let mut too_large = Vec::new();
    macro_rules! compare {
        ($($name:ident($($argument:expr),*);)*) => {$(
            let (cached, plain) = (cached::$name($($argument),*), plain::$name($($argument),*));
            let sizes = (size_of_val(&cached), size_of_val(&plain));
            println!("{}: {} bytes, without the attribute {}", stringify!($name), sizes.0, sizes.1);
            if sizes.0 > sizes.1 + MORE {
                too_large.push((stringify!($name), sizes));
            }
        )*};
    }
    compare! {
        trivial();
        local(7);
        arguments(7, "seven".to_owned());
        large_body(7);
        large_value(7);
        fallible(7);
        stale(7, "seven".to_owned());
        stale_large(7);
        ttl_of_value(7);
        ruled("seven".to_owned());
        sealed(7);
    }
    assert!(too_large.is_empty(), "{too_large:?}");
}

/// A shape that borrows: `&self`, and text.
struct Shop;

impl Shop {
    #[cache(ttl = 60, self = shared)]
    async fn price(&self, item: &str) -> u64 {
        self.plain(item).await
    }

    async fn plain(&self, item: &str) -> u64 {
        suspend().await;
        item.len() as u64
    }
}

#[test]
fn it_adds_little_to_a_method() {
    let (cached, plain) = (Shop.price("tea"), Shop.plain("tea"));
    // The body's future is the plain one, and the arguments stand beside it.
    let arguments = size_of::<(&Shop, &str)>();
    assert!(size_of_val(&cached) <= size_of_val(&plain) + 2 * arguments + MORE);
}

#[test]
fn a_cache_object_adds_little_more() {
    let cache = Cache::<u64, u64>::new(10);
    let future = || async {
        let bytes = [7_u8; 4096];
        suspend().await;
        bytes.iter().map(|byte| u64::from(*byte)).sum()
    };
    let own = size_of_val(&future());
    // Taken by value, a future stands there once as an argument and once as what runs.
    assert!(size_of_val(&cache.get_or_insert_async(&7, future())) <= 2 * own + MORE);
}
