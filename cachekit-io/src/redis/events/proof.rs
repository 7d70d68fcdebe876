//! Whether this backend receives events about changes by others, and if not, what to do about it.

use super::super::connection::{Connection, too_slow};
use super::super::failure::{Failure, Then};
use super::Events;
use crate::BackendErrorKind;
use std::sync::Arc;
use std::time::Instant;

impl Events {
    /// Verifies, before the deadline, that events arrive about changes of what is read over these connections,
    /// and that others can be told of changes made here, and says how they arrive. `None` if there is no listener.
    pub(in super::super) async fn prove(
        &self,
        connections: &[Arc<Connection>],
        deadline: Instant,
    ) -> Result<Option<&'static str>, Failure> {
        let shared = &self.0;
        if !shared.is_wanted() {
            return Ok(None);
        }
        // A listener may have subscribed after the connections were opened.
        // Never cancelled half-way, because the gap is sent at its end.
        let settling = shared.background.spawn(Arc::clone(shared).settle());
        let settling = settling.ok_or_else(too_slow)?;
        let settled = shared.background.before(deadline, settling).await;
        settled.and_then(Result::ok).ok_or_else(too_slow)?;
        // The server confirmed that it tracks, and sends events on the same connection.
        if connections.iter().all(|connection| connection.is_heard()) {
            let told = shared.background.before(deadline, shared.probe()).await;
            return match told.unwrap_or_else(|| Err(too_slow())) {
                Ok(()) => Ok(Some("tracking")),
                Err(failure) => Err(untold(&failure)),
            };
        }
        if connections.iter().any(|connection| connection.is_closed()) {
            return Err(Failure::new(
                BackendErrorKind::Transient,
                Then::Reconnect,
                "the connection was lost",
            ));
        }
        match shared.round_trip(deadline).await {
            Ok(()) => Ok(Some("channel")),
            Err(failure) => Err(unheard(connections, &failure)),
        }
    }
}

/// The failure if this process hears others, but cannot tell those that need the channel.
fn untold(channel: &Failure) -> Failure {
    let context = format!(
        "what this process changes cannot be told to those that the server does not let track, so their copies may be \
         stale: over the channel cachekit:rust:invalidate:v1 {}",
        channel.context
    );
    Failure::new(channel.kind, Then::Stop, context)
}

/// The failure if neither tracking nor the channel works.
fn unheard(connections: &[Arc<Connection>], channel: &Failure) -> Failure {
    let tracking = if connections.iter().all(|connection| connection.takes_pushes()) {
        "the server refuses client-side tracking to this user (grant +client|tracking)"
    } else {
        "client-side tracking needs RESP3 (no protocol=resp2 in the URL)"
    };
    let context = format!(
        "what other processes change cannot be heard, so no copy is kept in this one: {tracking}, and over the \
         channel cachekit:rust:invalidate:v1 it is not heard either: {}",
        channel.context
    );
    Failure::new(channel.kind, Then::Stop, context)
}
