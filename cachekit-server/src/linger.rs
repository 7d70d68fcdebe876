//! The end of a connection: what was sent last is to arrive.
//!
//! A socket that is closed while bytes of the peer wait unread sends a reset, and the system may then forget what
//! the peer has not read yet: the last answers, or the GOAWAY. So the server stops sending first, and takes
//! what still comes until the peer closes its side too (RFC 9112 §9.6).

use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, copy, sink};
use tokio::time::timeout;

/// How long a peer has for closing its side.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// The least that it has.
pub(crate) const LEAST: Duration = Duration::from_millis(100);
/// What it may still send meanwhile.
const MOST_BYTES: u64 = 1024 * 1024;

/// Waits until the peer of a stream that was shut down has closed its side too, for so long.
pub(crate) async fn read_out(stream: impl AsyncRead + Unpin, patience: Duration) {
    let _ = timeout(patience, copy(&mut stream.take(MOST_BYTES), &mut sink())).await;
}

#[cfg(test)]
mod tests;
