//! From a request to its answer: which server, which connection, and what to do when that fails.
//!
//! One node gets one fresh connection when the old one turns out to be lost; beyond that an operation
//! fails at once, since no other server can answer. In a group an operation waits, up to its deadline, until a
//! failover, a move of slots or a lost view of the Cluster is over.

use super::failure::{Failure, Then};
use super::link::Link;
use super::node::Node;
use super::scripts::Lua;
use super::{Redis, Shared};
use crate::{BackendError, BackendErrorKind, Operation};
use ::redis::{Cmd, Pipeline, ServerError, Value};
use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// How often a lost connection is replaced without waiting.
const AT_ONCE: u32 = 2;
/// How many redirects in a row are followed without waiting.
const MAX_REDIRECTS: u32 = 5;

/// What is sent in one piece and answered in one piece.
pub(super) trait Request: Sync {
    type Answer: Send;

    fn send(&self, link: &Link) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;

    /// The name of the entry that it writes, if replicas may have to have it.
    fn written(&self) -> Option<&str> {
        None
    }

    /// The same for a node that does not have the slot yet.
    fn send_asking(
        &self,
        link: &Link,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;
}

impl Request for Cmd {
    type Answer = Value;

    async fn send(&self, link: &Link) -> Result<Value, Failure> {
        link.ask(self).await
    }

    async fn send_asking(&self, link: &Link) -> Result<Value, Failure> {
        let mut both = Pipeline::with_capacity(2);
        both.cmd("ASKING").add_command(self.clone());
        let mut answers = link.many(&both).await.map_err(|error| Failure::of(&error))?;
        match answers.pop() {
            Some(Value::ServerError(error)) => Err(Failure::server(&error)),
            Some(answer) => Ok(answer),
            None => Err(Failure::malformed()),
        }
    }
}

/// Commands that take effect together. The answer is that of `EXEC`: one for each command.
pub(super) struct Together(Pipeline);

impl Together {
    pub(super) fn new<const N: usize>(commands: [Cmd; N]) -> Self {
        let mut pipeline = Pipeline::with_capacity(N + 2);
        pipeline.cmd("MULTI");
        for command in commands {
            pipeline.add_command(command);
        }
        pipeline.cmd("EXEC");
        Self(pipeline)
    }

    /// How many commands go over the wire.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds them to others.
    pub(super) fn write_to(&self, pipeline: &mut Pipeline) {
        for command in self.0.cmd_iter() {
            pipeline.add_command(command.clone());
        }
    }

    /// Finds the answer among those to everything that was sent.
    pub(super) fn read(answers: &mut [Value]) -> Result<Vec<Value>, Failure> {
        // What a command was refused for says more than that the transaction was.
        let refused = answers.iter().filter_map(error_in).min_by_key(|e| e.code() == "EXECABORT");
        if let Some(error) = refused {
            return Err(Failure::server(error));
        }
        match answers.last_mut() {
            Some(Value::Array(values)) => {
                let values = std::mem::take(values);
                match values.iter().find_map(error_in) {
                    Some(error) => Err(Failure::server(error)),
                    None => Ok(values),
                }
            }
            _ => Err(Failure::malformed()),
        }
    }
}

fn error_in(value: &Value) -> Option<&ServerError> {
    match value {
        Value::ServerError(error) => Some(error),
        _ => None,
    }
}

impl Request for Together {
    type Answer = Vec<Value>;

    async fn send(&self, link: &Link) -> Result<Vec<Value>, Failure> {
        let mut answers = link.many(&self.0).await.map_err(|error| Failure::of(&error))?;
        Self::read(&mut answers)
    }

    async fn send_asking(&self, link: &Link) -> Result<Vec<Value>, Failure> {
        // The server asks as long as the transaction lasts.
        let mut pipeline = Pipeline::with_capacity(self.len() + 1);
        pipeline.cmd("ASKING");
        self.write_to(&mut pipeline);
        let mut answers = link.many(&pipeline).await.map_err(|error| Failure::of(&error))?;
        Self::read(&mut answers)
    }
}

/// A script with its keys and arguments.
pub(super) struct Call<'a> {
    pub(super) script: &'a Lua,
    pub(super) keys: &'a [&'a str],
    pub(super) arguments: &'a [&'a [u8]],
}

impl Call<'_> {
    fn command(&self, name: &str, script: &str) -> Cmd {
        let size = self.arguments.iter().map(|argument| argument.len()).sum::<usize>() + 256;
        let mut command = Cmd::with_capacity(3 + self.keys.len() + self.arguments.len(), size);
        command.arg(name).arg(script).arg(self.keys.len()).arg(self.keys);
        for argument in self.arguments {
            command.arg(argument);
        }
        command
    }

    fn short(&self) -> Cmd {
        self.command("EVALSHA", self.script.hash())
    }

    fn long(&self) -> Cmd {
        self.command("EVAL", self.script.code)
    }
}

