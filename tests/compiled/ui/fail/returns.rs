//! Return types that say on their own that nothing can be kept of them.

use std::borrow::Cow;

use cachekit::cache;

struct Parsed<'a>(&'a str);

#[cache]
fn nothing(id: u64) {}

#[cache]
async fn nothing_later(id: u64) {}

#[cache]
fn never(id: u64) -> ! {
    loop {}
}

#[cache]
fn reference(text: &str) -> &str {
    text
}

#[cache::local]
fn inside(text: &str) -> Option<&str> {
    Some(text)
}

#[cache::local]
fn borrowing(text: &str) -> Cow<'_, str> {
    text.into()
}

#[cache::local]
fn named<'a>(text: &'a str) -> Result<Parsed<'a>, String> {
    Ok(Parsed(text))
}

#[cache::local]
async fn later(text: &str) -> Vec<&str> {
    vec![text]
}

#[cache]
fn unnamed(count: u64) -> impl Iterator<Item = u64> {
    0..count
}

#[cache]
fn unnamed_inside(count: u64) -> Option<impl Sized> {
    Some(count)
}

#[cache]
fn of_this_program(id: u64) -> Option<&'static str> {
    None
}

fn main() {}
