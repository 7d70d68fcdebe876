//! Requests: one command, several that take effect together, or a script.

use super::connection::Connection;
use super::failure::{Failure, Then};
use super::scripts::Lua;
use super::send::Deadline;
use ::redis::{Cmd, Pipeline, ServerError, Value};
use std::future::Future;

/// Something that is sent in one piece and answered in one piece.
pub(super) trait Request: Sync {
    type Answer: Send;

    fn send(
        &self,
        connection: &Connection,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;

    /// The same until a deadline; `None` after it.
    fn send_within(
        &self,
        connection: &Connection,
        deadline: Deadline,
    ) -> impl Future<Output = Option<Result<Self::Answer, Failure>>> + Send {
        deadline.bound(self.send(connection))
    }

    /// The name of the entry that it writes, if replicas may have to confirm it.
    fn written(&self) -> Option<&str> {
        None
    }

    /// The same for a node that does not own the slot yet.
    fn send_asking(
        &self,
        connection: &Connection,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;
}

impl Request for Cmd {
    type Answer = Value;

    async fn send(&self, connection: &Connection) -> Result<Value, Failure> {
        connection.ask(self).await
    }

    async fn send_within(
        &self,
        connection: &Connection,
        deadline: Deadline,
    ) -> Option<Result<Value, Failure>> {
        connection.ask_within(self, deadline).await
    }

    async fn send_asking(&self, connection: &Connection) -> Result<Value, Failure> {
        let mut both = Pipeline::with_capacity(2);
        both.cmd("ASKING").add_command(self.clone());
        let mut answers = connection.many(&both).await.map_err(|error| Failure::of(&error))?;
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
        // The reason why a command was refused says more than the failed transaction.
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

pub(super) fn error_in(value: &Value) -> Option<&ServerError> {
    match value {
        Value::ServerError(error) => Some(error),
        _ => None,
    }
}

impl Request for Together {
    type Answer = Vec<Value>;

    async fn send(&self, connection: &Connection) -> Result<Vec<Value>, Failure> {
        let mut answers = connection.many(&self.0).await.map_err(|error| Failure::of(&error))?;
        Self::read(&mut answers)
    }

    async fn send_asking(&self, connection: &Connection) -> Result<Vec<Value>, Failure> {
        // `ASKING` lasts for the whole transaction.
        let mut pipeline = Pipeline::with_capacity(self.len() + 1);
        pipeline.cmd("ASKING");
        self.write_to(&mut pipeline);
        let mut answers = connection.many(&pipeline).await.map_err(|error| Failure::of(&error))?;
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

    async fn send(&self, connection: &Connection) -> Result<Value, Failure> {
        match self.short().send(connection).await {
            Err(failure) if failure.then == Then::SendScript => self.long().send(connection).await,
            answer => answer,
        }
    }

    async fn send_asking(&self, connection: &Connection) -> Result<Value, Failure> {
        match self.short().send_asking(connection).await {
            Err(failure) if failure.then == Then::SendScript => {
                self.long().send_asking(connection).await
            }
            answer => answer,
        }
    }
}
