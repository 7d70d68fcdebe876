//! The command `cachekit`: reads and writes entries of any backend, inspects sealed ones, generates and rotates
//! master keys.
//!
//! `cachekit --help` lists its commands and options; the book has more, in "The command `cachekit`". This crate
//! is a program: its only public function runs it.

mod arguments;
mod backend;
mod decode;
mod entries;
mod entry;
mod escape;
mod failure;
mod fingerprint;
mod frame;
mod generated;
mod inspect;
mod interop;
mod keygen;
mod keys;
mod open;
mod output;
mod redact;
mod rotate;
mod sealed;
mod style;
mod top;

use crate::arguments::{Arguments, Command};
use crate::output::Style;
use clap::Parser as _;
use std::process::ExitCode;

/// Runs the command line of this process and returns its exit code.
///
/// Everything that it prints about a failure goes through a filter that hides anything that looks like key material.
pub fn main() -> ExitCode {
    let done = match Arguments::try_parse() {
        Ok(arguments) => {
            let style = if arguments.json { Style::Json } else { Style::Text };
            run(&arguments.command, style).map_err(|failure| (failure, style))
        }
        Err(error) => {
            // The parsed command line is lost with the mistake.
            let style = Style::asked_for(std::env::args_os().skip(1));
            failure::from_command_line(&error, style).map_err(|failure| (failure, style))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err((failure, style)) => failure.report(style),
    }
}

fn run(command: &Command, style: Style) -> Result<(), failure::Failure> {
    match command {
        Command::Get(options) => entries::get(options, style),
        Command::Set(options) => entries::set(options, style),
        Command::Delete(options) => entries::delete(options, style),
        Command::Exists(options) => entries::exists(options, style),
        Command::Ttl(options) => entries::ttl(options, style),
        Command::Health(options) => entries::health(options, style),
        Command::Key(options) => interop::key(options, style),
        Command::Keygen(options) => keygen::run(options, style),
        Command::Fingerprint(options) => fingerprint::run(options, style),
        Command::Inspect(options) => inspect::run(options, style),
        Command::Open(options) => open::run(options, style),
        Command::Rotate(options) => rotate::run(options, style),
        Command::Top(options) => top::run(options, style),
        Command::Completions(options) => generated::completions(options),
        Command::Man(options) => generated::man(options),
    }
}
