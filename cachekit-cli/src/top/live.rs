//! The table on the whole terminal, redrawn after each interval, until the user ends it.

use super::watched::Watched;
use super::{Snapshot, View};
use crate::escape::escape;
use crate::failure::Failure;
use crate::redact::redact;
use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{Event, KeyCode, KeyModifiers, poll, read};
use crossterm::style::Print;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, size,
};
use crossterm::{execute, queue};
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

/// Shows what is watched until `q`, Escape or ctrl-c.
pub(super) fn run(watched: &Watched, first: Snapshot, interval: Duration) -> Result<(), Failure> {
    let mut before = first;
    let mut shown = View::new(None, &before).text(watched.name());
    let _screen = Screen::enter().map_err(|error| Failure::output(&error))?;
    loop {
        draw(&shown).map_err(|error| Failure::output(&error))?;
        if wants_to_end(interval, &shown).map_err(|error| Failure::output(&error))? {
            return Ok(());
        }
        match watched.take() {
            Ok(now) => {
                shown = View::new(Some(&before), &now).text(watched.name());
                before = now;
            }
            // A source that restarts comes back.
            Err(failure) => shown = format!("{}\n{failure}\n", escape(watched.name())),
        }
    }
}

/// Waits for the next interval, and returns whether the user ends it before.
fn wants_to_end(interval: Duration, shown: &str) -> io::Result<bool> {
    let end = Instant::now() + interval;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if !poll(left)? {
            return Ok(false);
        }
        match read()? {
            Event::Key(key) => {
                let interrupts = key.modifiers.contains(KeyModifiers::CONTROL);
                match key.code {
                    KeyCode::Char('q' | 'Q') | KeyCode::Esc => return Ok(true),
                    KeyCode::Char('c') if interrupts => return Ok(true),
                    _ => {}
                }
            }
            Event::Resize(..) => draw(shown)?,
            _ => {}
        }
    }
}

fn draw(text: &str) -> io::Result<()> {
    // Some terminals do not report their size.
    let (columns, rows) = match size()? {
        (0, _) | (_, 0) => (80, 24),
        size => size,
    };
    let mut stdout = io::stdout().lock();
    queue!(stdout, MoveTo(0, 0), Clear(ClearType::All))?;
    let lines = redact(text);
    // The last line says how to end it.
    for (row, line) in (0..rows.saturating_sub(1)).zip(lines.lines()) {
        let line: String = line.chars().take(columns.into()).collect();
        queue!(stdout, MoveTo(0, row), Print(line))?;
    }
    queue!(stdout, MoveTo(0, rows.saturating_sub(1)), Print("q: end"))?;
    stdout.flush()
}

/// The terminal's second screen, without a cursor and without echo, until it is dropped.
struct Screen;

impl Screen {
    fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        let screen = Self;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs no repair.
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}
