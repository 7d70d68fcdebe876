//! Why the command ends early: the message, and the exit code.

use crate::escape::escape_lines;
use crate::redact::{could_hold_a_key, redact};
use crate::style::{Style, line};
use cachekit_io::envelope::EnvelopeError;
use cachekit_io::{BackendError, BackendErrorKind as Kind};
use serde_json::json;
use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// See `EXIT_CODES` in the arguments, and the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Environment = 1,
    Usage = 2,
    Refused = 3,
    NotFound = 4,
}

#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: Code,
}

impl Failure {
    /// Something in the environment did not work.
    pub(crate) fn environment(message: impl Display) -> Self {
        Self { message: message.to_string(), code: Code::Environment }
    }

    /// The command line, the keys or a setting must change.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { message: message.to_string(), code: Code::Usage }
    }

    /// The entry is not what it should be, or the backend refuses it.
    pub(crate) fn refused(message: impl Display) -> Self {
        Self { message: message.to_string(), code: Code::Refused }
    }

    /// There is no entry.
    pub(crate) fn not_found(message: impl Display) -> Self {
        Self { message: message.to_string(), code: Code::NotFound }
    }

    /// A file could not be read or written.
    pub(crate) fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::environment(format!("cannot {what} {}: {error}", path.display()))
    }

    /// Puts the subject first.
    pub(crate) fn about(self, what: &dyn Display) -> Self {
        Self { message: format!("{what}: {}", self.message), code: self.code }
    }

    pub(crate) fn output(error: &io::Error) -> Self {
        Self::environment(format!("cannot write to standard output: {error}"))
    }

    /// Reports on standard error what happened.
    pub(crate) fn report(&self, style: Style) -> ExitCode {
        let message = redact(&self.message);
        // A caller that closed standard error still gets the code.
        let _ = match style {
            _ if message.is_empty() => Ok(()),
            // It may contain a backend's answer.
            Style::Text => writeln!(io::stderr(), "cachekit: {}", escape_lines(&message)),
            Style::Json => {
                let code = self.code as u8;
                io::stderr().write_all(&line(&json!({ "error": message, "code": code })))
            }
        };
        ExitCode::from(self.code as u8)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// Keys that cannot be used, or an entry that was refused.
impl From<EnvelopeError> for Failure {
    fn from(error: EnvelopeError) -> Self {
        let message = chain(&error);
        if error.is_refusal() { Self::refused(message) } else { Self::usage(message) }
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        let message = chain(&error);
        match error.kind() {
            Kind::Configuration | Kind::InvalidKey | Kind::InvalidOption => Self::usage(message),
            Kind::Authentication
            | Kind::Permanent
            | Kind::QuotaExceeded
            | Kind::Superseded
            | Kind::TooLarge
            | Kind::Unsupported => Self::refused(message),
            _ => Self::environment(message),
        }
    }
}

/// An error with its causes, outermost first.
fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some errors print their cause themselves.
        let text = error.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}

/// clap's message: help and version, or a mistake, which it likes to quote.
pub(crate) fn from_command_line(error: &clap::Error, style: Style) -> Result<(), Failure> {
    if !error.use_stderr() {
        return error.print().map_err(|error| Failure::output(&error));
    }
    let rendered = error.render();
    let text = rendered.to_string();
    if could_hold_a_key(&text) {
        let hint = "If that was a master key, it is in the shell's history now: make another one. Keys come \
                    from --key-file, from standard input (--key-file -) or from the environment.";
        return Err(Failure::usage(format!("{}\n{hint}", text.trim_end())));
    }
    if style == Style::Json {
        return Err(Failure::usage(text.trim_start_matches("error: ").trim_end()));
    }
    // Unchanged: with colours, if there are any.
    let _ = error.print();
    Err(Failure::usage(""))
}
