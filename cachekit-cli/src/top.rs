//! `cachekit top`: what a server does, as a table that goes on.
//!
//! ```text
//! source ─► snapshot ─► view (two snapshots) ─► table, or JSON
//! ```
//!
//! A second source, such as a program's own page, has to make a [`Snapshot`] and nothing else.

mod exposition;
mod live;
mod server;
mod snapshot;
mod table;
mod view;

use self::server::Server;
use self::snapshot::Snapshot;
use self::view::View;
use crate::arguments::Top;
use crate::failure::Failure;
use crate::output::{Style, print, print_json};
use std::io::{self, IsTerminal as _};

/// Where snapshots come from.
trait Source {
    /// What is watched, for the first line.
    fn name(&self) -> &str;

    /// How it is now.
    fn take(&self) -> Result<Snapshot, Failure>;
}

pub(crate) fn run(options: &Top, style: Style) -> Result<(), Failure> {
    let source = Server::at(&options.url)?;
    let goes_on = !options.once && style == Style::Text && io::stdout().is_terminal();
    if goes_on {
        return live::run(&source, options.interval);
    }
    let view = View::of(&source.take()?);
    match style {
        Style::Text => print(table::text(source.name(), &view).as_bytes()),
        Style::Json => print_json(&table::json(source.name(), &view)),
    }
}
