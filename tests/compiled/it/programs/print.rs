//! Programs as text.

use std::fmt::Write;

use super::choice::Choice;
use super::forms::{self, Subject};
use super::words::TYPES;

/// What a program may have around its functions, besides: names of the prelude for other things.
const SURROUNDINGS: &[&str] = &[
    "pub struct Some;",
    "pub struct None;",
    "pub struct Ok;",
    "pub struct Err;",
    "pub struct Result;",
    "pub struct Option;",
    "pub struct Box;",
    "pub struct Vec;",
    "pub struct String;",
    "pub struct Future;",
    "pub struct Pin;",
    "pub struct Duration;",
    "pub trait Clone {}",
    "pub trait Send {}",
    "pub trait Sized {}",
    "pub trait Fn {}",
    "pub trait Into {}",
    "pub mod core {}",
    "pub mod std {}",
    "pub mod alloc {}",
    "pub mod cachekit {}",
    "pub mod serde {}",
    "macro_rules! module_path { () => { compile_error!() }; }",
    "macro_rules! format { () => { compile_error!() }; }",
    "macro_rules! concat { () => { compile_error!() }; }",
    "macro_rules! vec { () => { compile_error!() }; }",
    "pub const KEY: u8 = 0; pub static VALUE: u8 = 1;",
    "pub trait Noise { fn key(&self) {} fn value(&self) {} fn take(&self) {} fn kind(&self) {} fn publish(&self) {} } \
     impl<T: ?::core::marker::Sized> Noise for T {}",
];

/// The file of one program.
pub(super) fn program(seed: u64) -> String {
    let mut choice = Choice::new(seed);
    let form = forms::any(&mut choice);
    let around = if choice.chance(40) { choice.below(8) } else { 0 };
    let surroundings = choice.several(SURROUNDINGS, around).join("\n");
    let mut schedule = Vec::new();
    for (number, subject) in form.subjects.iter().enumerate() {
        for call in 0..subject.calls.len() {
            // Each twice at least, so that there are hits.
            schedule.extend([(number, call); 2]);
        }
    }
    choice.shuffle(&mut schedule);
    let mut text = format!("// Made from seed {seed}. See tests/it/programs/mod.rs.\n");
    for (module, items) in [("plain", &form.plain), ("cached", &form.cached)] {
        let _ = write!(
            text,
            "pub mod {module} {{\npub static RUNS: ::core::sync::atomic::AtomicUsize = \
             ::core::sync::atomic::AtomicUsize::new(0);\n{surroundings}\n{items}\n"
        );
        for (number, subject) in form.subjects.iter().enumerate() {
            text += &calls(number, subject);
            if module == "cached" {
                text += &companion(number, subject);
            }
        }
        text += "}\n";
    }
    let subjects: String =
        form.subjects.iter().enumerate().map(|(n, each)| listed(n, each)).collect();
    let _ = write!(
        text,
        "use ::cachekit_compiled_tests::judge::{{Kept, Program, Reach, Subject}};\n\
         pub const PROGRAM: Program = Program {{ name: \"p{seed}\", seed: {seed}, \
         subjects: &[{subjects}], schedule: &{schedule:?} }};\n"
    );
    text
}

/// The call of each number.
fn calls(number: usize, subject: &Subject) -> String {
    let mut arms = String::new();
    for (call, text) in subject.calls.iter().enumerate() {
        let _ = writeln!(arms, "{call} => {text},");
    }
    format!(
        "pub fn call_{number}(call: ::core::primitive::usize) -> ::std::string::String {{\n\
         match call {{\n{arms}_ => ::std::unreachable!(),\n}} }}\n"
    )
}

fn companion(number: usize, subject: &Subject) -> String {
    let Some(steps) = &subject.companion else { return String::new() };
    let names = ["Peek", "Contains", "Invalidate", "Refresh", "Set"];
    let mut arms = String::new();
    for (name, text) in names.iter().zip(steps) {
        let _ = writeln!(arms, "::cachekit_compiled_tests::judge::Step::{name} => {text},");
    }
    format!(
        "pub fn companion_{number}(step: ::cachekit_compiled_tests::judge::Step) -> ::std::string::String {{\n\
         match step {{\n{arms}}} }}\n"
    )
}

fn listed(number: usize, subject: &Subject) -> String {
    let Subject { name, keys, kept, reach, lasts, none_lasts, .. } = subject;
    let companion = match subject.companion {
        Some(_) => format!("Some(cached::companion_{number})"),
        None => "None".to_owned(),
    };
    format!(
        "Subject {{ name: {name:?}, keys: &{keys:?}, kept: Kept::{kept}, reach: Reach::{reach}, lasts: {lasts:?}, none_lasts: {none_lasts:?}, \
         plain: plain::call_{number}, cached: cached::call_{number}, runs: &cached::RUNS, companion: {companion} }},"
    )
}

/// The file that has all programs of one crate as modules, and judges them.
pub(super) fn main(part: &str, seeds: &[u64]) -> String {
    let mut text = "#![allow(warnings)]\n".to_owned();
    text += TYPES;
    for seed in seeds {
        let _ = writeln!(text, "#[path = \"{part}/p{seed}.rs\"]\nmod p{seed};");
    }
    let all: Vec<_> = seeds.iter().map(|seed| format!("p{seed}::PROGRAM")).collect();
    let _ = writeln!(
        text,
        "fn main() {{ ::cachekit_compiled_tests::judge::judge_all(&[{}]) }}",
        all.join(", ")
    );
    text
}
