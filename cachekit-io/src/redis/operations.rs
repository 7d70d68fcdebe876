//! The operations on single keys.

use super::Redis;
use super::events::{Announced, Quiet, Telling};
use super::failure::Failure;
use super::layout::{self, Found, MAGIC};
use super::request::{Call, Request, Together};
use super::scripts;
use super::send::{Answered, Deadline, Repeat};
use crate::{BackendError, BackendErrorKind, Expiry, Fetched, LockToken, Operation, SetOptions};
use ::redis::{Cmd, Value};
use bytes::Bytes;
use std::borrow::Cow;
use std::time::Duration;

/// The backend's name in logs and counters.
pub(super) const TYPE: &str = "redis";

/// The longest value that a server with default settings accepts.
pub(super) const MAX_VALUE: usize = 512 * 1024 * 1024;

/// A key and its names in Redis.
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    pub(super) name: Cow<'a, str>,
    pub(super) slot: u16,
}

impl Redis {
    pub(super) async fn do_get(&self, key: &str) -> Result<Option<Fetched>, BackendError> {
        const GET: Operation = Operation::Get;
        let entry = self.entry(GET, key)?;
        let get = command("GET", &entry.name);
        let deadline = self.deadline(GET, Some(key))?;
        let sent = self.shared.before(deadline, entry.slot, &get, Repeat::Yes).await;
        let answer = sent.map_err(|failure| failure.into_error(GET, Some(key)))?.answer;
        match read(answer).ok_or_else(|| malformed(GET, key))? {
            None => Ok(None),
            Some(Found::Plain(value)) => Ok(Some(Fetched::fresh(value))),
            Some(Found::Windowed(..)) => Box::pin(self.get_windowed(GET, &entry, deadline)).await,
        }
    }

    pub(super) async fn do_get_timed(&self, key: &str) -> Result<Option<Fetched>, BackendError> {
        const GET: Operation = Operation::Get;
        let entry = self.entry(GET, key)?;
        let deadline = self.deadline(GET, Some(key))?;
        self.get_windowed(GET, &entry, deadline).await
    }

    /// The value together with its TTL: a value that was read without it may have been replaced since.
    pub(super) async fn get_windowed(
        &self,
        operation: Operation,
        entry: &Entry<'_>,
        deadline: Deadline,
    ) -> Result<Option<Fetched>, BackendError> {
        let both = Together::new([command("GET", &entry.name), command("PTTL", &entry.name)]);
        let sent = self.shared.before(deadline, entry.slot, &both, Repeat::Yes).await;
        let failed = |failure: Failure| failure.into_error(operation, Some(entry.key));
        let answer = sent.map_err(failed)?.answer;
        let malformed = || malformed(operation, entry.key);
        let [value, left] = <[Value; 2]>::try_from(answer).map_err(|_| malformed())?;
        let Some(found) = read(value).ok_or_else(malformed)? else { return Ok(None) };
        let left = match left {
            Value::Int(-1) => None,
            Value::Int(left) => Some(u64::try_from(left).unwrap_or(0)),
            _ => return Err(malformed()),
        };
        Ok(Some(match (found, left) {
            (Found::Plain(value), None) => Fetched::fresh(value),
            (Found::Plain(value), Some(left)) => {
                Fetched::fresh(value).with_fresh_for(Duration::from_millis(left))
            }
            (Found::Windowed(value, stale), left) => layout::fetched(value, stale, left),
        }))
    }

    pub(super) async fn do_set(
        &self,
        key: &str,
        value: Bytes,
        options: &SetOptions,
    ) -> Result<(), BackendError> {
        const SET: Operation = Operation::Set;
        let entry = self.checked(SET, key, &value, options)?;
        if let Some(lock) = &options.lock {
            let stored = self.set_if(SET, &entry, value, options, Some(lock), None).await?;
            return match stored.answer {
                1 => Ok(()),
                _ => Err(BackendError::new(BackendErrorKind::Superseded, SET).with_key(key)),
            };
        }
        let telling = self.shared.events.replaces(key);
        let set = self.set_together(&entry, value, options);
        let set = Announced { telling: &telling, request: set };
        let set = self.quiet(&entry, set, |_| true);
        self.send(SET, Some(key), entry.slot, &set, Repeat::Yes).await?;
        Ok(())
    }

