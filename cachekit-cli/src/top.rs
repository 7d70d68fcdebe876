//! `cachekit top`: the activity of a server or a program, as a live table.
//!
//! ```text
//! address ─► ask ─► watched: server or program? ─► snapshot ─► view (two snapshots) ─► table, or JSON
//! ```

mod address;
mod ask;
mod live;
mod program;
mod server;
mod token;
mod units;
mod watched;

use self::watched::Watched;
use crate::arguments::Top;
use crate::failure::Failure;
use crate::output::{Style, print, print_json};
use std::io::{self, IsTerminal as _};

/// The state at one moment.
#[derive(Clone, Debug, PartialEq)]
enum Snapshot {
    Server(server::Snapshot),
    Program(program::Snapshot),
}

/// What is shown: all since the start, or what happened between two snapshots.
enum View {
    Server(server::View),
    Program(program::View),
}

impl View {
    /// Everything since the start, or what happened since an earlier snapshot of the same.
    fn new(before: Option<&Snapshot>, now: &Snapshot) -> Self {
        match (before, now) {
            (Some(Snapshot::Server(before)), Snapshot::Server(now)) => {
                Self::Server(server::View::new(Some(before), now))
            }
            (Some(Snapshot::Program(before)), Snapshot::Program(now)) => {
                Self::Program(program::View::new(Some(before), now))
            }
            (_, Snapshot::Server(now)) => Self::Server(server::View::new(None, now)),
            (_, Snapshot::Program(now)) => Self::Program(program::View::new(None, now)),
        }
    }

    fn text(&self, name: &str) -> String {
        match self {
            Self::Server(view) => server::text(name, view),
            Self::Program(view) => program::text(name, view),
        }
    }

    fn json(&self, name: &str) -> serde_json::Value {
        match self {
            Self::Server(view) => server::json(name, view),
            Self::Program(view) => program::json(name, view),
        }
    }
}

pub(crate) fn run(options: &Top, style: Style) -> Result<(), Failure> {
    // Before the screen changes, so that a wrong URL is reported like every other mistake.
    let (watched, first) = Watched::find(options)?;
    let goes_on = !options.once && style == Style::Text && io::stdout().is_terminal();
    if goes_on {
        return live::run(&watched, first, options.interval);
    }
    let view = View::new(None, &first);
    match style {
        Style::Text => print(view.text(watched.name()).as_bytes()),
        Style::Json => print_json(&view.json(watched.name())),
    }
}
