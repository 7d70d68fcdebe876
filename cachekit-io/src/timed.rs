//! Futures with a deadline, on any executor.

use crate::alarm::Alarm;
use pin_project_lite::pin_project;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// How often a future is polled that may become ready without a wake-up.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits.
pub(crate) async fn sleep(until: Instant) {
    let mut alarm = Alarm::default();
    poll_fn(|cx| alarm.poll(until, cx)).await;
}

/// The future's output, or `None` after the deadline.
pub(crate) fn before<F: Future>(deadline: Instant, future: F) -> Before<F> {
    Before::new(future, Limit::looking(deadline, deadline))
}

/// The time limit of a future.
pub(crate) struct Limit {
    /// Set when the future is found not to be ready at once.
    alarm: Alarm,
    /// When the future is polled again without a wake-up.
    look: Instant,
    deadline: Instant,
}

/// Which time has come for a future that is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// It may have become ready without a wake-up: poll it again.
    Look,
    /// Its time is up.
    Deadline,
}

impl Limit {
    /// For a future that may become ready without a wake-up: from `look` on it is polled now and
    /// then.
    pub(crate) fn looking(look: Instant, deadline: Instant) -> Self {
        Self { alarm: Alarm::default(), look: look.min(deadline), deadline }
    }

    /// Called each time the future is found not to be ready.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Passed> {
        self.alarm.poll(self.look, cx).map(|()| {
            if self.look >= self.deadline {
                return Passed::Deadline;
            }
            self.look = (Instant::now() + LOOK_EVERY).min(self.deadline);
            Passed::Look
        })
    }
}

pin_project! {
    /// See [`before`].
    pub(crate) struct Before<F> {
        #[pin]
        future: F,
        limit: Limit,
    }
}

impl<F> Before<F> {
    pub(crate) fn new(future: F, limit: Limit) -> Self {
        Self { future, limit }
    }
}

impl<F: Future> Future for Before<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            if let Poll::Ready(output) = this.future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            match this.limit.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Passed::Deadline) => return Poll::Ready(None),
                Poll::Ready(Passed::Look) => {}
            }
        }
    }
}
