//! What texts tell users to write into their Cargo.toml.

use std::fs;
use std::path::{Path, PathBuf};

/// The crates' names belong to other projects on the registry: a version or `cargo add` would bring these.
fn misleads(line: &str) -> bool {
    let line = line.replace(['\\', '{'], "");
    let Some(at) = line.find("cachekit") else { return false };
    let after =
        line[at..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let requirement = after.trim_start().strip_prefix('=').map(str::trim_start);
    let by_version = requirement.is_some_and(|value| {
        let value = value.trim_start();
        value.starts_with("version") || value.starts_with("\"0") || value.starts_with("\"1")
    });
    let from_registry = ["cargo add ", "cargo install ", "crates.io/crates/", "docs.rs/"]
        .into_iter()
        .any(|how| line.contains(&format!("{how}cachekit")));
    by_version || from_registry
}

fn texts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            texts(&path, found);
        } else if [".rs", ".md", ".stderr", ".html"].into_iter().any(|end| name.ends_with(end)) {
            found.push(path);
        }
    }
}

#[test]
fn no_text_sends_users_to_somebody_elses_crate() {
    for misleading in [
        r#"cachekit = "0.1""#,
        r#"`cachekit = { version = \"0.1\", features = [\"io\"] }`"#,
        r#"cachekit-io = {{ version = "0.1" }}"#,
        "cargo add cachekit",
        "run `cargo install cachekit-cli` first",
    ] {
        assert!(misleads(misleading), "{misleading}");
    }
    for right in [
        r#"cachekit = { path = "../cachekit/cachekit", features = ["io"] }"#,
        "cargo run -p cachekit-server -- --dev",
        "use cachekit::cache;",
        r#"let version = "0.1"; // of cachekit"#,
    ] {
        assert!(!misleads(right), "{right}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    texts(&root, &mut files);
    files.retain(|file| !file.ends_with("it/texts.rs"));
    assert!(files.len() > 300, "{} texts", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().zip(1..).filter(|(line, _)| misleads(line));
        wrong.extend(lines.map(|(line, number)| format!("{}:{number}: {line}", file.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Words that leave open who acts; `docs/src/writing.md` says what to write instead.
fn leaves_open_who_acts(line: &str) -> bool {
    const WORDS: [&str; 8] =
        ["whoever", "somebody", "someone", "everybody", "nobody", "no one", "anybody", "anyone"];
    let line = line.to_ascii_lowercase();
    WORDS.iter().any(|word| {
        let is_inside = |c: char| c.is_ascii_alphabetic();
        line.match_indices(word).any(|(at, _)| {
            !line[..at].ends_with(is_inside) && !line[at + word.len()..].starts_with(is_inside)
        })
    })
}

#[test]
fn texts_say_who_acts() {
    for vague in ["// Whoever waits for it.", "It waits for no one.", "or anyone's"] {
        assert!(leaves_open_who_acts(vague), "{vague}");
    }
    assert!(!leaves_open_who_acts("// No ones and zeros."));
    assert!(!leaves_open_who_acts("// A waiter."));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in [
        "cachekit",
        "cachekit-macros",
        "cachekit-io",
        "cachekit-server",
        "cachekit-cli",
        "docs",
        "examples",
    ] {
        texts(&root.join(folder), &mut files);
    }
    let is_checked = |file: &PathBuf| {
        let path = file.strip_prefix(&root).unwrap_or(file).to_string_lossy();
        !path.contains("/tests/") && !path.ends_with("tests.rs") && !path.ends_with("writing.md")
    };
    files.retain(is_checked);
    assert!(files.len() > 250, "{} texts", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            if leaves_open_who_acts(line) {
                wrong.push(format!("{}:{}: {line}", file.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
