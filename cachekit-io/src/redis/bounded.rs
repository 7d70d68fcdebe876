//! A value, unless it is longer than a limit.

use super::Redis;
use super::layout::{self, HEADER, MAGIC};
use super::operations::{MAX_VALUE, command, malformed};
use super::request::Together;
use super::send::Repeat;
use crate::{BackendError, Operation};
use ::redis::Value;
use bytes::Bytes;
use std::fmt;
use std::time::Duration;

/// The result of [`Redis::get_up_to`]. `Debug` shows no value.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounded {
    /// The value; `None` if it is longer than the limit.
    pub value: Option<Bytes>,
    /// The length of the value, in bytes.
    pub length: usize,
    /// The remaining time until the entry is gone; `None` means no expiry.
    pub left: Option<Duration>,
    /// How long before that it becomes stale; zero for an entry that is fresh until it is gone.
    pub stale_window: Duration,
}

impl Bounded {
    /// How long the entry stays fresh. `None` if it never expires; zero if it is stale already.
    pub fn fresh_for(&self) -> Option<Duration> {
        self.left.map(|left| left.saturating_sub(self.stale_window))
    }
}

impl fmt::Debug for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded")
            .field("length", &self.length)
            .field("left", &self.left)
            .field("stale_window", &self.stale_window)
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// The entry with its lifetime, in one round trip; for a value longer than `most` bytes only the
    /// length. No more than that is read from Redis.
    ///
    /// # Errors
    ///
    /// Like [`Backend::get`](crate::Backend::get).
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn example(redis: cachekit_io::Redis) -> Result<(), cachekit_io::BackendError> {
    /// match redis.get_up_to("report", 64 * 1024).await? {
    ///     None => println!("not there"),
    ///     Some(found) => match found.value {
    ///         Some(value) => println!("{} bytes, for {:?}", value.len(), found.left),
    ///         None => println!("{} bytes, which is too much", found.length),
    ///     },
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_up_to(&self, key: &str, most: usize) -> Result<Option<Bounded>, BackendError> {
        const GET: Operation = Operation::Get;
        let entry = self.entry(GET, key)?;
        // Includes the header that may precede it. For an empty range Redis would return everything.
        let most = most.min(MAX_VALUE);
        let end = (most + HEADER).saturating_sub(1);
        let mut range = command("GETRANGE", &entry.name);
        range.arg(0).arg(end);
        let (length, left) = (command("STRLEN", &entry.name), command("PTTL", &entry.name));
        let all = Together::new([length, left, range]);
        let answer = self.send(GET, Some(key), entry.slot, &all, Repeat::Yes).await?.answer;
        parse(answer, most).ok_or_else(|| malformed(GET, key))
    }
}

/// The entry, or that there is none; `None` for an answer that makes no sense.
#[allow(clippy::option_option)]
fn parse(answer: Vec<Value>, most: usize) -> Option<Option<Bounded>> {
    let [Value::Int(stored), Value::Int(left), Value::BulkString(begin)] =
        <[Value; 3]>::try_from(answer).ok()?
    else {
        return None;
    };
    let stored = usize::try_from(stored).ok()?;
    let left = match left {
        -1 => None,
        left => match u64::try_from(left) {
            // Gone, or gone before the answer arrived.
            Err(_) | Ok(0) => return Some(None),
            Ok(left) => Some(Duration::from_millis(left)),
        },
    };
    if begin.len() != stored.min(most + HEADER) {
        // It expired between two of the commands.
        return Some(None);
    }
    let begin = Bytes::from(begin);
    let (value, stale) = match begin.split_first_chunk::<HEADER>() {
        Some((header, _)) if header.starts_with(&MAGIC) => {
            (begin.slice(HEADER..), layout::window(*header))
        }
        _ => (begin.clone(), 0),
    };
    let length = stored - (begin.len() - value.len());
    // For a value without a header, a few bytes more than the limit may have been read.
    let value = (length <= most).then_some(value);
    Some(Some(Bounded { value, length, left, stale_window: Duration::from_millis(stale) }))
}
