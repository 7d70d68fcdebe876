//! What is watched: a server or a program, recognized by its answer.

use super::address::Address;
use super::ask::{Answer, Ask};
use super::{Snapshot, program, server, token};
use crate::arguments::Top;
use crate::escape::escape;
use crate::failure::Failure;

#[derive(Clone, Copy)]
enum Kind {
    Server,
    Program,
}

impl Kind {
    /// The figures in an answer; `None` if it is not from this kind.
    fn read(self, answer: &str) -> Option<Snapshot> {
        match self {
            Self::Server => server::read(answer).map(Snapshot::Server),
            Self::Program => program::read(answer).map(Snapshot::Program),
        }
    }

    fn of(answer: &str) -> Option<(Self, Snapshot)> {
        let kinds = [Self::Server, Self::Program];
        kinds.into_iter().find_map(|kind| Some((kind, kind.read(answer)?)))
    }
}

pub(super) struct Watched {
    address: Address,
    figures: String,
    kind: Kind,
    ask: Ask,
}

impl Watched {
    /// Finds the figures, and reads them for the first time.
    pub(super) fn find(options: &Top) -> Result<(Self, Snapshot), Failure> {
        let address = Address::parse(&options.url)?;
        let ask = Ask::new(&address, token::authorization(options.token_file.as_deref())?)?;
        let mut missing = None;
        let mut is_other = false;
        for url in address.candidates() {
            match ask.get(&url)? {
                Answer::Body(answer) => match Kind::of(&answer) {
                    Some((kind, snapshot)) => {
                        return Ok((Self { address, figures: url, kind, ask }, snapshot));
                    }
                    None => is_other = true,
                },
                Answer::Status(status) => missing = missing.or(Some(unreadable(&url, status))),
            }
        }
        match missing {
            Some(missing) if !is_other => Err(missing),
            _ => Err(Failure::usage(format!(
                "{} is no page of a cachekit server's metrics or of a program's functions",
                escape(address.as_str())
            ))),
        }
    }

    /// Its name as given, for the first line.
    pub(super) fn name(&self) -> &str {
        self.address.as_str()
    }

    /// Its current state.
    pub(super) fn take(&self) -> Result<Snapshot, Failure> {
        let url = &self.figures;
        match self.ask.get(url)? {
            Answer::Body(answer) => self.kind.read(&answer).ok_or_else(|| {
                Failure::environment(format!("{} answers something else now", escape(url)))
            }),
            Answer::Status(status) => Err(unreadable(url, status)),
        }
    }
}

fn unreadable(url: &str, status: u16) -> Failure {
    Failure::environment(format!("cannot read {}: status {status}", escape(url)))
}
