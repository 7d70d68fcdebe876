//! `Cache<K, V>` as an object.

mod destructors;
mod one_for_all;
mod own_cache;
