//! Generic functions, with the bounds that the compiler asks for and with the one it proposes.

use std::fmt::Display;
use std::hash::Hash;

use cachekit::cache;
use serde::Serialize;
use serde::de::DeserializeOwned;

// serde knows arrays of some lengths only.
#[cache::local]
fn array<T: Clone, const N: usize>(of: [u8; N], _: [T; 0]) -> usize
where
    T: Hash + Eq + Send + Sync + 'static,
{
    of.len()
}

#[cache::local]
fn argument<T: Hash + Eq + Clone + Send + Sync + 'static + Display>(of: T) -> String {
    of.to_string()
}

// What the help of an error says: see `fail/arguments_types.rs`.
#[cache::local]
fn proposed<T: cachekit::key::Keyable + Display>(of: T) -> String {
    of.to_string()
}

#[cache]
fn shared<'a, T>(items: &'a [T], by: &'a str) -> String
where
    T: Hash + Eq + Clone + Send + Sync + Serialize + Display + 'static,
{
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(by)
}

#[cache]
fn value<T>(number: u64) -> Vec<T>
where
    T: From<u64> + Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    vec![T::from(number)]
}

#[cache(key = of.to_string())]
fn by_key<T: Display>(of: T) -> String {
    of.to_string()
}

#[cache(skip(_by))]
fn anything(of: impl Display + Hash + Eq + Clone + Send + Sync + Serialize + 'static, _by: fn()) -> String {
    of.to_string()
}

struct Shelf<T>(T);

impl<T: Display + Send + Sync + 'static> Shelf<T> {
    #[cache(self = key(self.0.to_string()))]
    pub fn label<U: Display>(&self, #[allow(unused)] more: u32) -> String {
        self.0.to_string()
    }
}

fn main() {
    assert_eq!((argument(1), argument("1"), proposed(2)), ("1".into(), "1".into(), "2".into()));
    assert_eq!(array([1, 2], [""; 0]), 2);
    assert_eq!(by_key(1.5), "1.5");
    assert_eq!(anything(1, || ()), "1");
    assert_eq!(shared(&[1_u32, 2], "+"), "1+2");
    assert_eq!(value::<u64>(1), [1]);
    assert_eq!(value::<u128>(1), [1]);
    assert_eq!(Shelf(1).label::<u8>(1), "1");
}
