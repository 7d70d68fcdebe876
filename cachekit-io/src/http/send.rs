//! One operation: attempts until there is an answer, it is no use, or the time is over.

use super::CachekitIo;
use super::answer::Answer;
use super::failure::{Failure, describe};
use super::request::Call;
use super::why;
use crate::attempts::Again;
use crate::runtime::FORKED;
use crate::timed;
use crate::wire::header::DENY_REASON;
use crate::wire::status::classify;
use crate::{BackendError, BackendErrorKind, Operation};
use http::StatusCode;
use http::header::RETRY_AFTER;
use std::future::Future;
use std::time::{Duration, Instant};

impl CachekitIo {
    /// Sends a call, again if it has to, and hands over the answer if its status is one of the
    /// accepted ones.
    pub(super) async fn send(
        &self,
        operation: Operation,
        key: Option<&str>,
        call: Call,
        accepts: fn(StatusCode) -> bool,
    ) -> Result<Answer, BackendError> {
        let started = Instant::now();
        let deadline = self.deadline.end(started);
        let (call, mut began) = (&call, Some(started));
        let attempt = || {
            let now = began.take().unwrap_or_else(Instant::now);
            self.attempt(call, now, accepts)
        };
        let attempts = self.shared.retry.run(deadline, |_| call.idempotent, attempt);
        let (mut answer, repeated) = self.within(deadline, operation, key, attempts).await?;
        answer.repeated = repeated;
        Ok(answer)
    }

    /// Bounds an operation of any kind with the deadline.
    pub(super) async fn within<T>(
        &self,
        deadline: Option<Instant>,
        operation: Operation,
        key: Option<&str>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, BackendError> {
        if !self.shared.background.is_of_this_process() {
            let failure = Failure::new(BackendErrorKind::Configuration, Again::Never, FORKED);
            return Err(failure.into_error(operation, key));
        }
        // Timeouts are at most an hour, which any clock can add.
        let deadline = deadline.unwrap_or_else(Instant::now);
        let outcome = timed::before(deadline, work).await;
        let failure = match outcome {
            Some(Ok(done)) => return Ok(done),
            Some(Err(failure)) => failure,
            None => Failure::new(
                BackendErrorKind::Timeout,
                Again::Never,
                format!("nothing within {:?} (CACHEKIT_TIMEOUT)", self.timeout()),
            ),
        };
        Err(failure.into_error(operation, key))
    }

    async fn attempt(
        &self,
        call: &Call,
        now: Instant,
        accepts: fn(StatusCode) -> bool,
    ) -> Result<Answer, Failure> {
        let lease = self.shared.pool.lease(now).await?;
        let request = call.request(&self.shared.common, lease.protocol());
        let answer = lease.exchange(request, call.limit).await;
        let answer = answer.map_err(Failure::on_a_connection)?;
        if accepts(answer.status) { Ok(answer) } else { Err(self.refusal(&answer)) }
    }

    /// What an answer with another status says.
    #[cold]
    fn refusal(&self, answer: &Answer) -> Failure {
        let status = answer.status.as_u16();
        let mut text = describe(status, &answer.body, &self.shared.api_key);
        if answer.status.is_success() {
            return Failure::malformed(format!("an answer the API does not know: {text}"));
        }
        text.push_str(why::advice(status));
        let kind = classify(status, answer.headers.contains_key(DENY_REASON));
        let again = if kind.is_retryable() { Again::IfRepeatable } else { Again::Never };
        let mut failure = Failure::new(kind, again, text);
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            failure = failure.put_off();
        }
        // A date, and two of them, are ignored.
        let mut delays = answer.headers.get_all(RETRY_AFTER).iter();
        if let (Some(delay), None) = (delays.next(), delays.next()) {
            failure.retry_after = retry_after(delay.as_bytes());
        }
        failure
    }
}

/// Reads `Retry-After`: only whole seconds, as the API sends them.
pub(super) fn retry_after(value: &[u8]) -> Option<Duration> {
    if value.is_empty() || value.len() > 9 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(Duration::from_secs(seconds))
}
