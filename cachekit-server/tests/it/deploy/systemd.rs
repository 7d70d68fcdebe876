//! `deploy/systemd`.

use super::{Machine, path, read};
use crate::process::PROGRAM;
use crate::tools::SYSTEMD_ANALYZE;

const UNIT: &str = "systemd/cachekit-server.service";
/// The most that systemd's score may be, times ten: 0 is no exposure, 100 is all. An ordinary service has 96.
const EXPOSURE: &str = "12";

#[test]
fn the_unit_is_hardened() {
    let unit = path(UNIT).display().to_string();
    let threshold = format!("--threshold={EXPOSURE}");
    let arguments = ["security", "--offline=yes", "--no-pager", &threshold, &unit];
    let said = SYSTEMD_ANALYZE.succeeds(&arguments, "");
    assert!(said.contains("Overall exposure level"), "{said}");
    // The threshold is one that a unit can miss.
    let strict = ["security", "--offline=yes", "--no-pager", "--threshold=1", &unit];
    assert!(!SYSTEMD_ANALYZE.run(&strict, "").status.success());
}

#[test]
fn the_unit_has_no_mistake() {
    let folder = tempfile::tempdir().expect("a directory");
    let unit = folder.path().join("cachekit-server.service");
    let text = read(UNIT).replace("/usr/local/bin/cachekit-server", PROGRAM);
    std::fs::write(&unit, text).expect("written");
    let unit = unit.display().to_string();
    let said = SYSTEMD_ANALYZE.succeeds(&["verify", "--man=no", &unit], "");
    // It warns about names that it does not know and succeeds.
    assert!(!said.contains("cachekit-server"), "{said}");
}

#[tokio::test]
async fn its_command_line_runs() {
    let text = read(UNIT).replace("\\\n", " ");
    let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it is there");
    let mut words = line.split_whitespace().map(str::to_owned);
    assert_eq!(words.next().as_deref(), Some("/usr/local/bin/cachekit-server"));
    let machine = Machine::new("tls.crt", "tls.key", "keys.jsonl").await;
    machine.works(&words.collect::<Vec<_>>()).await;
}

#[test]
fn the_service_runs_as_the_user_that_is_made() {
    let user = read("systemd/cachekit-server.sysusers");
    let line = user.lines().find(|line| line.starts_with("u ")).expect("a user");
    let name = line.split_whitespace().nth(1).expect("a name");
    assert!(read(UNIT).contains(&format!("\nUser={name}\nGroup={name}\n")));
}
