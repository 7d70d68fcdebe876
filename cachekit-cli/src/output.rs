//! Where results are written.

use crate::failure::Failure;
use crate::redact::redact;
pub(crate) use crate::style::{Style, line};
use serde_json::{Value, json};
use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

/// Lines of a name and its value, for people and for `grep`.
#[derive(Default)]
pub(crate) struct Table(Vec<(String, String)>);

impl Table {
    pub(crate) fn row(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.0.push((name.to_owned(), redact(&value.to_string())));
        self
    }

    pub(crate) fn text(&self) -> String {
        let lines =
            self.0.iter().map(|(name, value)| format!("{:<14}{value}\n", format!("{name}:")));
        lines.collect()
    }

    /// The same, as one object.
    pub(crate) fn json(&self) -> Value {
        let fields =
            self.0.iter().map(|(name, value)| (name.replace(' ', "_"), value.as_str().into()));
        Value::Object(fields.collect())
    }

    pub(crate) fn bytes(&self, style: Style) -> Vec<u8> {
        match style {
            Style::Text => self.text().into_bytes(),
            Style::Json => line(&self.json()),
        }
    }
}

/// Writes to the named file, or else to standard output. A terminal only gets bytes without control
/// sequences.
pub(crate) fn deliver(file: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
    match file {
        Some(path) => write_private(path, bytes),
        None if !is_harmless(bytes) && io::stdout().is_terminal() => Err(Failure::usage(
            "the value is not plain text, and would go to a terminal: --out FILE, --json, --decode, or a pipe",
        )),
        None => print(bytes),
    }
}

/// The bytes of a value can contain commands for a terminal.
fn is_harmless(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|text| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')))
}

pub(crate) fn print_json(value: &Value) -> Result<(), Failure> {
    print(&line(value))
}

pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::output(&error))
}

/// Prints a remark about the result to standard error.
pub(crate) fn note(style: Style, text: &str) {
    let text = redact(text);
    let shown = match style {
        Style::Text => text.into_bytes(),
        // One document for each line: a program that reads standard error reads JSON.
        Style::Json => text.lines().flat_map(|told| line(&json!({ "note": told }))).collect(),
    };
    // The reader may have closed the pipe.
    let _ = io::stderr().write_all(&shown);
}

/// Creates a file that only its owner can read. An existing file is not touched.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    private(&mut options);
    let mut file = options.open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            let name = path.display();
            return Failure::usage(format!("{name} exists already; nothing is overwritten"));
        }
        Failure::file("write", path, &error)
    })?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| {
        // Half a key is no key. If the file cannot even be removed, report the first failure.
        let _ = fs::remove_file(path);
        Failure::file("write", path, &error)
    })
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

/// On other systems, the directory determines the permissions.
#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}
