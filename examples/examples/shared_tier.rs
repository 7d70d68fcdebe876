//! A server, and a program whose results outlive it.
//!
//! ```text
//! cargo run --release -p examples --example shared_tier
//! ```
//!
//! This process starts a server on a free port of this machine, with TLS, a new certificate, a new API key,
//! and values in memory. Then it runs the program twice, each time as a new process that finds the server
//! through its environment, as any program would. The first process misses and runs its functions; the second
//! hits what the first computed.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use std::{env, fs};

use cachekit::{Function, Stats, cache};
use cachekit_server::{ApiKey, ApiKeys, DevAuthority, KeyKind, Scope, Server, TenantLimits};

type Outcome = Result<(), Box<dyn Error>>;

/// Lines and words of all files of this kind in the repository. Sync functions share their results as well.
#[cache::io(ttl = "10m", namespace = "sources")]
fn totals(extension: &str) -> (usize, usize) {
    let texts = texts(extension);
    let lines = || texts.iter().flat_map(|text| text.lines());
    (lines().count(), lines().flat_map(str::split_whitespace).count())
}

/// The words that occur most often in them.
#[cache::io(ttl = "10m", namespace = "sources")]
async fn common_words(extension: &str, count: usize) -> Vec<(String, usize)> {
    let mut counts = HashMap::<String, usize>::new();
    for text in texts(extension) {
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 5) {
            *counts.entry(word.to_lowercase()).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(count);
    counts
}

fn texts(extension: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..")];
    while let Some(directory) = open.pop() {
        for path in
            fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
        {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                texts.extend(fs::read_to_string(path));
            }
        }
    }
    texts
}

const EXTENSIONS: [&str; 3] = ["rs", "md", "toml"];
const CALLS: u64 = 2 * EXTENSIONS.len() as u64;

/// The program: it makes every call twice. `found_by` says where the first round's results are expected to
/// come from.
async fn program(found_by: &str) -> Outcome {
    // Reports what is wrong with the environment or the server; a call would only run its function and count
    // the failure.
    cachekit::check().await?;
    let mut before = all_counts();
    for found_by in [found_by, "L1 hits"] {
        let started = Instant::now();
        for extension in EXTENSIONS {
            totals(extension);
            common_words(extension, 10).await;
        }
        let took = started.elapsed();
        let now = all_counts();
        let counts = [
            ("misses, the functions ran", now.loads - before.loads),
            ("L2 hits", now.shared_hits - before.shared_hits),
            ("L1 hits", now.hits - before.hits),
            ("failures", now.shared_errors - before.shared_errors),
        ];
        for (what, count) in counts.iter().filter(|(_, count)| *count > 0) {
            println!("  {took:>9.1?}  {count} {what}");
        }
        if counts.iter().any(|(what, count)| *count != if *what == found_by { CALLS } else { 0 }) {
            return Err(format!("these were to be {CALLS} {found_by}").into());
        }
        before = now;
    }
    Ok(())
}

/// The counts of all annotated functions together.
fn all_counts() -> Stats {
    let mut all = Stats::default();
    cachekit::functions().iter().map(Function::stats).for_each(|stats| all += stats);
    all
}

#[tokio::main]
async fn main() -> Outcome {
    if let Some(found_by) = env::args().nth(1) {
        return program(&found_by).await;
    }

    let key = ApiKey::generate(KeyKind::Live)?;
    let mut keys = ApiKeys::new();
    keys.add(&key, "example", &Scope::ALL, TenantLimits::default())?;
    let authority = DevAuthority::new()?;
    let server = Server::builder().tls(authority.issue(&[])?).api_keys(keys).bind().await?;
    let url = format!("https://localhost:{}", server.local_addr().port());
    let directory = tempfile::tempdir()?;
    let ca_file = directory.path().join("ca.pem");
    fs::write(&ca_file, authority.certificate_pem())?;
    println!("a server on {url}\n");

    for (process, found_by) in [
        ("a first process", "misses, the functions ran"),
        ("a second process, as after a restart or on another machine", "L2 hits"),
    ] {
        println!("{process}");
        let status = run(found_by, &url, &key, &ca_file)?;
        if !status {
            return Err(format!("{process} did not end well").into());
        }
    }
    server.shutdown().await;
    Ok(())
}

/// Runs this program again, as a process that finds the server through its environment.
fn run(found_by: &str, url: &str, key: &ApiKey, ca_file: &Path) -> std::io::Result<bool> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(found_by).env("CACHEKIT_API_URL", url).env("CACHEKIT_API_KEY", key.expose());
    command.env("CACHEKIT_CA_FILE", ca_file);
    // The server is not the managed service: its host and its address must both be allowed.
    command.env("CACHEKIT_ALLOW_CUSTOM_HOST", "1").env("CACHEKIT_ALLOW_PRIVATE_ADDRESSES", "1");
    command.env("NO_PROXY", "localhost").env_remove("no_proxy");
    Ok(tokio::task::block_in_place(|| command.status())?.success())
}
