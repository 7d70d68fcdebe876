//! Nothing but tests: the book's pages about moving to cachekit, whose code blocks need the crates that one moves from.

#[cfg(doctest)]
mod migrating {
    #[doc = include_str!("../../docs/src/migrating/cached.md")]
    struct Cached;

    #[doc = include_str!("../../docs/src/migrating/memoize.md")]
    struct Memoize;

    #[doc = include_str!("../../docs/src/migrating/moka.md")]
    struct Moka;

    #[doc = include_str!("../../docs/src/migrating/redis.md")]
    struct Redis;
}
