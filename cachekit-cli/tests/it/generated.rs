//! Completions and manual pages: what is in `generated/` is what the command prints now.

use crate::support::{Files, Run};
use std::path::{Path, PathBuf};
use std::process::Command;

const SHELLS: [(&str, &str); 5] = [
    ("bash", "cachekit.bash"),
    ("zsh", "_cachekit"),
    ("fish", "cachekit.fish"),
    ("powershell", "_cachekit.ps1"),
    ("elvish", "cachekit.elv"),
];

fn generated(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("generated").join(name)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const HELP: &str = "the file is not what the command prints now: `cachekit-cli/generated/update`";

#[test]
fn completions_are_up_to_date() {
    for (shell, file) in SHELLS {
        let ended = Run::new(&["completions", shell]).end();
        assert!(read(&generated(file)) == ended.succeeded().text(), "{file}: {HELP}");
    }
    Run::new(&["completions", "sh"]).end().failed(2, "bash");
}

#[test]
fn manual_pages_are_up_to_date() {
    let files = Files::new();
    let folder = files.name("man");
    Run::new(&["man", "--out-dir", &folder]).end().succeeded();
    let names = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("a file").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        names
    };
    let made = names(&files.path("man"));
    assert_eq!(made, names(&generated("man")), "{HELP}");
    assert!(made.contains(&"cachekit.1".to_owned()) && made.contains(&"cachekit-get.1".to_owned()));
    for name in made {
        let page = read(&files.path("man").join(&name));
        assert!(page == read(&generated("man").join(&name)), "{name}: {HELP}");
    }
    let main = Run::new(&["man"]).end();
    assert_eq!(main.succeeded().text(), read(&generated("man/cachekit.1")));
    assert!(main.text().contains("Exit codes"));
}

/// What bash makes of the completions: it completes commands, and the options of one.
#[test]
fn bash_completes() {
    let script = generated("cachekit.bash");
    let complete = |words: &[&str]| {
        let program = format!(
            "source {}; COMP_WORDS=({}); COMP_CWORD={}; \
             _cachekit cachekit \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             echo \"${{COMPREPLY[@]}}\"",
            script.display(),
            words.join(" "),
            words.len() - 1
        );
        let output = Command::new("bash").args(["--norc", "-c", &program]).output();
        let output = output.expect("this test needs bash: `apt-get install bash`");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    assert_eq!(complete(&["cachekit", "fing"]), "fingerprint");
    assert_eq!(complete(&["cachekit", "get", "k", "--back"]), "--backend");
    assert_eq!(complete(&["cachekit", "set", "k", "--tt"]), "--ttl");
}
