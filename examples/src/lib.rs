//! Only doctests: the book's pages about migrating to cachekit. Their code blocks need the crates that you migrate
//! from.

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
