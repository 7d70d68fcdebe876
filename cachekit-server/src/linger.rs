//! The end of a connection: the last bytes sent should arrive.
//!
//! A socket that is closed while bytes of the peer are unread sends a reset, and the system may then discard data
//! that the peer has not read yet: the last answers, or the GOAWAY. So the server stops sending first, and reads
//! what still arrives until the peer closes its side too (RFC 9112 §9.6).

use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, copy, sink};
use tokio::time::timeout;

/// How long a peer has to close its side.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// The minimum that it has.
pub(crate) const LEAST: Duration = Duration::from_millis(100);
/// How much it may still send meanwhile.
const MOST_BYTES: u64 = 1024 * 1024;

/// Waits, for this long at most, until the peer of a stream that was shut down has closed its side too.
pub(crate) async fn read_out(stream: impl AsyncRead + Unpin, patience: Duration) {
    let _ = timeout(patience, copy(&mut stream.take(MOST_BYTES), &mut sink())).await;
}

#[cfg(test)]
mod tests;
