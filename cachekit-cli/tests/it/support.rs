//! Running the command, and watching what it says.

use cachekit_io::envelope::{Context, Envelope, KeySet, Keyring, Padding};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The master key of the ecosystem's known answers.
pub(crate) fn first_key() -> String {
    "61".repeat(32)
}

/// Keys that are easy to tell apart, and to find in what was printed.
pub(crate) fn key(byte: u8) -> String {
    hex::encode((0..32).map(|at| byte.wrapping_mul(31) ^ at).collect::<Vec<u8>>())
}

/// A run of the command.
pub(crate) struct Run {
    command: Command,
    input: Vec<u8>,
    secrets: Vec<String>,
}

/// How it ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) said: String,
}

impl Ended {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("text")
    }

    /// It ended with this code, and told this on standard error.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, says: &str) {
        let all = format!("{}\n{}", String::from_utf8_lossy(&self.out), self.said);
        assert_eq!(self.code, Some(code), "{all}");
        assert!(self.said.contains(says), "{says:?} is not in:\n{all}");
    }

    #[track_caller]
    pub(crate) fn succeeded(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{}", self.said);
        self
    }
}

impl Run {
    /// With these arguments, no keys, and nothing to read.
    pub(crate) fn new<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cachekit"));
        command.args(arguments);
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("CACHEKIT_") || name_text == "REDIS_URL" {
                command.env_remove(name);
            }
        }
        Self { command, input: Vec::new(), secrets: Vec::new() }
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.secret(value)
    }

    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// What must not be printed, however it is cut and written.
    pub(crate) fn secret(mut self, text: &str) -> Self {
        self.secrets.push(text.to_owned());
        self
    }

    /// A variable that is no secret.
    pub(crate) fn setting(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it, and looks for the secrets in all that it printed.
    #[track_caller]
    pub(crate) fn end(self) -> Ended {
        let secrets = self.secrets.clone();
        let ended = self.end_unwatched();
        for secret in &secrets {
            assert_absent(secret, &ended.out);
            assert_absent(secret, ended.said.as_bytes());
        }
        ended
    }

    /// For what may print a key.
    pub(crate) fn end_unwatched(mut self) -> Ended {
        let pipes =
            self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("piped");
        let input = std::mem::take(&mut self.input);
        // It may end without reading everything.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("it ends");
        writer.join().expect("written");
        let said = String::from_utf8(output.stderr).expect("text");
        Ended { code: output.status.code(), out: output.stdout, said }
    }
}

/// Neither the digits nor the bytes of a secret, nor a good part of them.
#[track_caller]
fn assert_absent(secret: &str, printed: &[u8]) {
    const PART: usize = 16;
    let printed: Vec<u8> = printed.to_ascii_lowercase();
    let holds = |part: &[u8]| printed.windows(part.len()).any(|window| window == part);
    let digits = secret.to_ascii_lowercase();
    for part in digits.as_bytes().windows(PART.min(digits.len()).max(1)) {
        assert!(!holds(part), "a secret was printed: {}", String::from_utf8_lossy(&printed));
    }
    for key in digits.split(|c: char| !c.is_ascii_hexdigit()) {
        let bytes = hex::decode(key).unwrap_or_default();
        assert!(
            bytes.is_empty() || !holds(&bytes.to_ascii_lowercase()),
            "raw bytes of a key were printed"
        );
    }
}

/// A directory with files.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn name(&self, name: &str) -> String {
        self.path(name).to_str().expect("text").to_owned()
    }

    /// A file that its owner alone can read.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("written");
        close(&path);
        self.name(name)
    }

    /// A key file with these keys, current first.
    pub(crate) fn keys(&self, name: &str, keys: &[u8]) -> String {
        self.write(name, keys.iter().map(|byte| key(*byte) + "\n").collect::<String>())
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }
}

fn close(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("closed");
    }
    #[cfg(not(unix))]
    let _ = path;
}

pub(crate) fn keyring(keys: &[u8]) -> Keyring {
    let digits: Vec<String> = keys.iter().map(|byte| key(*byte)).collect();
    let previous: Vec<&str> = digits[1..].iter().map(String::as_str).collect();
    Keyring::new(KeySet::from_hex(&digits[0], &previous).expect("keys"))
}

/// What [`seal`] seals for.
pub(crate) const NAMESPACE: &str = "sensitive";
pub(crate) const STORAGE_KEY: &str = "s1:0123";

/// An entry for tenant `default`, without codec and fingerprint.
pub(crate) fn seal(keys: &[u8], padding: Padding, value: &[u8]) -> Vec<u8> {
    seal_for(keys, padding, &Context::new("default", NAMESPACE, STORAGE_KEY), value)
}

pub(crate) fn seal_for(
    keys: &[u8],
    padding: Padding,
    context: &Context<'_>,
    value: &[u8],
) -> Vec<u8> {
    let mut entry = Vec::new();
    let envelope = Envelope::new(keyring(keys)).padding(padding);
    envelope.seal(context, value, &mut entry).expect("sealed");
    entry
}
