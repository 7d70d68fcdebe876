//! The command `cachekit`: makes and rotates master keys, and looks into sealed entries.
//!
//! `cachekit --help` lists its commands and options; the book tells more, in "The command `cachekit`". This crate
//! is a program: its only public function is the one that runs it.

mod arguments;
mod entry;
mod failure;
mod fingerprint;
mod frame;
mod inspect;
mod keygen;
mod keys;
mod open;
mod output;
mod redact;
mod rotate;

use crate::arguments::{Arguments, Command};
use clap::Parser as _;
use std::process::ExitCode;

/// Runs the command line of this process and returns its exit code.
///
/// What it prints about a failure goes through a filter that hides whatever looks like key material.
pub fn main() -> ExitCode {
    let done = match Arguments::try_parse() {
        Ok(arguments) => run(&arguments.command),
        Err(error) => failure::from_command_line(&error),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: &Command) -> Result<(), failure::Failure> {
    match command {
        Command::Keygen(options) => keygen::run(options),
        Command::Fingerprint(options) => fingerprint::run(options),
        Command::Inspect(options) => inspect::run(options),
        Command::Open(options) => open::run(options),
        Command::Rotate(options) => rotate::run(options),
    }
}