    /// A request that writes an entry, without the server's events about it.
    fn quiet<'a, R: Request>(
        &'a self,
        entry: &'a Entry<'_>,
        request: R,
        stored: fn(&R::Answer) -> bool,
    ) -> Quiet<'a, R> {
        let events = &self.shared.events;
        Quiet { events, name: &entry.name, request, stored, attempts: 1 }
    }

    /// The same for a script, which may have to be sent in full.
    fn quiet_script<'a>(
        &'a self,
        entry: &'a Entry<'_>,
        call: Call<'a>,
        stored: fn(&Value) -> bool,
    ) -> Quiet<'a, Call<'a>> {
        Quiet { attempts: 2, ..self.quiet(entry, call, stored) }
    }

    /// Stores a value and moves the fence.
    pub(super) fn set_together(
        &self,
        entry: &Entry<'_>,
        value: Bytes,
        options: &SetOptions,
    ) -> Together {
        let stored = layout::stored(value, options);
        let mut set = Cmd::with_capacity(5, entry.name.len() + stored.value.len() + 32);
        set.arg("SET").arg(&*entry.name).arg(&*stored.value);
        if let Some(millis) = stored.millis {
            set.arg("PX").arg(millis);
        }
        let overtake = self.overtake(&entry.name);
        if self.shared.events.is_wanted() {
            // The server sends events about entries that were read, and stops tracking a written entry
            // until it is read again.
            let read = command("EXISTS", &entry.name);
            return Together::new([read.clone(), set, read, overtake]);
        }
        Together::new([set, overtake])
    }

    /// Removes an entry and moves the fence: one command, which even a server that is out of memory
    /// accepts.
    pub(super) fn delete_command(&self, entry: &Entry<'_>) -> Cmd {
        let beside = self.shared.names.beside(&entry.name);
        let mut delete = command("DEL", &entry.name);
        delete.arg(beside.fence).arg(beside.held);
        delete
    }

    /// Moves the fence of an entry, and marks its lock as overtaken.
    fn overtake(&self, name: &str) -> Cmd {
        let beside = self.shared.names.beside(name);
        let mut delete = Cmd::new();
        delete.arg("DEL").arg(beside.fence).arg(beside.held);
        delete
    }

    /// Stores a value if a lock is held and a fence holds: see [`scripts::SET_IF`].
    pub(super) async fn set_if(
        &self,
        operation: Operation,
        entry: &Entry<'_>,
        value: Bytes,
        options: &SetOptions,
        lock: Option<&LockToken>,
        fence: Option<&str>,
    ) -> Result<Answered<i64>, BackendError> {
        let stored = layout::stored(value, options);
        let beside = self.shared.names.beside(&entry.name);
        let millis = stored.millis.unwrap_or(0).to_string();
        let lock = lock.map_or("", LockToken::as_str);
        let telling = options.replaces.then(|| self.shared.events.overtakes(entry.key));
        let message = telling.as_ref().and_then(Telling::message);
        let (channel, message) = message.unwrap_or_default();
        let call = Call {
            script: &scripts::SET_IF,
            keys: &[&entry.name, &beside.fence, &beside.held, &beside.lock],
            arguments: &[
                &stored.value,
                millis.as_bytes(),
                lock.as_bytes(),
                fence.unwrap_or_default().as_bytes(),
                channel.as_bytes(),
                &message,
            ],
        };
        let call = self.quiet_script(entry, call, |answer| matches!(answer, Value::Int(1 | 2)));
        // A fenced write that is repeated finds its own fence moved.
        let repeat = if fence.is_some() { Repeat::No } else { Repeat::Yes };
        let answered = self.send(operation, Some(entry.key), entry.slot, &call, repeat).await?;
        let answer = integer(operation, entry.key, &answered.answer)?;
        // A refused repetition does not say what became of the first attempt.
        let is_settled = answer == 2 || (answer != 1 && !answered.repeated);
        if let Some(telling) = telling.filter(|_| is_settled) {
            telling.settle();
        }
        Ok(Answered { answer: answer.min(1), repeated: answered.repeated })
    }

    pub(super) async fn do_delete(&self, key: &str) -> Result<bool, BackendError> {
        const DELETE: Operation = Operation::Delete;
        let entry = self.entry(DELETE, key)?;
        let telling = self.shared.events.deletes(key);
        let delete = self.delete_command(&entry);
        let delete = Announced { telling: &telling, request: delete };
        let delete = self.quiet(&entry, delete, |answer| matches!(answer, Value::Int(1..)));
        let answered = self.send(DELETE, Some(key), entry.slot, &delete, Repeat::Yes).await?;
        // The removed key may have been only a fence, and the first of two attempts may have removed the
        // entry.
        let removed = integer(DELETE, key, &answered.answer)?;
        Ok(removed > 0 || answered.repeated)
    }

    pub(super) async fn do_exists(&self, key: &str) -> Result<bool, BackendError> {
        const EXISTS: Operation = Operation::Exists;
        let entry = self.entry(EXISTS, key)?;
        let exists = command("EXISTS", &entry.name);
        let answered = self.send(EXISTS, Some(key), entry.slot, &exists, Repeat::Yes).await?;
        integer(EXISTS, key, &answered.answer).map(|count| count > 0)
    }

    pub(super) async fn do_expiry(&self, key: &str) -> Result<Expiry, BackendError> {
        const EXPIRY: Operation = Operation::Expiry;
        let entry = self.entry(EXPIRY, key)?;
        let left = command("PTTL", &entry.name);
        let answered = self.send(EXPIRY, Some(key), entry.slot, &left, Repeat::Yes).await?;
        let left = integer(EXPIRY, key, &answered.answer)?;
        Ok(match left {
            -1 => Expiry::Never,
            left => match u64::try_from(left) {
                // Gone before the answer arrived; the trait has no zero.
                Ok(0) | Err(_) => Expiry::Absent,
                Ok(left) => Expiry::In(Duration::from_millis(left)),
            },
        })
    }

    pub(super) async fn do_refresh(&self, key: &str, ttl: Duration) -> Result<bool, BackendError> {
        const REFRESH: Operation = Operation::Refresh;
        let entry = self.entry(REFRESH, key)?;
        SetOptions::new().ttl(ttl).validate(REFRESH).map_err(|error| error.with_key(key))?;
        let millis = layout::millis(ttl).to_string();
        let call = Call {
            script: &scripts::REFRESH,
            keys: &[&entry.name],
            arguments: &[millis.as_bytes(), &MAGIC],
        };
        let call = self.quiet_script(&entry, call, |answer| *answer == Value::Int(1));
        let answered = self.send(REFRESH, Some(key), entry.slot, &call, Repeat::Yes).await?;
        integer(REFRESH, key, &answered.answer).map(|done| done == 1)
    }

    /// The entry of a key.
    pub(super) fn entry<'a>(
        &self,
        operation: Operation,
        key: &'a str,
    ) -> Result<Entry<'a>, BackendError> {
        if key.is_empty() {
            return Err(BackendError::new(BackendErrorKind::InvalidKey, operation)
                .with_context("the empty key")
                .with_key(key));
        }
        let name = self.shared.names.entry(key);
        let slot = self.shared.names.slot(&name);
        Ok(Entry { key, name, slot })
    }

    /// The entry for a value, if it can be stored.
    pub(super) fn checked<'a>(
        &self,
        operation: Operation,
        key: &'a str,
        value: &Bytes,
        options: &SetOptions,
    ) -> Result<Entry<'a>, BackendError> {
        let entry = self.entry(operation, key)?;
        options.validate(operation).map_err(|error| error.with_key(key))?;
        if value.len() > MAX_VALUE {
            return Err(BackendError::new(BackendErrorKind::TooLarge, operation)
                .with_context("more than 512 MiB")
                .with_key(key));
        }
        Ok(entry)
    }
}

/// A command about one key.
pub(super) fn command(name: &str, key: &str) -> Cmd {
    let mut command = Cmd::with_capacity(2, name.len() + key.len());
    command.arg(name).arg(key);
    command
}

/// A value, or that there is none; `None` for any other answer.
#[allow(clippy::option_option)]
pub(super) fn read(answer: Value) -> Option<Option<Found>> {
    match answer {
        Value::Nil => Some(None),
        Value::BulkString(stored) => Some(Some(layout::read(Bytes::from(stored)))),
        _ => None,
    }
}

pub(super) fn integer(
    operation: Operation,
    key: &str,
    answer: &Value,
) -> Result<i64, BackendError> {
    match answer {
        Value::Int(number) => Ok(*number),
        _ => Err(malformed(operation, key)),
    }
}

#[cold]
pub(super) fn malformed(operation: Operation, key: &str) -> BackendError {
    super::failure::Failure::malformed().into_error(operation, Some(key))
}
