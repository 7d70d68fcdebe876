//! Counters, and the Prometheus text that shows them. No label ever contains a key, a tenant or a secret; every
//! label has a fixed set of values.

mod action;
mod durations;
mod page;

pub(crate) use self::action::Action;
pub(crate) use self::page::CONTENT_TYPE;

use self::durations::Durations;
use self::page::Page;
use crate::alarm::{Alarms, Limit};
use crate::home::Told;
use crate::outgoing::Counter;
use http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Every status that a request can be answered with.
pub(crate) const STATUSES: [u16; 14] =
    [200, 204, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 429, 503];

/// The result of a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Hit,
    /// After its TTL, within its stale window.
    Stale,
    Miss,
}

impl Lookup {
    const ALL: [(Self, &str); 3] =
        [(Self::Hit, "hit"), (Self::Stale, "stale"), (Self::Miss, "miss")];
}

/// All counters of a server.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By action and status; the last column is for statuses that are not in the list.
    requests: [[AtomicU64; STATUSES.len() + 1]; Action::ALL.len()],
    durations: Durations,
    lookups: [AtomicU64; Lookup::ALL.len()],
    bytes_in: AtomicU64,
    /// Bytes of bodies that the transport took: without what answers to `HEAD` omit and what was not sent.
    pub(crate) bytes_out: Counter,
    connections: AtomicU64,
    open: AtomicU64,
    cut: AtomicU64,
    dismissed: AtomicU64,
    pub(crate) alarms: Arc<Alarms>,
    handshakes_failed: AtomicU64,
    handshakes_resumed: AtomicU64,
    reloads: AtomicU64,
    reloads_failed: AtomicU64,
    /// Whether the settings in use are older than the files.
    reload_failed_last: AtomicBool,
}

/// Bytes in transit through the server.
#[derive(Clone, Copy)]
pub(crate) struct InTransit {
    pub(crate) receiving: usize,
    pub(crate) sending: usize,
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Relaxed);
}

impl Metrics {
    pub(crate) fn answered(&self, action: Action, status: StatusCode, took: Duration) {
        let known = STATUSES.iter().position(|known| *known == status.as_u16());
        add(&self.requests[action as usize][known.unwrap_or(STATUSES.len())], 1);
        self.durations.observe(action, status, took);
    }

    pub(crate) fn looked_up(&self, found: Lookup) {
        add(&self.lookups[found as usize], 1);
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
        self.reload_failed_last.store(!well, Relaxed);
    }

    /// Counts a connection until the guard is dropped.
    pub(crate) fn connected(&self) -> OpenConnection<'_> {
        add(&self.connections, 1);
        add(&self.open, 1);
        OpenConnection(&self.open)
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn render(&self, home: &Told, in_transit: InTransit) -> String {
        let mut page = Page::new();
        page.family("cachekit_server_build_info", "gauge", "Always 1; the label is the version.");
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        page.sample("cachekit_server_build_info", &version, 1);
        self.render_requests(&mut page);
        self.durations.render(&mut page);
        self.render_counters(&mut page);
        self.render_gauges(&mut page, home, in_transit);
        render_store(&mut page, home);
        page.finish()
    }

    fn render_requests(&self, page: &mut Page) {
        let name = "cachekit_server_requests_total";
        page.family(name, "counter", "Requests answered, by operation and status code.");
        for action in Action::ALL {
            let codes = STATUSES.iter().map(u16::to_string).chain(["other".to_owned()]);
            for (code, counter) in codes.zip(&self.requests[action as usize]) {
                let count = counter.load(Relaxed);
                if count > 0 {
                    page.sample(name, &[("operation", action.name()), ("code", &code)], count);
                }
            }
        }
        let name = "cachekit_server_lookups_total";
        let help = "Look-ups of values: found fresh (hit), found stale, not found (miss).";
        page.family(name, "counter", help);
        for (lookup, result) in Lookup::ALL {
            let count = self.lookups[lookup as usize].load(Relaxed);
            page.sample(name, &[("result", result)], count);
        }
        let name = "cachekit_server_limits_reached_total";
        let help = "How often a limit was reached, by limit and by what it is for.";
        page.family(name, "counter", help);
        for limit in Limit::ALL {
            let (what, of) = limit.labels();
            page.sample(name, &[("limit", what), ("of", of)], self.alarms.reached(limit));
        }
    }

    fn render_counters(&self, page: &mut Page) {
        for (name, help, counter) in [
            ("received_bytes_total", "Bytes of request bodies.", &self.bytes_in),
            ("sent_bytes_total", "Bytes of response bodies.", &self.bytes_out),
            ("connections_total", "Connections accepted.", &self.connections),
            ("connections_cut_total", "Connections cut for a timeout.", &self.cut),
            (
                "connections_dismissed_total",
                "Idle connections closed because others needed their place.",
                &self.dismissed,
            ),
            ("handshakes_failed_total", "TLS handshakes that failed.", &self.handshakes_failed),
            (
                "handshakes_resumed_total",
                "TLS handshakes that went on from an earlier session.",
                &self.handshakes_resumed,
            ),
            ("reloads_total", "Reloads of certificate and API keys that went well.", &self.reloads),
            (
                "reloads_failed_total",
                "Reloads that kept the old certificate or the old API keys.",
                &self.reloads_failed,
            ),
        ] {
            let name = format!("cachekit_server_{name}");
            page.single(&name, "counter", help, counter.load(Relaxed));
        }
    }

    fn render_gauges(&self, page: &mut Page, home: &Told, in_transit: InTransit) {
        let reloaded = u64::from(!self.reload_failed_last.load(Relaxed));
        for (name, help, value) in [
            ("connections_open", "Open connections.", self.open.load(Relaxed)),
            (
                "last_reload_successful",
                "Whether the last reload of certificate and API keys went well; 1 before the first.",
                reloaded,
            ),
            ("store_up", "Whether the store takes writes.", u64::from(home.up)),
            (
                "locks_held",
                "Locks held; over Redis, those that this node gave.",
                number(home.locks),
            ),
            ("receiving_bytes", "Bytes of bodies being received.", number(in_transit.receiving)),
            ("sending_bytes", "Bytes of answers not received yet.", number(in_transit.sending)),
        ] {
            page.single(&format!("cachekit_server_{name}"), "gauge", help, value);
        }
    }
}

fn render_store(page: &mut Page, home: &Told) {
    let name = "cachekit_server_store_failures_total";
    page.single(name, "counter", "Times the store began to fail.", home.failures);
    // Entries in Redis do not belong to this node, and Redis has its own metrics.
    let Some(store) = &home.store else { return };
    for (name, kind, help, value) in [
        ("evictions_total", "counter", "Entries evicted for lack of room.", store.evicted),
        ("expirations_total", "counter", "Expired entries swept.", store.expired),
        ("damaged_entries_total", "counter", "Damaged entries dropped.", store.damaged),
        ("entries", "gauge", "Entries stored.", store.usage.entries),
        ("bytes", "gauge", "Bytes stored, book-keeping included.", store.usage.bytes),
        ("capacity_bytes", "gauge", "Bytes that may be stored.", store.capacity),
    ] {
        page.single(&format!("cachekit_server_store_{name}"), kind, help, value);
    }
}

fn number(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A connection that is open.
pub(crate) struct OpenConnection<'a>(&'a AtomicU64);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
