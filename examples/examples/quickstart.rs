//! Statistics over this repository's own sources, each computed once.
//!
//! ```text
//! cargo run --release -p examples --example quickstart
//! ```
//!
//! Prints for every call whether it was a miss (the body ran) or a hit (it did not), and how long it
//! took. No network, no arguments.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use cachekit::{Stats, cache};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All text files of the repository, except build output.
#[cache(ttl = "5m")]
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                open.push(path);
            } else if [".rs", ".toml", ".md"].iter().any(|suffix| name.ends_with(suffix)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Files, lines and words. Every argument is part of the key.
#[cache(ttl = "5m", capacity = 100)]
fn totals(extension: &str, comments: bool) -> (usize, usize, usize) {
    let mut files = sources();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    let texts: Vec<_> = files.iter().flat_map(fs::read_to_string).collect();
    let is_counted = |line: &&str| comments || !line.trim_start().starts_with("//");
    let counted = || texts.iter().flat_map(|text| text.lines()).filter(is_counted);
    let words = counted().map(|line| line.split_whitespace().count()).sum();
    (files.len(), counted().count(), words)
}

/// The longest line of a file. An `Err` is returned and not stored.
#[cache(ttl = "5m")]
fn longest_line(file: &str) -> std::io::Result<String> {
    let text = fs::read_to_string(root().join(file))?;
    Ok(text.lines().max_by_key(|line| line.chars().count()).unwrap_or_default().trim().to_owned())
}

/// The identifiers that occur most often, over all files. Many tasks may call this at once; one does
/// the work.
#[cache(ttl = "5m")]
async fn common_identifiers(count: usize) -> Arc<[(String, usize)]> {
    let counting = tokio::task::spawn_blocking(move || {
        let mut counts = HashMap::<String, usize>::new();
        for text in sources().iter().flat_map(fs::read_to_string) {
            let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
            for word in words.filter(|word| word.len() > 3) {
                *counts.entry(word.to_owned()).or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts.truncate(count);
        counts.into()
    });
    counting.await.unwrap_or_default()
}

#[tokio::main]
async fn main() {
    for _ in 0..3 {
        let watch = Watch::start(r#"totals("rs", true)"#, totals::stats);
        let (files, lines, words) = totals("rs", true);
        watch.stop(&format!("{files} files, {lines} lines, {words} words"));
    }
    let watch = Watch::start(r#"1,000 times totals("rs", true)"#, totals::stats);
    for _ in 0..1_000 {
        std::hint::black_box(totals("rs", true));
    }
    let each = watch.started.elapsed() / 1_000;
    watch.stop(&format!("{each:?} a hit"));

    let watch = Watch::start(r#"totals("rs", false)"#, totals::stats);
    let (_, lines, _) = totals("rs", false);
    watch.stop(&format!("{lines} lines; the list of files was a hit inside"));

    for file in ["Cargo.toml", "Cargo.toml", "no such file", "no such file"] {
        let watch = Watch::start(&format!("longest_line({file:?})"), longest_line::stats);
        let kept = if longest_line(file).is_ok() { "Ok, kept" } else { "Err, not kept" };
        watch.stop(kept);
    }

    let watch = Watch::start("32 tasks: common_identifiers(5)", common_identifiers::stats);
    let tasks: Vec<_> = (0..32).map(|_| tokio::spawn(common_identifiers(5))).collect();
    for task in tasks {
        assert_eq!(task.await.map(|top| top.len()).ok(), Some(5));
    }
    watch.stop(&format!("32 answers, {} run of the body", common_identifiers::stats().loads));
    let watch = Watch::start("common_identifiers(5)", common_identifiers::stats);
    let names: Vec<_> = common_identifiers(5).await.iter().map(|(name, _)| name.clone()).collect();
    watch.stop(&names.join(", "));

    assert!(totals::invalidate("rs", &true).was_cached());
    let watch = Watch::start(r#"totals("rs", true), invalidated"#, totals::stats);
    totals("rs", true);
    watch.stop("the body ran again");

    assert_eq!((totals::stats().hits, totals::stats().misses), (1_002, 3));
    assert_eq!((longest_line::stats().hits, longest_line::stats().misses), (1, 3));
    assert_eq!(common_identifiers::stats().loads, 1);

    // Every annotated function of the program is listed, called or not.
    println!("\ncachekit::functions():");
    for function in cachekit::functions() {
        let stats = function.stats();
        let place = format!("{}:{}", function.module(), function.line());
        println!("{:<20} {place:<14} {:>3} runs, {stats}", function.name(), stats.loads);
    }
}

/// Tells hits from misses by the function's own counters.
struct Watch {
    label: String,
    stats: fn() -> Stats,
    before: Stats,
    started: Instant,
}

impl Watch {
    fn start(label: &str, stats: fn() -> Stats) -> Self {
        Self { label: label.to_owned(), stats, before: stats(), started: Instant::now() }
    }

    fn stop(self, result: &str) {
        let took = self.started.elapsed();
        let now = (self.stats)();
        let what = if now.misses > self.before.misses { "miss" } else { "hit " };
        println!("{what} {took:>10.1?}  {:<32} {result}", self.label);
    }
}
