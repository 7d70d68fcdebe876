//! `deploy/container`. No test builds the image: that needs a daemon and a registry.

use super::{Machine, path, read};
use crate::python::HADOLINT;
use crate::tools::said;
use std::process::Command;

/// The lines of the file without comments, continued lines in one.
fn instructions() -> Vec<(String, String)> {
    let text = read("container/Containerfile");
    let lines = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let joined = lines.replace("\\\n", " ");
    let words = joined.lines().filter_map(|line| line.trim().split_once(' '));
    words.map(|(name, rest)| (name.to_owned(), rest.trim().to_owned())).collect()
}

fn all(name: &str) -> Vec<String> {
    let those = instructions().into_iter().filter(|(known, _)| known == name);
    those.map(|(_, rest)| rest).collect()
}

fn list(text: &str) -> Vec<String> {
    serde_json::from_str(text).expect("the form without a shell")
}

#[tokio::test]
async fn its_linter_has_nothing_to_say() {
    let hadolint = HADOLINT.program("hadolint").await;
    let output = Command::new(&hadolint).arg(path("container/Containerfile")).output();
    let output = output.expect("hadolint runs");
    assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
}

#[test]
fn it_builds_with_the_pinned_compiler_and_runs_as_a_user_without_rights() {
    let toolchain = std::fs::read_to_string(path("../rust-toolchain.toml")).expect("it is there");
    let version = toolchain.split('"').nth(1).expect("a version").to_owned();
    let stages = all("FROM");
    assert_eq!(stages.len(), 2, "one that builds, one that runs");
    assert!(stages[0].contains(&format!("rust:{version}-")), "{}", stages[0]);
    assert!(stages[1].ends_with(":nonroot"), "{}", stages[1]);
    assert_eq!(all("USER"), ["65532:65532"]);
    for line in all("COPY").iter().skip(1) {
        assert!(line.starts_with("--from=build"), "only what was built gets in: {line}");
    }
    // The pods that run it do so as the same user.
    assert!(read("kubernetes/deployment.yaml").contains("runAsUser: 65532"));
}

/// What is mounted lies beside the sources, and stays out of the stage that copies them all.
#[test]
fn secrets_that_are_mounted_do_not_get_into_a_stage() {
    let ignored = std::fs::read_to_string(path("../.dockerignore")).expect("it is there");
    let ignored: Vec<&str> = ignored.lines().collect();
    let comment = read("container/Containerfile");
    let mounted = comment.split("-v ./").skip(1).filter_map(|rest| rest.split(':').next());
    let mut seen = 0;
    for name in mounted {
        seen += 1;
        let ending = name.rsplit_once('.').map(|(_, ending)| format!("**/*.{ending}"));
        let pattern = ending.unwrap_or_else(|| format!("/{name}"));
        assert!(ignored.contains(&pattern.as_str()), "{name}: {pattern}");
    }
    assert_eq!(seen, 2, "the certificate with its key, and the API keys");
}

#[tokio::test]
async fn its_command_line_runs() {
    let entry = list(&all("ENTRYPOINT")[0]);
    assert_eq!(entry, ["/usr/local/bin/cachekit-server"]);
    let machine = Machine::new("tls/tls.crt", "tls/tls.key", "keys.jsonl").await;
    machine.works(&list(&all("CMD")[0])).await;
    assert_eq!(all("VOLUME"), ["/var/lib/cachekit"]);
    assert_eq!(all("EXPOSE"), ["8443 9090"]);
}
