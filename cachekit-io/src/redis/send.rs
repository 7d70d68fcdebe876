//! From a request to its answer: which server, which connection, and what to do when that fails.
//!
//! One node gets one fresh connection when the old one turns out to be lost; beyond that an operation
//! fails at once, since no other server can answer. In a group an operation waits, up to its deadline, until a
//! failover, a move of slots or a lost view of the Cluster is over.

use super::connection::Connection;
use super::failure::{Failure, Then};
use super::node::Node;
use super::request::Request;
use super::{Redis, Shared};
use crate::attempts::{Attempts, Next, Schedule};
use crate::backoff::Backoff;
use crate::runtime::FORKED;
use crate::timed::{Before, Limit};
use crate::{BackendError, BackendErrorKind, Operation};
use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A lost connection is replaced without waiting, twice. In a group an operation tries up to its deadline.
const SCHEDULE: Schedule = Schedule {
    at_once: 2,
    later: u32::MAX,
    backoff: Backoff::half(Duration::from_millis(40), Duration::from_millis(500)),
};
/// How many redirects in a row are followed without waiting.
const MAX_REDIRECTS: u32 = 5;

/// An answer, and whether the request may have taken effect before as well.
pub(super) struct Answered<T> {
    pub(super) answer: T,
    pub(super) repeated: bool,
}

/// Whether a request that may have taken effect is sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    Yes,
    No,
}

impl Redis {
    /// When an operation that begins now ends, or that there is no time for it.
    pub(super) fn deadline(
        &self,
        operation: Operation,
        key: Option<&str>,
    ) -> Result<Deadline, BackendError> {
        self.check_usable().map_err(|failure| failure.into_error(operation, key))?;
        Ok(Deadline::starting(self.timeout))
    }

    /// Whether there is time for an operation, and the connections are those of this process.
    pub(super) fn check_usable(&self) -> Result<(), Failure> {
        if self.timeout.is_zero() {
            return Err(late(None));
        }
        if !self.shared.background.is_of_this_process() {
            return Err(Failure::new(BackendErrorKind::Configuration, Then::Stop, FORKED));
        }
        Ok(())
    }

    /// Sends the only request of an operation to the primary of a slot.
    pub(super) async fn send<R: Request>(
        &self,
        operation: Operation,
        key: Option<&str>,
        slot: u16,
        request: &R,
        repeat: Repeat,
    ) -> Result<Answered<R::Answer>, BackendError> {
        let deadline = self.deadline(operation, key)?;
        let result = self.shared.before(deadline, slot, request, repeat).await;
        result.map_err(|failure| failure.into_error(operation, key))
    }
}

/// After what time a request is polled without a wake, in case its connection ended unnoticed.
const FIRST_LOOK: Duration = Duration::from_millis(250);

/// When an operation ends.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    look: Instant,
    at: Instant,
}

impl Deadline {
    pub(super) fn starting(timeout: Duration) -> Self {
        let now = Instant::now();
        Self { look: now + FIRST_LOOK, at: now + timeout }
    }

    pub(super) fn is_over(self) -> bool {
        Instant::now() >= self.at
    }

    /// The future's output, or nothing once the deadline is there.
    pub(super) fn bound<F: Future>(self, future: F) -> Before<F> {
        Before::new(future, self.limit())
    }

    pub(super) fn limit(self) -> Limit {
        Limit::looking(self.look, self.at)
    }
}

/// The deadline passed; the last failed attempt says why, if there was one.
#[cold]
pub(super) fn late(last: Option<Failure>) -> Failure {
    use BackendErrorKind as K;
    let (kind, context): (_, Cow<'static, str>) = match last {
        Some(failure) if matches!(failure.kind, K::Configuration | K::Authentication) => {
            return failure;
        }
        Some(failure) => (K::Timeout, format!("no answer in time: {}", failure.context).into()),
        None => (K::Timeout, "no answer in time".into()),
    };
    Failure::new(kind, Then::Stop, context)
}

/// How far an operation has come.
pub(super) struct Progress {
    /// A request may have taken effect without an answer, or without the replicas that must have it.
    pub(super) repeated: bool,
    attempts: Attempts,
    redirects: u32,
    /// The node of an `ASK`, which does not have the slot yet.
    asked: Option<Arc<Node>>,
    /// What the last attempt failed for.
    last: Option<Failure>,
}

impl Default for Progress {
    fn default() -> Self {
        // The caller keeps the deadline.
        let attempts = Attempts::new(SCHEDULE, None);
        Self { repeated: false, attempts, redirects: 0, asked: None, last: None }
    }
}

/// The server and connection of one attempt, as far as it got.
#[derive(Default)]
struct Used {
    node: Option<Arc<Node>>,
    connection: Option<Arc<Connection>>,
}

impl Shared {
    /// Tries until there is an answer, another attempt cannot help, or the time is up.
    pub(super) async fn before<R: Request>(
        &self,
        deadline: Deadline,
        slot: u16,
        request: &R,
        repeat: Repeat,
    ) -> Result<Answered<R::Answer>, Failure> {
        // Nearly every operation finds a connection and is answered over it. What the others need is boxed, so that
        // this one does not pay for the memory.
        let Some((node, connection)) = self.at_once(slot, request) else {
            return Box::pin(self.going_on(None, deadline, slot, request, repeat)).await;
        };
        let Some(answer) = request.send_within(&connection, deadline).await else {
            return Err(late(None));
        };
        self.events.used(&connection);
        match answer {
            Ok(answer) => {
                self.hopes();
                Ok(Answered { answer, repeated: false })
            }
            Err(failure) => {
                let first = (failure, Used { node, connection: Some(connection) });
                Box::pin(self.going_on(Some(first), deadline, slot, request, repeat)).await
            }
        }
    }

