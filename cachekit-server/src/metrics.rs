//! Counters, and the Prometheus text that shows them. No label ever holds a key, a tenant or a secret.

use crate::alarm::{Alarms, Limit};
use crate::home::Told;
use http::StatusCode;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What a request did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Get,
    Exists,
    Set,
    Delete,
    Ttl,
    Refresh,
    Lock,
    Unlock,
    Health,
    Options,
    /// Refused before it was known what it wants.
    Refused,
}

impl Action {
    const ALL: [Self; 11] = [
        Self::Get,
        Self::Exists,
        Self::Set,
        Self::Delete,
        Self::Ttl,
        Self::Refresh,
        Self::Lock,
        Self::Unlock,
        Self::Health,
        Self::Options,
        Self::Refused,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Exists => "exists",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Ttl => "ttl",
            Self::Refresh => "refresh",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Health => "health",
            Self::Options => "options",
            Self::Refused => "refused",
        }
    }
}

/// Upper bounds of the buckets, in microseconds.
const BUCKETS: [u64; 10] = [100, 250, 500, 1000, 2500, 5000, 10_000, 50_000, 250_000, 1_000_000];
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
/// Refusals worth a counter of their own.
const REFUSALS: [u16; 11] = [400, 401, 403, 405, 408, 409, 412, 413, 415, 429, 503];

/// All counters of a server.
#[derive(Default)]
pub(crate) struct Metrics {
    requests: [[AtomicU64; CLASSES.len()]; Action::ALL.len()],
    refusals: [AtomicU64; REFUSALS.len()],
    buckets: [AtomicU64; BUCKETS.len()],
    answered: AtomicU64,
    answer_micros: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    connections: AtomicU64,
    open: AtomicU64,
    cut: AtomicU64,
    dismissed: AtomicU64,
    pub(crate) alarms: Arc<Alarms>,
    handshakes_failed: AtomicU64,
    handshakes_resumed: AtomicU64,
    reloads: AtomicU64,
    reloads_failed: AtomicU64,
}

/// Bytes that pass through the server now.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    pub(crate) receiving: usize,
    pub(crate) sending: usize,
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Relaxed);
}

impl Metrics {
    pub(crate) fn answered(
        &self,
        action: Action,
        status: StatusCode,
        length: usize,
        took: Duration,
    ) {
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        add(&self.requests[action as usize][class], 1);
        add(&self.bytes_out, length);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(at) = BUCKETS.iter().position(|bound| micros <= *bound) {
            add(&self.buckets[at], 1);
        }
        add(&self.answered, 1);
        self.answer_micros.fetch_add(micros, Relaxed);
    }

    pub(crate) fn refused(&self, status: StatusCode) {
        if let Some(at) = REFUSALS.iter().position(|refusal| *refusal == status.as_u16()) {
            add(&self.refusals[at], 1);
        }
    }

    pub(crate) fn hit(&self) {
        add(&self.hits, 1);
    }

    pub(crate) fn missed(&self) {
        add(&self.misses, 1);
    }

    pub(crate) fn received(&self, bytes: usize) {
        if bytes > 0 {
            add(&self.bytes_in, bytes);
        }
    }

    pub(crate) fn handshake_failed(&self) {
        add(&self.handshakes_failed, 1);
    }

    pub(crate) fn handshake_resumed(&self) {
        add(&self.handshakes_resumed, 1);
    }

    pub(crate) fn connection_cut(&self) {
        add(&self.cut, 1);
    }

    pub(crate) fn connection_dismissed(&self) {
        add(&self.dismissed, 1);
    }

    pub(crate) fn reloaded(&self, well: bool) {
        add(if well { &self.reloads } else { &self.reloads_failed }, 1);
    }

