//! Receiving a body: within a limit, a deadline and a share of the memory.

use super::reply::Refusal;
use crate::alarm::{Alarms, Limit};
use crate::limits::Limits;
use crate::room::Room;
use crate::tenant::Account;
use crate::watch::InFlight;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How much beyond the largest value is read and discarded so that a client gets its answer.
const DRAIN_BEYOND: usize = 8 * 1024 * 1024;
/// How much is discarded after an answer, in bytes and in time. If a connection is closed, or a stream
/// is reset, while the client is still sending, the answer can be lost.
const LINGER_BYTES: usize = 32 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(5);
/// The memory of a request besides its body: its key, its task, its stream.
const REQUEST_BYTES: usize = 2048;
/// The minimum allocation for a body of unknown length.
const FIRST_CHUNK: usize = 16 * 1024;

/// The body of a request.
pub(super) struct Upload<'a, B> {
    body: B,
    length: Option<usize>,
    /// The client waits for a `100 Continue` before it sends: an answer reaches it without a drain.
    waits: bool,
    received: usize,
    began: Instant,
    over: bool,
    limits: &'a Limits,
    running: &'a InFlight,
}

impl<'a, B: Body<Data = Bytes> + Unpin> Upload<'a, B> {
    pub(super) fn new(
        body: B,
        headers: &HeaderMap,
        limits: &'a Limits,
        running: &'a InFlight,
    ) -> Self {
        let length =
            headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let waits = headers
            .get(EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let over = body.is_end_stream();
        Self { body, length, waits, received: 0, began: Instant::now(), over, limits, running }
    }

    /// Bytes received so far.
    pub(super) fn received(&self) -> usize {
        self.received
    }

    /// The length of the body, if the request states it.
    pub(super) fn announced(&self) -> Option<usize> {
        self.length
    }

    /// Reads all of it, up to `max` bytes.
    pub(super) async fn read(&mut self, max: usize, space: Space) -> Result<Received, Refusal> {
        self.check_length(max)?;
        let mut bytes: Vec<u8> = Vec::new();
        let mut reserved = Reserved { space, bytes: 0 };
        // Many bodies that send nothing also hold memory.
        reserved.grow(REQUEST_BYTES)?;
        while let Some(chunk) = self.next().await? {
            let needed = bytes.len() + chunk.len();
            if needed > max {
                return Err(too_large());
            }
            if needed > bytes.capacity() {
                // Memory grows with what arrived, not with what was announced.
                let announced = self.length.unwrap_or(usize::MAX).min(max);
                let wanted = needed.max(2 * bytes.capacity()).max(FIRST_CHUNK);
                let capacity = wanted.min(announced).max(needed);
                reserved.grow(capacity - bytes.capacity())?;
                bytes.reserve_exact(capacity - bytes.len());
            }
            bytes.extend_from_slice(&chunk);
        }
        // A stored value is kept for long, so it must not take a byte more than necessary.
        bytes.shrink_to_fit();
        Ok(Received { bytes: Bytes::from(bytes), reserved })
    }

    /// Refuses a body by its announced length, before any of it is read.
    pub(super) fn check_length(&self, max: usize) -> Result<(), Refusal> {
        match self.length {
            Some(length) if length > max => Err(too_large()),
            _ => Ok(()),
        }
    }

    /// Reads and discards the rest; false if that is too much or takes too long.
    pub(super) async fn drain(&mut self) -> bool {
        if self.over {
            return true;
        }
        if self.is_held_back() {
            return false;
        }
        let most = self.limits.max_value_bytes.saturating_add(DRAIN_BEYOND);
        if self.length.is_some_and(|length| length > most) {
            return false;
        }
        while self.received <= most {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
        false
    }

    /// The same for a body without meaning, before the request is done. While the request waits for the store, the body
    /// would stay in the transport's windows, which nothing else bounds.
    pub(super) async fn discard(&mut self) -> Result<(), Refusal> {
        if self.is_held_back() || self.drain().await {
            return Ok(());
        }
        let reason = "a body means nothing here, and this one is too long or came too slowly";
        Err(Refusal::bad_request(reason).closing())
    }

    /// Whether the client sends no byte before it is asked to.
    fn is_held_back(&self) -> bool {
        self.waits && self.received == 0
    }

    /// The rest of the body, if reading it helps the client to get its answer.
    pub(super) fn into_rest(self) -> Option<B> {
        let asked_for = !self.waits || self.received > 0;
        (asked_for && !self.over).then_some(self.body)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        while !self.over {
            let earned = self.received / self.limits.min_body_rate.max(1);
            let earned = Duration::from_secs(u64::try_from(earned).unwrap_or(u64::MAX));
            let deadline = self.began + self.limits.body_timeout + earned;
            let Ok(frame) = timeout_at(deadline, self.body.frame()).await else {
                self.over = true;
                let slow = Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly");
                return Err(slow.closing());
            };
            match frame {
                None => self.over = true,
                Some(Err(_)) => {
                    self.over = true;
                    return Err(Refusal::bad_request("the body ended early").closing());
                }
                Some(Ok(frame)) => {
                    self.running.beat();
                    // Trailers mean nothing here.
                    if let Ok(data) = frame.into_data() {
                        self.received = self.received.saturating_add(data.len());
                        return Ok(Some(data));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// Continues reading while the answer is sent.
pub(super) async fn linger<B: Body<Data = Bytes> + Unpin>(mut body: B) {
    let reading = async {
        let mut read = 0_usize;
        while let Some(Ok(frame)) = body.frame().await {
            read = read.saturating_add(frame.data_ref().map_or(0, Bytes::len));
            if read > LINGER_BYTES {
                break;
            }
        }
    };
    // However it ends, the body is dropped.
    let _ = tokio::time::timeout(LINGER, reading).await;
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than the limit")
}

/// The sources of memory for bodies: the total, and the tenant's share.
pub(super) struct Space {
    pub(super) all: Arc<Room>,
    pub(super) account: Arc<Account>,
    pub(super) alarms: Arc<Alarms>,
}

/// A body that was received, and the memory that is reserved for it. There is no way to take one without the other.
pub(super) struct Received {
    bytes: Bytes,
    reserved: Reserved,
}

impl Received {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Hands the bytes to `store`, and keeps the memory reserved until that is done.
    ///
    /// That is not bound to the request: if the peer gives the request up, the bytes may be in the queue of a store
    /// already, and would take memory there that is not reserved. `None` if `store` panicked.
    pub(super) async fn hand_to<F>(self, store: impl FnOnce(Bytes) -> F) -> Option<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let Self { bytes, reserved } = self;
        let storing = store(bytes);
        let mut storing = Box::pin(async move {
            let _reserved = reserved;
            storing.await
        });
        // A store in memory is done at once, and needs no task.
        match poll_fn(|context| Poll::Ready(storing.as_mut().poll(context))).await {
            Poll::Ready(stored) => Some(stored),
            Poll::Pending => tokio::spawn(storing).await.ok(),
        }
    }
}

/// Memory reserved for a body, released when this is dropped.
struct Reserved {
    space: Space,
    bytes: usize,
}

impl Reserved {
    fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let Space { all, account, alarms } = &self.space;
        if !all.take_if(bytes, |used| used.saturating_add(bytes) <= all.most()) {
            alarms.raise(Limit::Receiving, None);
            let reason = "too many bodies are being received";
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason).retry_after(1));
        }
        let (own, share) = (self.bytes, account.receiving.most());
        // A tenant's only body may exceed its share: otherwise it could never be received.
        let fits = |used: usize| used == own || used.saturating_add(bytes) <= share;
        if !account.receiving.take_if(bytes, fits) {
            all.give_back(bytes);
            alarms.raise(Limit::TenantReceiving, Some(account.name()));
            let reason = "too many bodies of the tenant are being received";
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, reason).retry_after(1));
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.space.all.give_back(self.bytes);
        self.space.account.receiving.give_back(self.bytes);
    }
}
