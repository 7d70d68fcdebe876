//! Whether the servers are up, and whether events are delivered.

use super::Redis;
use super::failure::{Failure, Then};
use super::operations::TYPE;
use super::send::late;
use crate::{BackendError, Health, Operation};
use ::redis::Cmd;
use futures_util::future::try_join_all;
use std::time::Instant;

impl Redis {
    /// Every primary must answer, and if there is a listener, events about changes by others must
    /// arrive.
    pub(super) async fn do_health(&self) -> Result<Health, BackendError> {
        const HEALTH: Operation = Operation::Health;
        let asked = Instant::now();
        let shared = &self.shared;
        self.check_usable().map_err(|failure| failure.into_error(HEALTH, None))?;
        let deadline = asked + self.timeout;
        let all = async {
            let primaries = shared.topology.primaries().await?;
            let ping = Cmd::new().arg("PING").take();
            let answers = primaries.iter().map(async |node| {
                let connection = node.connection().await?;
                match connection.ask(&ping).await {
                    Ok(_) => Ok(connection),
                    // The connection may have been lost unnoticed.
                    Err(failure) if failure.then == Then::Reconnect => {
                        let connection = node.connection().await?;
                        connection.ask(&ping).await.map(|_| connection)
                    }
                    Err(failure) => Err(failure),
                }
            });
            try_join_all(answers).await
        };
        let all = shared.background.before(deadline, all).await;
        let error = |failure: Failure| failure.into_error(HEALTH, None);
        let connections = all.unwrap_or_else(|| Err(late(None))).map_err(error)?;
        let events = shared.events.prove(&connections, deadline).await.map_err(error)?;
        let health = Health::new(TYPE, asked.elapsed())
            .with_detail("topology", shared.topology.name())
            .with_detail("primaries", connections.len().to_string());
        Ok(match events {
            Some(events) => health.with_detail("events", events),
            None => health,
        })
    }
}
