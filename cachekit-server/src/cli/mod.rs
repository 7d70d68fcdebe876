//! The command line.

mod arguments;
mod development;
mod keys;
mod open_files;
mod run;
mod signals;
mod storage;

use self::arguments::{Arguments, Command};
use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

/// What a wrong command line, or a file it names, ends with; the same as a mistake in an option.
const USAGE: u8 = 2;

/// Why the program ends early: what to tell, and with which code to exit.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// The operator has to change something in the command line or in a file.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), code: USAGE }
    }

    /// Something in the environment did not work.
    pub(crate) fn runtime(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), code: 1 }
    }
}

pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::of_process();
    let done = match &arguments.command {
        Some(Command::Key { command }) => keys::run(command),
        None => run::run(&arguments.serve),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // A closed standard error changes nothing about the code.
            let _ = writeln!(std::io::stderr(), "cachekit-server: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}
