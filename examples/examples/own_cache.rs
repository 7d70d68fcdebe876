//! A cache as a field: every object owns one, and methods name it with `in = …`.
//!
//! The entries, the capacity and the expiry then belong to the object; dropping it drops them.

use std::time::Duration;

use cachekit::{Cache, cache};

/// The pages of one site. The cache is bounded by bytes, not by entries.
struct Site {
    root: String,
    pages: Cache<String, Vec<u8>>,
    /// A key of two parts.
    ranks: Cache<(String, u32), u32>,
}

impl Site {
    fn new(root: &str) -> Self {
        let pages = Cache::builder()
            .capacity(4 << 20)
            .weigher(|path: &String, page: &Vec<u8>| (path.len() + page.len()) as u64)
            .ttl(Duration::from_secs(300))
            .build();
        Self { root: root.to_owned(), pages, ranks: Cache::new(1_000) }
    }

    /// No `self = …` is needed: the cache belongs to the object.
    #[cache::local(in = self.pages)]
    fn page(&self, path: &str) -> Vec<u8> {
        format!("{}{path}: ", self.root).repeat(64).into_bytes()
    }

    /// A TTL and a condition may be given here, too; where none is given, the builder's TTL
    /// applies.
    #[cache::local(in = self.ranks, ttl = "10s", if = |rank: &u32| *rank > 0)]
    async fn rank(&self, query: &str, depth: u32) -> Result<u32, String> {
        query.len().try_into().map(|n: u32| n * depth).map_err(|e| format!("{e}"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (docs, blog) = (Site::new("docs"), Site::new("blog"));

    docs.page("/start");
    assert_eq!(docs.page("/start"), docs.page("/start"));
    assert_ne!(docs.page("/start"), blog.page("/start"));
    println!("docs: {}", docs.pages.stats());
    assert_eq!((docs.pages.stats().misses, blog.pages.stats().misses), (1, 1));

    // The cache's own methods and the attribute use the same entries.
    assert!(docs.pages.contains("/start"));
    docs.pages.insert("/about".to_owned(), b"by hand".to_vec());
    assert_eq!(docs.page("/about"), b"by hand");
    assert!(docs.pages.invalidate("/about"));
    assert_ne!(docs.page("/about"), b"by hand");
    docs.pages.insert_with_ttl("/tmp".to_owned(), vec![], Some(Duration::from_secs(1)));

    // The bound holds, however much is stored.
    for n in 0..10_000 {
        docs.page(&format!("/{n}"));
    }
    println!("docs: {} pages of {} bytes", docs.pages.len(), docs.pages.weight());
    assert!(docs.pages.weight() <= 4 << 20);
    // A value too heavy for the cache is returned but not stored.
    docs.pages.insert("/huge".to_owned(), vec![0; 5 << 20]);
    assert_eq!(docs.pages.get("/huge"), None);

    assert_eq!(docs.rank("rust", 2).await, Ok(8));
    assert_eq!(docs.rank("rust", 2).await, Ok(8));
    assert_eq!(docs.rank("", 2).await, Ok(0));
    println!("ranks: {}", docs.ranks.stats());
    assert_eq!((docs.ranks.stats().hits, docs.ranks.len()), (1, 1));
    assert_eq!(docs.ranks.get(&("rust".to_owned(), 2)), Some(8));

    // Without an attribute: one fill for concurrent callers; errors are returned, not stored.
    let squares = Cache::<u64, u64>::new(100);
    assert_eq!(squares.get_or_insert_with(&7, || 49), 49);
    assert_eq!(squares.get_or_insert_with(&7, || unreachable!("it is there")), 49);
    assert!(squares.get_or_try_insert_with(&8, || "x".parse::<u64>()).is_err());
    assert_eq!(squares.get_or_insert_async(&8, async { 64 }).await, 64);
    squares.clear();
    assert!(squares.is_empty());
}