impl Request for Call<'_> {
    type Answer = Value;

    async fn send(&self, link: &Link) -> Result<Value, Failure> {
        match self.short().send(link).await {
            Err(failure) if failure.then == Then::SendScript => self.long().send(link).await,
            answer => answer,
        }
    }

    async fn send_asking(&self, link: &Link) -> Result<Value, Failure> {
        match self.short().send_asking(link).await {
            Err(failure) if failure.then == Then::SendScript => self.long().send_asking(link).await,
            answer => answer,
        }
    }
}

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
    /// Sends a request to the primary of a slot, before the deadline that begins now.
    pub(super) async fn send<R: Request>(
        &self,
        operation: Operation,
        key: Option<&str>,
        slot: u16,
        request: &R,
        repeat: Repeat,
    ) -> Result<Answered<R::Answer>, BackendError> {
        if self.timeout.is_zero() {
            return Err(late(None).into_error(operation, key));
        }
        let deadline = Instant::now() + self.timeout;
        let result = self.shared.before(deadline, slot, request, repeat).await;
        result.map_err(|failure| failure.into_error(operation, key))
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
#[derive(Default)]
pub(super) struct Progress {
    /// A request may have taken effect without an answer, or without the replicas that must have it.
    pub(super) repeated: bool,
    waits: u32,
    lost: u32,
    redirects: u32,
    /// Who is to be asked, and does not have the slot yet.
    asked: Option<Arc<Node>>,
    /// What the last attempt failed for.
    last: Option<Failure>,
}

/// The server and connection of one attempt, as far as it got.
#[derive(Default)]
struct Used {
    node: Option<Arc<Node>>,
    link: Option<Arc<Link>>,
}

/// What to do after a failed attempt.
enum Next {
    GiveUp,
    Now,
    Later,
}

impl Shared {
    /// Tries until there is an answer, no hope, or no time.
    pub(super) async fn before<R: Request>(
        &self,
        deadline: Instant,
        slot: u16,
        request: &R,
        repeat: Repeat,
    ) -> Result<Answered<R::Answer>, Failure> {
        let mut progress = Progress::default();
        let attempts = self.attempts(slot, request, repeat, &mut progress);
        if let Some(result) = self.background.before(deadline, attempts).await {
            return result;
        }
        let nowhere = |failure: &Failure| matches!(failure.then, Then::Elsewhere | Then::Wait);
        if progress.last.as_ref().is_some_and(nowhere) {
            self.despairs.store(true, Ordering::Relaxed);
        }
        Err(late(progress.last))
    }

    /// Tries until there is an answer or no hope. The deadline is the caller's affair.
    async fn attempts<R: Request>(
        &self,
        slot: u16,
        request: &R,
        repeat: Repeat,
        progress: &mut Progress,
    ) -> Result<Answered<R::Answer>, Failure> {
        loop {
            let mut used = Used::default();
            let failure = match self.attempt(slot, request, repeat, progress, &mut used).await {
                Ok(answer) => {
                    if self.despairs.load(Ordering::Relaxed) {
                        self.despairs.store(false, Ordering::Relaxed);
                    }
                    return Ok(Answered { answer, repeated: progress.repeated });
                }
                Err(failure) => failure,
            };
            let next = self.next(&failure, repeat, progress);
            if matches!(failure.then, Then::Reconnect | Then::Demoted | Then::Login)
                && let Some(link) = &used.link
            {
                link.close();
            }
            if !matches!(failure.then, Then::Stop | Then::Moved(..) | Then::Ask(_)) {
                let waits = !matches!(next, Next::GiveUp);
                self.topology.doubt(used.node.as_ref(), waits).await;
            }
            match next {
                Next::GiveUp => return Err(failure),
                Next::Now => progress.last = Some(failure),
                Next::Later => {
                    progress.last = Some(failure);
                    progress.waits += 1;
                    self.background.sleep(Instant::now() + pause(progress.waits)).await;
                }
            }
        }
    }

    fn next(&self, failure: &Failure, repeat: Repeat, progress: &mut Progress) -> Next {
        // What did not come back within a whole deadline is not waited for by every operation.
        let patient = self.topology.is_group() && !self.despairs.load(Ordering::Relaxed);
        let later = if patient { Next::Later } else { Next::GiveUp };
        match &failure.then {
            Then::Stop | Then::SendScript => Next::GiveUp,
            Then::Elsewhere | Then::Wait => later,
            Then::Reconnect if repeat == Repeat::No => Next::GiveUp,
            Then::Reconnect | Then::Demoted | Then::Login => {
                progress.repeated |= failure.then == Then::Reconnect;
                progress.lost += 1;
                if progress.lost > AT_ONCE { later } else { Next::Now }
            }
            Then::Moved(..) | Then::Ask(_) if !self.topology.is_group() => Next::GiveUp,
            redirect => {
                match redirect {
                    Then::Moved(slot, to) => self.topology.moved(*slot, to),
                    Then::Ask(to) => progress.asked = self.topology.at(to),
                    _ => {}
                }
                progress.redirects += 1;
                if progress.redirects > MAX_REDIRECTS { Next::Later } else { Next::Now }
            }
        }
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
            let link = node.link().await?;
            let answer = request.send_asking(&link).await;
            self.events.used(&link);
            let copied = self.confirmed(&node, &link, request, true, repeat, progress);
            return if answer.is_ok() { copied.await.and(answer) } else { answer };
        }
        let node = self.topology.node(slot).await?;
        let link = node.link().await;
        let link = match link {
            Ok(link) => link,
            Err(failure) => {
                used.node = Some(node);
                return Err(failure);
            }
        };
        let answer = request.send(&link).await;
        self.events.used(&link);
        if answer.is_err() {
            *used = Used { node: Some(node), link: Some(link) };
            return answer;
        }
        if let Err(failure) = self.confirmed(&node, &link, request, false, repeat, progress).await {
            // The connection of the request did nothing wrong, unless the server is another one now.
            let link = (failure.then == Then::Demoted).then_some(link);
            *used = Used { node: Some(node), link };
            return Err(failure);
        }
        answer
    }
}

/// How long to wait before the next attempt: doubling, and half of it at random.
fn pause(waits: u32) -> Duration {
    let window = FIRST_WAIT.saturating_mul(1 << waits.min(8)).min(LONGEST_WAIT);
    window.mul_f64(0.5 + fastrand::f64() / 2.0)
}
