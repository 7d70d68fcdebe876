//! The operator's signals.

use std::io;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Read certificate and keys again: SIGHUP.
    Reload,
    /// Shut down gracefully: SIGTERM, SIGINT.
    Stop,
}

/// The signals that arrived since they were installed.
#[cfg(unix)]
pub(super) struct Signals {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// Held and not read: see [`FILE_SIZE`].
    _file_size: Option<tokio::signal::unix::Signal>,
}

/// SIGXFSZ, on systems where it has this number. A file that outgrows the process's limit raises it, and
/// it ends the process unless it is handled; if it is handled, the write fails, as on a full disk.
#[cfg(all(unix, any(target_os = "linux", target_os = "macos")))]
const FILE_SIZE: Option<i32> = Some(25);
#[cfg(all(unix, not(any(target_os = "linux", target_os = "macos"))))]
const FILE_SIZE: Option<i32> = None;

#[cfg(unix)]
impl Signals {
    pub(super) fn install() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _file_size: FILE_SIZE.and_then(|number| signal(SignalKind::from_raw(number)).ok()),
        })
    }

    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
        }
    }
}

/// Other systems only have ctrl-c.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) -> Signal {
        // Without ctrl-c, the process is ended from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Stop
    }
}
