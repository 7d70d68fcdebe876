//! `.github`: what a forge runs, and what it asks. Nothing here runs there: the files are validated.

use super::{path, yaml};
use crate::python::CHECK_JSONSCHEMA;
use crate::tools::said;
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

#[tokio::test]
async fn workflows_run_scripts_and_crates_that_are_there() {
    let text = std::fs::read_to_string(path("../.github/workflows/ci.yml")).expect("it is there");
    let workflow = &yaml(&text).await[0];
    let jobs = workflow["jobs"].as_object().expect("jobs");
    let steps = jobs.values().flat_map(|job| job["steps"].as_array().expect("steps"));
    let commands: Vec<&str> = steps.filter_map(|step| step["run"].as_str()).collect();
    assert!(commands.contains(&"bash .ci/run"), "all that has to pass");
    for command in &commands {
        for script in command.split_whitespace().filter(|word| word.starts_with(".ci/")) {
            assert!(path(&format!("../{script}")).exists(), "{script}");
        }
    }
    let semver = commands.iter().find(|command| command.contains("semver-checks")).expect("one");
    let crates = semver.split_once("for crate in ").and_then(|(_, rest)| rest.split_once(';'));
    for name in crates.expect("a list").0.split_whitespace() {
        assert!(path(&format!("../{name}/src/lib.rs")).exists(), "{name} is a library");
    }
    assert_eq!(workflow["permissions"]["contents"], "read", "and no more");
}
