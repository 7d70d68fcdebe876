//! The explanation for humans.

use std::fmt;
use std::time::Duration;

use super::{Explanation, Next, Process, ProcessState, Shared, SharedState};

/// A duration for humans: about three digits.
pub(super) struct Span(pub(super) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            _ if seconds >= 172_800.0 => write!(f, "{:.1} days", seconds / 86_400.0),
            _ if seconds >= 7_200.0 => write!(f, "{:.1} hours", seconds / 3_600.0),
            _ if seconds >= 120.0 => write!(f, "{:.1} minutes", seconds / 60.0),
            _ if seconds >= 1.0 => write!(f, "{seconds:.1} s"),
            _ if seconds >= 0.001 => write!(f, "{:.1} ms", seconds * 1_000.0),
            _ => write!(f, "{:.1} µs", seconds * 1_000_000.0),
        }
    }
}

/// `, 5 s left`; `, without end`.
fn write_left(f: &mut fmt::Formatter<'_>, left: Option<Duration>) -> fmt::Result {
    match left {
        Some(left) => write!(f, ", {} left", Span(left)),
        None => f.write_str(", without end"),
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            ProcessState::Absent => f.write_str("no entry")?,
            ProcessState::Fresh => {
                f.write_str("fresh")?;
                write_left(f, self.left)?;
            }
            ProcessState::Stale => {
                f.write_str("stale")?;
                if let Some(over) = self.over {
                    write!(f, " for {}", Span(over))?;
                }
                write_left(f, self.left)?;
            }
            ProcessState::Expired => {
                f.write_str("expired")?;
                if let Some(over) = self.over {
                    write!(f, " {} ago", Span(over))?;
                }
            }
            ProcessState::Doubted => {
                f.write_str("in doubt: the shared tier may have changed it, and is asked first")?;
            }
            ProcessState::Refused(refused) => write!(f, "refused: {}", refused.why())?,
        }
        match self.weight {
            Some(weight) if weight != 1 => write!(f, ", weight {weight}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            SharedState::NotUsed => return f.write_str("not used"),
            SharedState::Absent => f.write_str("no entry")?,
            SharedState::Fresh => {
                f.write_str("fresh")?;
                write_left(f, self.left)?;
            }
            SharedState::Stale => f.write_str("stale")?,
            SharedState::Expired => f.write_str("expired")?,
            SharedState::Unreadable => {
                f.write_str("unreadable: damaged, or of another type or version")?;
            }
            SharedState::Refused(refused) => write!(f, "refused: {}", refused.why())?,
            SharedState::LeftAlone => {
                f.write_str("left alone: the backend failed several times in a row")?;
            }
            SharedState::Failed(kind) => write!(f, "failed: {kind}")?,
            SharedState::Overtaken => f.write_str("its invalidation is on its way")?,
            SharedState::Ambiguous => {
                f.write_str("nothing is shared: other calls would have the same key")?;
            }
            SharedState::Unsealed => {
                f.write_str("nothing can be sealed: see what `cachekit::check` says")?;
            }
            SharedState::Unkeyed => {
                f.write_str("not asked: an argument is outside of what all languages share")?;
            }
        }
        if let Some(age) = self.age {
            write!(f, ", {} old", Span(age))?;
        }
        if let Some(bytes) = self.bytes {
            write!(f, ", {bytes} bytes")?;
        }
        Ok(())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next = match self.next {
            Next::Process => "is served from this process",
            Next::ProcessStale => {
                "is served a stale value of this process while the function runs again"
            }
            Next::Shared => "is served from the shared tier",
            Next::SharedStale => {
                "is served a stale value of the shared tier while the function runs again"
            }
            Next::Waits => "waits for the run that is under way",
            Next::Runs => "runs the function",
            Next::Off => "runs the function, and nothing is stored: caching is off here",
            Next::Refused => "gets an error, and the function does not run",
        };
        writeln!(f, "{}: the next call {next}", self.cache)?;
        writeln!(f, "  this process: {}", self.process)?;
        match self.shared.backend {
            Some(backend) => write!(f, "  shared tier ({backend}): {}", self.shared)?,
            None => write!(f, "  shared tier: {}", self.shared)?,
        }
        if let Some(fingerprint) = &self.shared.fingerprint {
            write!(f, "\n  storage key: {fingerprint}…")?;
        }
        if self.is_running {
            write!(f, "\n  a run is under way")?;
        }
        if let Some(not_stored) = self.not_stored {
            write!(f, "\n  the last result was not stored: {}", not_stored.why())?;
        }
        if let Some(cost) = self.cost {
            write!(f, "\n  a run takes {} on average", Span(cost))?;
        }
        Ok(())
    }
}