    /// Counts a connection until the guard is dropped.
    pub(crate) fn connected(&self) -> OpenConnection<'_> {
        add(&self.connections, 1);
        add(&self.open, 1);
        OpenConnection(&self.open)
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn render(&self, home: &Told, held: Held) -> String {
        let mut page = Page(String::with_capacity(8192));
        page.family("cachekit_requests_total", "counter", "Requests, by action and status class.");
        for action in Action::ALL {
            for (class, counter) in CLASSES.iter().zip(&self.requests[action as usize]) {
                let count = counter.load(Relaxed);
                if count > 0 {
                    let labels = format!("{{action=\"{}\",status=\"{class}\"}}", action.name());
                    page.sample("cachekit_requests_total", &labels, count);
                }
            }
        }
        page.family("cachekit_refusals_total", "counter", "Refused requests, by status.");
        for (status, counter) in REFUSALS.iter().zip(&self.refusals) {
            let labels = format!("{{status=\"{status}\"}}");
            page.sample("cachekit_refusals_total", &labels, counter.load(Relaxed));
        }
        self.render_durations(&mut page);
        let reached = "cachekit_limits_reached_total";
        page.family(
            reached,
            "counter",
            "How often a limit was reached, by limit and by whose it is.",
        );
        for limit in Limit::ALL {
            let (what, of) = limit.labels();
            let labels = format!("{{limit=\"{what}\",of=\"{of}\"}}");
            page.sample(reached, &labels, self.alarms.reached(limit));
        }
        for (name, help, counter) in [
            ("cachekit_hits_total", "Values found.", &self.hits),
            ("cachekit_misses_total", "Values asked for and not found.", &self.misses),
            ("cachekit_received_bytes_total", "Bytes of request bodies.", &self.bytes_in),
            ("cachekit_sent_bytes_total", "Bytes of response bodies.", &self.bytes_out),
            ("cachekit_connections_total", "Connections accepted.", &self.connections),
            ("cachekit_connections_cut_total", "Connections cut for a timeout.", &self.cut),
            (
                "cachekit_connections_dismissed_total",
                "Idle connections closed because others needed their place.",
                &self.dismissed,
            ),
            (
                "cachekit_handshakes_failed_total",
                "TLS handshakes that failed.",
                &self.handshakes_failed,
            ),
            (
                "cachekit_handshakes_resumed_total",
                "TLS handshakes that went on from an earlier session.",
                &self.handshakes_resumed,
            ),
            ("cachekit_reloads_total", "Reloads of certificate and keys.", &self.reloads),
            ("cachekit_reloads_failed_total", "Failed reloads.", &self.reloads_failed),
        ] {
            page.single(name, "counter", help, counter.load(Relaxed));
        }
        page.single(
            "cachekit_store_failures_total",
            "counter",
            "Times the store failed.",
            home.failures,
        );
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        for (name, help, value) in [
            ("cachekit_connections_open", "Open connections.", self.open.load(Relaxed)),
            ("cachekit_store_up", "Whether the store takes writes.", u64::from(home.up)),
            (
                "cachekit_locks_held",
                "Locks held; over Redis, those that this node gave.",
                number(home.locks),
            ),
            ("cachekit_receiving_bytes", "Bytes of bodies being received.", number(held.receiving)),
            ("cachekit_sending_bytes", "Bytes of answers not taken yet.", number(held.sending)),
        ] {
            page.single(name, "gauge", help, value);
        }
        // What is in Redis is not this node's, and Redis has metrics of its own.
        let Some(store) = &home.store else { return page.0 };
        for (name, help, count) in [
            ("cachekit_store_evicted_total", "Entries evicted for lack of room.", store.evicted),
            ("cachekit_store_expired_total", "Entries swept after their time.", store.expired),
            ("cachekit_store_damaged_total", "Damaged entries dropped.", store.damaged),
        ] {
            page.single(name, "counter", help, count);
        }
        for (name, help, value) in [
            ("cachekit_store_entries", "Entries stored.", store.usage.entries),
            ("cachekit_store_bytes", "Bytes stored, book-keeping included.", store.usage.bytes),
            ("cachekit_store_capacity_bytes", "Bytes that may be stored.", store.capacity),
        ] {
            page.single(name, "gauge", help, value);
        }
        page.0
    }

    fn render_durations(&self, page: &mut Page) {
        const NAME: &str = "cachekit_request_duration_seconds";
        page.family(NAME, "histogram", "From the head of a request to its answer.");
        let mut sum = 0;
        for (bound, counter) in BUCKETS.iter().zip(&self.buckets) {
            sum += counter.load(Relaxed);
            let labels = format!("{{le=\"{}\"}}", seconds(*bound));
            page.sample(&format!("{NAME}_bucket"), &labels, sum);
        }
        let count = self.answered.load(Relaxed).max(sum);
        page.sample(&format!("{NAME}_bucket"), "{le=\"+Inf\"}", count);
        page.sample(&format!("{NAME}_sum"), "", seconds(self.answer_micros.load(Relaxed)));
        page.sample(&format!("{NAME}_count"), "", count);
    }
}

/// Microseconds as seconds.
fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

/// A connection that is open.
pub(crate) struct OpenConnection<'a>(&'a AtomicU64);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.family(name, kind, help);
        self.sample(name, "", value);
    }
}
