//! Type parameters of arguments that the key leaves out.

use cachekit::cache;

trait Executor {}

#[cache(skip(ex))]
async fn undecided<X: Executor>(ex: X, id: u64) -> u64 {
    id
}

#[cache(key = id)]
fn with_a_key<X: Executor>(ex: &X, id: u64) -> u64 {
    id
}

#[cache(skip(buffer))]
fn of_a_length<const N: usize>(buffer: &mut [u8; N], id: u64) -> u64 {
    id
}

#[cache(skip(ex))]
fn without_a_name(ex: impl Executor, id: u64) -> u64 {
    id
}

#[cache(skip(ex, T))]
fn of_the_value<T: Default + Clone>(ex: fn() -> T, id: u64) -> T {
    T::default()
}

struct Repo;

impl Executor for Repo {}

trait Users {
    fn user<X: Executor>(&self, ex: X, id: u64) -> u64;
}

impl Users for Repo {
    #[cache(self = shared, skip(ex, X))]
    fn user<X: Executor>(&self, ex: X, id: u64) -> u64 {
        id
    }
}

fn main() {}
