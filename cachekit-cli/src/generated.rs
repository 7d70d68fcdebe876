//! Completions and manual pages, generated from the command line itself.

use crate::arguments::{Arguments, Completions, Man};
use crate::failure::Failure;
use crate::output::print;
use clap::CommandFactory as _;
use std::fs;

pub(crate) fn completions(options: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "cachekit", &mut script);
    print(&script)
}

pub(crate) fn man(options: &Man) -> Result<(), Failure> {
    let mut command = Arguments::command();
    command.build();
    let Some(folder) = &options.out_dir else { return print(&page(command)?) };
    fs::create_dir_all(folder).map_err(|error| Failure::file("make", folder, &error))?;
    let pages = command.get_subcommands().filter(|sub| sub.get_name() != "help").cloned();
    for command in pages.collect::<Vec<_>>().into_iter().chain([command]) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let path = folder.join(format!("{name}.1"));
        // Pages are not secret, and are written anew with each version.
        let written = fs::write(&path, page(command)?);
        written.map_err(|error| Failure::file("write", &path, &error))?;
    }
    Ok(())
}

fn page(command: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut page);
    rendered.map_err(|error| Failure::output(&error))?;
    Ok(page)
}