    /// The server and the connection for a request that is over with its answer, if they are there.
    fn at_once<R: Request>(
        &self,
        slot: u16,
        request: &R,
    ) -> Option<(Option<Arc<Node>>, Arc<Connection>)> {
        if self.copies.are_wanted() && request.written().is_some() {
            return None;
        }
        self.topology.link_at_once(slot)
    }

    /// The same from an attempt on that failed, or from none.
    async fn going_on<R: Request>(
        &self,
        first: Option<(Failure, Used)>,
        deadline: Deadline,
        slot: u16,
        request: &R,
        repeat: Repeat,
    ) -> Result<Answered<R::Answer>, Failure> {
        let mut progress = Progress::default();
        let attempts = self.attempts(first, slot, request, repeat, &mut progress);
        if let Some(result) = deadline.bound(attempts).await {
            return result;
        }
        let nowhere = |failure: &Failure| matches!(failure.then, Then::Elsewhere | Then::Wait);
        if progress.last.as_ref().is_some_and(nowhere) {
            self.despairs.store(true, Ordering::Relaxed);
        }
        Err(late(progress.last))
    }

    /// Tries until there is an answer or another attempt cannot help. The caller keeps the deadline.
    async fn attempts<R: Request>(
        &self,
        first: Option<(Failure, Used)>,
        slot: u16,
        request: &R,
        repeat: Repeat,
        progress: &mut Progress,
    ) -> Result<Answered<R::Answer>, Failure> {
        if let Some((failure, used)) = first {
            self.failed(failure, repeat, progress, &used).await?;
        }
        loop {
            let mut used = Used::default();
            match self.attempt(slot, request, repeat, progress, &mut used).await {
                Ok(answer) => {
                    self.hopes();
                    return Ok(Answered { answer, repeated: progress.repeated });
                }
                Err(failure) => self.failed(failure, repeat, progress, &used).await?,
            }
        }
    }

    /// An operation succeeded: others may wait for a server again.
    fn hopes(&self) {
        // Read first: in good times nothing is written.
        if self.despairs.load(Ordering::Relaxed) {
            self.despairs.store(false, Ordering::Relaxed);
        }
    }

    /// What a failed attempt means for the next, which may begin when this returns.
    async fn failed(
        &self,
        failure: Failure,
        repeat: Repeat,
        progress: &mut Progress,
        used: &Used,
    ) -> Result<(), Failure> {
        let next = self.next(&failure, repeat, progress);
        if matches!(failure.then, Then::Reconnect | Then::Demoted | Then::Login)
            && let Some(connection) = &used.connection
        {
            connection.close();
        }
        if !matches!(failure.then, Then::Stop | Then::Moved(..) | Then::Ask(_)) {
            self.topology.doubt(used.node.as_ref(), next.is_some()).await;
        }
        let Some(next) = next else { return Err(failure.after(progress.repeated)) };
        progress.last = Some(failure);
        if let Next::At(until) = next {
            self.background.sleep(until).await;
        }
        Ok(())
    }

    fn next(&self, failure: &Failure, repeat: Repeat, progress: &mut Progress) -> Option<Next> {
        if let Then::Moved(..) | Then::Ask(_) = failure.then {
            if !self.topology.is_group() {
                return None;
            }
            match &failure.then {
                Then::Moved(slot, to) => self.topology.moved(*slot, to),
                Then::Ask(to) => progress.asked = self.topology.at(to),
                _ => {}
            }
            progress.redirects += 1;
            // Following one is no other attempt.
            if progress.redirects <= MAX_REDIRECTS {
                return Some(Next::Now);
            }
        }
        progress.repeated |= failure.then == Then::Reconnect;
        let next = progress.attempts.next(failure.says(), repeat == Repeat::Yes, Instant::now());
        // What did not come back within a whole deadline is not waited for by every operation.
        let is_patient = || self.topology.is_group() && !self.despairs.load(Ordering::Relaxed);
        next.filter(|next| *next == Next::Now || is_patient())
    }

    async fn attempt<R: Request>(
        &self,
        slot: u16,
        request: &R,
        repeat: Repeat,
        progress: &mut Progress,
        used: &mut Used,
    ) -> Result<R::Answer, Failure> {
        if let Some(node) = progress.asked.take() {
            return Box::pin(self.ask(&node, request, repeat, progress)).await;
        }
        let node = self.topology.node(slot).await?;
        let connection = node.connection().await;
        let connection = match connection {
            Ok(connection) => connection,
            Err(failure) => {
                used.node = Some(node);
                return Err(failure);
            }
        };
        let answer = request.send(&connection).await;
        self.events.used(&connection);
        if answer.is_err() {
            *used = Used { node: Some(node), connection: Some(connection) };
            return answer;
        }
        if let Some(name) = request.written().filter(|_| self.copies.are_wanted())
            && let Err(failure) =
                Box::pin(self.confirmed(&node, &connection, (name, false), repeat, progress)).await
        {
            // The connection of the request did nothing wrong, unless the server is another one now.
            let connection = (failure.then == Then::Demoted).then_some(connection);
            *used = Used { node: Some(node), connection };
            return Err(failure);
        }
        answer
    }

    /// An attempt at a node that does not have the slot yet.
    async fn ask<R: Request>(
        &self,
        node: &Arc<Node>,
        request: &R,
        repeat: Repeat,
        progress: &mut Progress,
    ) -> Result<R::Answer, Failure> {
        let connection = node.connection().await?;
        let answer = request.send_asking(&connection).await;
        self.events.used(&connection);
        if let Some(name) = request.written().filter(|_| answer.is_ok()) {
            self.confirmed(node, &connection, (name, true), repeat, progress).await?;
        }
        answer
    }
}
