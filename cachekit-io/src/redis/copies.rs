//! Writes that are confirmed once replicas have them.
//!
//! `WAIT` blocks everything that comes after it on its connection, so it has its own connection. A round covers all
//! writes before its beginning: callers that come meanwhile share the next one.

use super::Shared;
use super::connection::Connection;
use super::failure::{Failure, Then};
use super::node::Node;
use super::request::Request;
use super::send::{Progress, Repeat};
use crate::BackendErrorKind;
use ::redis::{Pipeline, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How many replicas, and how long they have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    replicas: u32,
    within: Duration,
}

impl Wanted {
    /// For operations with this timeout, part of which is left for the write itself.
    pub(super) fn new(replicas: u32, timeout: Duration) -> Self {
        // A connection that shows no sign of life is given up after two seconds.
        let within = (timeout / 2).clamp(Duration::from_millis(1), Duration::from_secs(1));
        Self { replicas, within }
    }

    pub(super) fn are_wanted(self) -> bool {
        self.replicas > 0
    }
}

/// The replicas of one server.
pub(super) struct Copies {
    /// The same server, over another connection.
    server: Arc<Node>,
    begun: AtomicU64,
    /// The last round that ended. The caller that runs a round holds the lock.
    last: Mutex<Option<(u64, Result<(), Failure>)>>,
}

impl Copies {
    pub(super) fn of(server: Arc<Node>) -> Self {
        Self { server, begun: AtomicU64::new(0), last: Mutex::new(None) }
    }

    pub(super) fn close(&self) {
        self.server.close();
    }

    /// Returns when replicas have everything that was written before the call.
    async fn wait(&self, wanted: Wanted, mark: &str, asking: bool) -> Result<(), Failure> {
        // An earlier round may have missed it.
        let first = self.begun.load(Ordering::SeqCst) + 1;
        let mut last = self.last.lock().await;
        if let Some((number, outcome)) = &*last
            && *number >= first
        {
            return outcome.clone();
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let outcome = self.ask(wanted, mark, asking).await;
        *last = Some((number, outcome.clone()));
        outcome
    }

    async fn ask(&self, wanted: Wanted, mark: &str, asking: bool) -> Result<(), Failure> {
        let connection = self.server.connection().await?;
        let mut pipeline = ::redis::pipe();
        if asking {
            pipeline.cmd("ASKING");
        }
        // `WAIT` covers what this connection wrote, and so everything that was written before it.
        pipeline.cmd("SET").arg(mark).arg(1).arg("PX").arg(1000);
        wanted.wait(&connection, pipeline).await
    }
}

impl Wanted {
    /// Waits on the connection that wrote, which is blocked meanwhile.
    async fn wait_on(self, connection: &Connection) -> Result<(), Failure> {
        self.wait(connection, ::redis::pipe()).await
    }

    async fn wait(self, connection: &Connection, mut pipeline: Pipeline) -> Result<(), Failure> {
        let millis = u64::try_from(self.within.as_millis()).unwrap_or(1).max(1);
        pipeline.cmd("WAIT").arg(self.replicas).arg(millis);
        let answers = connection.many(&pipeline).await.map_err(|error| Failure::of(&error))?;
        let errors = answers.iter().filter_map(|answer| match answer {
            Value::ServerError(error) => Some(error),
            _ => None,
        });
        if let Some(error) = errors.min_by_key(|error| error.code() == "ERR") {
            return Err(Failure::server(error));
        }
        match answers.last() {
            Some(Value::Int(count)) if *count >= i64::from(self.replicas) => Ok(()),
            Some(Value::Int(_)) => Err(Failure::new(
                BackendErrorKind::Transient,
                Then::Stop,
                "too few replicas have it: it may be lost with the server",
            )),
            _ => Err(Failure::malformed()),
        }
    }
}

/// A request that writes an entry.
pub(super) struct Writes<'a, R> {
    pub(super) name: &'a str,
    pub(super) request: &'a R,
}

impl<R: Request> Request for Writes<'_, R> {
    type Answer = R::Answer;

    async fn send(&self, connection: &Connection) -> Result<R::Answer, Failure> {
        self.request.send(connection).await
    }

    fn written(&self) -> Option<&str> {
        Some(self.name)
    }

    async fn send_asking(&self, connection: &Connection) -> Result<R::Answer, Failure> {
        self.request.send_asking(connection).await
    }
}

impl Shared {
    /// Returns when replicas have the entry that a request wrote.
    pub(super) async fn confirmed(
        &self,
        node: &Arc<Node>,
        connection: &Connection,
        (name, asking): (&str, bool),
        repeat: Repeat,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let copied = self.copied(node, connection, name, asking).await;
        copied.map_err(|failure| {
            progress.repeated = true;
            match failure.then {
                _ if repeat == Repeat::No => failure.and_then(Then::Stop),
                // That applies to the mark, and the request was answered here.
                Then::Ask(_) => failure.and_then(Then::Wait),
                _ => failure,
            }
        })
    }

    /// Returns when the required number of replicas have the entry as it was written over this connection.
    pub(super) async fn copied(
        &self,
        node: &Arc<Node>,
        connection: &Connection,
        name: &str,
        asking: bool,
    ) -> Result<(), Failure> {
        if !self.copies.are_wanted() {
            return Ok(());
        }
        match node.copies().wait(self.copies, &self.names.copied(name), asking).await {
            // A server that is out of memory rejects the mark, but it has accepted a deletion.
            Err(failure) if failure.kind == BackendErrorKind::Backpressure => {
                self.copies.wait_on(connection).await?;
            }
            waited => waited?,
        }
        // Another server may have the address by now, whose replicas do not have the write: the connection
        // that wrote must still exist.
        let ping = ::redis::cmd("PING");
        connection.ask(&ping).await.map(drop).map_err(|failure| failure.and_then(Then::Elsewhere))
    }
}
