//! `interop = …` and type parameters: the key of all languages shows none.

use cachekit::cache;

trait Entity {
    const NAME: &'static str;
}

#[cache(interop = "size", namespace = "types", ttl = 60)]
fn in_the_body<T: 'static>(id: u64) -> String {
    format!("{} {id}", std::any::type_name::<T>())
}

#[cache(interop = "twice", namespace = "types", ttl = 60)]
fn in_an_argument<T: Clone>(item: T) -> u64 {
    std::mem::size_of_val(&item) as u64
}

#[cache(interop = "load", namespace = "types", ttl = 60)]
fn returned<T: Entity>(id: u64) -> T {
    unimplemented!("{id}")
}

#[cache(interop = "load", namespace = "types", ttl = 60, skip(T))]
fn returned_and_left_out<T: Entity>(id: u64) -> T {
    unimplemented!("{id}")
}

#[cache(interop = "page", namespace = "types", ttl = 60)]
fn a_constant<const N: usize>(id: u64) -> u64 {
    id + N as u64
}

#[cache(interop = "length", namespace = "types", ttl = 60)]
fn without_a_name(text: impl AsRef<str>) -> usize {
    text.as_ref().len()
}

#[cache(interop = "read", namespace = "types", ttl = 60, key = convert::<T>(id))]
fn converted<T>(id: u64) -> u64 {
    id
}

fn main() {}
