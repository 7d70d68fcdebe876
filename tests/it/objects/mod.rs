//! `Cache<K, V>` as an object.

mod destructors;
mod own_cache;
