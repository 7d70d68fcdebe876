//! `cachekit-server key`.

use super::Failure;
use super::arguments::{KeyCommand, LimitOptions, NewKey};
use cachekit_server::{ApiKey, ApiKeys, Scope, TenantLimits};
use std::fs::OpenOptions;
use std::io::Write;

pub(super) fn run(command: &KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::New(options) => new(options),
        KeyCommand::List { file } => {
            for line in ApiKeys::describe(file).map_err(Failure::usage)? {
                print(&line)?;
            }
            Ok(())
        }
    }
}

fn new(options: &NewKey) -> Result<(), Failure> {
    let scopes =
        if options.scopes.is_empty() { Scope::ALL.to_vec() } else { options.scopes.clone() };
    let key = ApiKey::generate(options.kind).map_err(Failure::runtime)?;
    let line = ApiKeys::line(&key, &options.tenant, &scopes, options.limits.into())
        .map_err(Failure::usage)?;
    match &options.append {
        // Without the line the key would open nothing, so failing to show it is a failure, too.
        None => writeln!(std::io::stderr(), "add this line to the key file:\n{line}").map_err(
            |error| Failure::runtime(format!("cannot write to standard error: {error}")),
        )?,
        Some(file) => {
            let failed = |error| {
                Failure::usage(format!("cannot write the key file {}: {error}", file.display()))
            };
            let mut open = OpenOptions::new();
            open.append(true).create(true);
            super::development::private(&mut open);
            let mut opened = open.open(file).map_err(failed)?;
            // A single write, so that a server that reads the file meanwhile sees the whole line or
            // nothing.
            opened.write_all(format!("{line}\n").as_bytes()).map_err(failed)?;
        }
    }
    // The key is shown only once, so failing to show it is a failure.
    print(key.expose())
}

fn print(line: &str) -> Result<(), Failure> {
    let written = writeln!(std::io::stdout(), "{line}");
    written.map_err(|error| Failure::runtime(format!("cannot write to standard output: {error}")))
}

impl From<LimitOptions> for TenantLimits {
    fn from(options: LimitOptions) -> Self {
        Self {
            requests_per_second: options.rate_limit,
            burst: options.rate_burst,
            requests_per_day: options.quota_requests,
            stored_bytes: options.quota_bytes.map(|size| size.0),
        }
    }
}
