//! `.github`: what a forge runs, and what it asks. Nothing here runs there: the files are validated.

use super::{path, words, yaml};
use crate::python::CHECK_JSONSCHEMA;
use crate::tools::{PROMETHEUS, PROMTOOL, SYSTEMD_ANALYZE, said};
use std::path::PathBuf;
use std::process::Command;

fn files(folder: &str, ends: &str, but: &str) -> Vec<PathBuf> {
    let folder = path(&format!("../.github/{folder}"));
    let entries = std::fs::read_dir(&folder).expect("a folder");
    let files = entries.map(|entry| entry.expect("a file").path());
    let is_meant = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(ends) && name != but
    };
    files.filter(is_meant).collect()
}

#[tokio::test]
async fn workflows_and_forms_are_what_the_forge_takes() {
    let check = CHECK_JSONSCHEMA.program("check-jsonschema").await;
    let validate = |schema: &str, files: &[PathBuf]| {
        assert!(!files.is_empty());
        let mut command = Command::new(&check);
        command.args(["--builtin-schema", schema]).args(files);
        command.output().expect("it runs")
    };
    for (schema, files) in [
        ("vendor.github-workflows", files("workflows", ".yml", "")),
        ("vendor.github-issue-forms", files("ISSUE_TEMPLATE", ".yml", "config.yml")),
        ("vendor.github-issue-config", vec![path("../.github/ISSUE_TEMPLATE/config.yml")]),
    ] {
        let output = validate(schema, &files);
        assert!(output.status.success(), "{}", said(&output));
    }
    // A form is no workflow.
    let wrong = validate("vendor.github-workflows", &files("ISSUE_TEMPLATE", "wish.yml", ""));
    assert!(!wrong.status.success());
}

/// The commands of all steps of all workflows.
async fn commands() -> Vec<String> {
    let mut commands = Vec::new();
    for file in files("workflows", ".yml", "") {
        let text = std::fs::read_to_string(&file).expect("it is there");
        let workflow = &yaml(&text).await[0];
        assert_eq!(workflow["permissions"]["contents"], "read", "and no more: {}", file.display());
        let jobs = workflow["jobs"].as_object().expect("jobs");
        let steps = jobs.values().flat_map(|job| job["steps"].as_array().expect("steps"));
        commands.extend(steps.filter_map(|step| Some(step["run"].as_str()?.to_owned())));
    }
    commands
}

/// A check that installs what it needs by itself does it for root alone, and fails everywhere else.
#[test]
fn what_checks_need_is_installed_by_the_scripts_for_that() {
    let read = |name: &str| std::fs::read_to_string(path(&format!("../.ci/{name}"))).expect("text");
    let installers = read("tools") + &read("servers");
    let names = std::fs::read_dir(path("../.ci")).expect("a folder");
    let mut seen = 0;
    for name in names.map(|entry| entry.expect("a file").file_name().into_string().expect("text")) {
        if ["tools", "servers"].contains(&name.as_str()) {
            continue;
        }
        let script = read(&name);
        let is_installed = script.lines().any(|line| line.contains("apt-get install -y"));
        // An older Rust comes from rustup as well.
        assert!(!is_installed || name == "msrv.sh", ".ci/{name} installs something by itself");
        for program in script.split("command -v ").skip(1).filter_map(|rest| words(rest).next()) {
            seen += usize::from(program == "valgrind");
            let is_known = program == "rustup" || installers.contains(program);
            assert!(is_known, ".ci/{name} needs {program}, which nothing installs");
        }
    }
    assert_eq!(seen, 1, "valgrind is looked for");
    for tool in [PROMTOOL, PROMETHEUS, SYSTEMD_ANALYZE] {
        assert!(installers.contains(&format!("need {} ", tool.package)), "{}", tool.program);
    }
}

#[tokio::test]
async fn workflows_run_scripts_that_are_there() {
    let commands = commands().await;
    assert!(commands.iter().any(|command| command == "bash .ci/run"), "all that has to pass");
    for command in &commands {
        for script in command.split_whitespace().filter(|word| word.starts_with(".ci/")) {
            assert!(path(&format!("../{script}")).exists(), "{script}");
        }
        // What the forge fills in is a word to the shell.
        let shell = command.replace("${{", "").replace("}}", "");
        let output = Command::new("bash").args(["-n", "-c", &shell]).output().expect("bash runs");
        assert!(output.status.success(), "{command}\n{}", said(&output));
    }
}

/// Every crate that people depend on, except the attributes, which have no Rust names that a program could compare, and the
/// command, whose one function is `main`.
#[tokio::test]
async fn a_public_name_that_is_gone_is_found_in_every_library() {
    let commands = commands().await;
    let semver = commands.iter().find(|command| command.contains("semver-checks")).expect("one");
    let crates = semver.split_once("for crate in ").and_then(|(_, rest)| rest.split_once(';'));
    let crates: Vec<&str> = crates.expect("a list").0.split_whitespace().collect();
    let policy = std::fs::read_to_string(path("../.ci/policy.py")).expect("it is there");
    let published = policy.split_once("PUBLISHED = [").and_then(|(_, rest)| rest.split_once(']'));
    let published =
        published.expect("a list").0.split(',').map(|name| name.trim().trim_matches('"'));
    let wanted: Vec<&str> =
        published.filter(|name| !["cachekit-macros", "cachekit-cli"].contains(name)).collect();
    assert_eq!(crates, wanted);
}

#[test]
fn a_form_says_where_a_hole_is_to_be_reported() {
    let wrong =
        std::fs::read_to_string(path("../.github/ISSUE_TEMPLATE/wrong.yml")).expect("a form");
    assert!(wrong.contains("SECURITY.md") && path("../SECURITY.md").exists());
    let changes = std::fs::read_to_string(path("../.github/pull_request_template.md"));
    let changes = changes.expect("a template");
    for wanted in ["a test that failed before", ".ci/run", "CHANGELOG.md"] {
        assert!(changes.contains(wanted), "{wanted}");
    }
}
