//! What is accepted, what is refused, and where a refusal points.

mod durations;
mod expansion;
mod fragments;
mod functions;
mod interop;
mod left_out;
mod mentions;
mod names;
mod options;
mod same_text;
mod secure;
mod sharing;
mod stale;
mod words;

use std::str::FromStr;

use proc_macro2::TokenStream;

use crate::model::{Model, Tier};

fn tokens(source: &str) -> TokenStream {
    TokenStream::from_str(source).expect("the test's source is Rust")
}

/// The mistakes, each as the text it underlines and its message.
fn mistakes(options: &str, function: &str) -> Vec<(String, String)> {
    mistakes_at(Tier::Shared, options, function)
}

fn mistakes_at(tier: Tier, options: &str, function: &str) -> Vec<(String, String)> {
    let Err(error) = Model::build(tier, tokens(options), tokens(function)) else {
        return Vec::new();
    };
    error
        .into_iter()
        .map(|error| (error.span().source_text().unwrap_or_default(), error.to_string()))
        .collect()
}

/// The only mistake.
fn mistake(options: &str, function: &str) -> (String, String) {
    let mut all = mistakes(options, function);
    assert_eq!(all.len(), 1, "{options} on {function}: {all:?}");
    all.remove(0)
}

fn accepts(options: &str, function: &str) {
    assert_eq!(mistakes(options, function), [], "{options} on {function}");
}

/// Checks the only mistake: where it points, and a part of what it says.
fn refuses(options: &str, function: &str, place: &str, message: &str) {
    let (at, said) = mistake(options, function);
    assert_eq!(at, place, "{said}");
    assert!(said.contains(message), "{said:?} does not say {message:?}");
}

/// What is emitted, as one line.
fn expansion(options: &str, function: &str) -> String {
    super::attribute(Tier::Shared, tokens(options), tokens(function)).to_string()
}
