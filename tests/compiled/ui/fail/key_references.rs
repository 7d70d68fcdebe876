//! Types with references that a key cannot own.

use cachekit::cache;

#[derive(Clone, PartialEq, Eq, Hash)]
struct User(u8);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct View<'a>(&'a str);

#[cache::local]
fn slice(users: &[&User]) -> u8 {
    users[0].0
}

#[cache]
fn result(user: Result<&User, u8>) -> u8 {
    user.map_or(0, |user| user.0)
}

#[cache::local]
fn view(view: View<'_>) -> usize {
    view.0.len()
}

#[cache::local]
fn in_a_tuple((view, more): (View<'_>, u8)) -> usize {
    view.0.len() + usize::from(more)
}

fn main() {}
