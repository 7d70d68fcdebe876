//! One operation: attempts until there is an answer, it is no use, or the time is over.

use super::CachekitIo;
use super::answer::Answer;
use super::failure::{Again, Failure, describe};
use super::request::Call;
use super::retry::{Attempts, retry_after};
use super::why;
use crate::wire::header::DENY_REASON;
use crate::wire::status::classify;
use crate::{BackendError, BackendErrorKind, Operation};
use http::StatusCode;
use http::header::RETRY_AFTER;
use std::future::Future;
use std::time::Instant;

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
        let deadline = started + self.timeout;
        self.within(deadline, operation, key, self.attempts(&call, started, deadline, accepts))
            .await
    }

    /// Bounds an operation of any kind with the deadline.
    pub(super) async fn within<T>(
        &self,
        deadline: Instant,
        operation: Operation,
        key: Option<&str>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, BackendError> {
        let outcome = self.shared.background.before(deadline, work).await;
        let failure = match outcome {
            Some(Ok(done)) => return Ok(done),
            Some(Err(failure)) => failure,
            None => Failure::new(
                BackendErrorKind::Timeout,
                Again::Never,
                format!("nothing within {:?} (CACHEKIT_TIMEOUT)", self.timeout),
            ),
        };
        Err(failure.into_error(operation, key))
    }

    async fn attempts(
        &self,
        call: &Call,
        started: Instant,
        deadline: Instant,
        accepts: fn(StatusCode) -> bool,
    ) -> Result<Answer, Failure> {
        let mut attempts = Attempts::new(deadline, self.shared.max_retries);
        let mut now = started;
        loop {
            let failure = match self.attempt(call, now, accepts).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            now = Instant::now();
            let may_wait = match failure.again {
                Again::Never => false,
                Again::Unsent if failure.at_once && attempts.repeat_unsent() => continue,
                Again::Unsent => true,
                Again::IfIdempotent => call.idempotent,
            };
            if !may_wait {
                return Err(failure);
            }
            let Some(until) = attempts.next(now, failure.retry_after, fastrand::f64()) else {
                return Err(failure);
            };
            self.shared.background.sleep(until).await;
            now = Instant::now();
        }
    }

    async fn attempt(
        &self,
        call: &Call,
        now: Instant,
        accepts: fn(StatusCode) -> bool,
    ) -> Result<Answer, Failure> {
        let lease = self.shared.pool.lease(now).await?;
        let request = call.request(&self.shared.common, lease.protocol());
        let answer = lease.exchange(request, call.body.clone(), call.limit).await;
        let answer = answer.map_err(Failure::at_once)?;
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
        let again = if kind.is_retryable() { Again::IfIdempotent } else { Again::Never };
        let mut failure = Failure::new(kind, again, text);
        let mut delays = answer.headers.get_all(RETRY_AFTER).iter();
        if let (Some(delay), None) = (delays.next(), delays.next()) {
            failure.retry_after = retry_after(delay.as_bytes());
        }
        failure
    }
}
