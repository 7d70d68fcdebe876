//! Whole inputs of the attributes, generated, against the same functions without them.
//!
//! Every program is a module that has some functions twice, plain and cached: written out or by a macro from
//! fragments, free or in `impl`s, generic, async, with options and names of every kind. The compiler has to
//! take it, and `cachekit_compiled_tests::judge` says what must hold when it runs.
//!
//! `CACHEKIT_PROGRAMS=2000 cargo test -p cachekit-compiled-tests programs::` makes more of them, and
//! `CACHEKIT_PROGRAMS_SEED` others. They lie in `target/tests/programs`; a failure names the file.

mod choice;
mod forms;
mod fragments;
mod function;
mod options;
mod print;
mod words;

use std::path::{Path, PathBuf};

/// How many programs an ordinary run makes: their compilation is what takes the time.
const PROGRAMS: u64 = 96;

/// How many are compiled together.
const PER_CRATE: u64 = 125;

fn number(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is to be a number")),
        Err(_) => otherwise,
    }
}

/// Where cargo puts what it makes.
fn target() -> PathBuf {
    // …/target/debug/deps/it-….
    let test = std::env::current_exe().expect("this test has a file");
    test.ancestors().nth(3).map(Path::to_path_buf).expect("it is below cargo's folder")
}

/// Writes a file if it says something else, so that the same programs are compiled once.
fn write(path: &Path, text: &str) {
    if std::fs::read_to_string(path).is_ok_and(|found| found == text) {
        return;
    }
    std::fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder for programs");
    std::fs::write(path, text).expect("a file for a program");
}

#[test]
fn cached_and_plain_functions_agree() {
    let (count, first) =
        (number("CACHEKIT_PROGRAMS", PROGRAMS), number("CACHEKIT_PROGRAMS_SEED", 1));
    println!("{count} programs from seed {first}");
    let folder = target().join("tests").join("programs");
    let cases = trybuild::TestCases::new();
    let seeds: Vec<u64> = (first..first + count).collect();
    for (number, seeds) in seeds.chunks(usize::try_from(PER_CRATE).unwrap_or(1)).enumerate() {
        let part = format!("part{number}");
        for &seed in seeds {
            write(&folder.join(&part).join(format!("p{seed}.rs")), &print::program(seed));
        }
        let main = folder.join(format!("{part}.rs"));
        write(&main, &print::main(&part, seeds));
        cases.pass(main);
    }
}
