//! The connections of a client and all that share them.
//!
//! One HTTP/2 connection serves until it is full; then there is another, up to the size of the pool,
//! while requests go on over the ones there are. Only requests that find no connection at all wait for one,
//! all for the same. With a service that speaks HTTP/1.1 each connection serves one
//! request, and a request that finds all of them busy waits in line.

use super::connector::{Connector, Protocol};
use super::failure::Failure;
use super::keep_alive::KeepAlive;
use super::upload::Upload;
use super::{answer::Answer, h1, h2};
use crate::attempts::Again;
use crate::runtime::{Background, Executor, Home};
use arc_swap::ArcSwap;
use futures_util::future::{Either, select};
use http::Request;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often a request starts over because the connection just made for it was gone at once.
const MAX_DIALS: usize = 4;

type Outcome = Option<Result<(), Failure>>;

/// Requests that need no connection of their own yet.
pub(super) struct Pool {
    connector: Connector,
    background: Background,
    size: usize,
    connect_timeout: Duration,
    keep_alive: KeepAlive,
    h2: ArcSwap<Vec<Arc<h2::Conn>>>,
    h1: h1::Lanes,
    /// What the service was last found to speak.
    speaks_h1: AtomicBool,
    /// The dials under way, one for each home at most. Also held while `h2` is replaced.
    dials: Mutex<Vec<(Home, watch::Receiver<Outcome>)>>,
}

/// A connection found for a request.
pub(super) enum Lease<'a> {
    H2(h2::Lease),
    H1(h1::Lane<'a>, h1::Conn),
}

impl Lease<'_> {
    /// Whether the connection takes the short form of a request: only the path.
    pub(super) fn protocol(&self) -> Protocol {
        match self {
            Self::H2(_) => Protocol::Http2,
            Self::H1(..) => Protocol::Http1,
        }
    }

    /// Sends a request and reads the answer.
    pub(super) async fn exchange(
        self,
        request: Request<Upload>,
        limit: usize,
    ) -> Result<Answer, Failure> {
        match self {
            Self::H2(lease) => lease.exchange(request, limit).await,
            Self::H1(lane, conn) => lane.exchange(conn, request, limit).await,
        }
    }
}

impl Pool {
    pub(super) fn new(
        connector: Connector,
        background: Background,
        size: usize,
        connect_timeout: Duration,
        keep_alive: KeepAlive,
    ) -> Self {
        Self {
            connector,
            background,
            size,
            connect_timeout,
            keep_alive,
            h2: ArcSwap::default(),
            h1: h1::Lanes::new(size, background, keep_alive.idle_timeout),
            speaks_h1: AtomicBool::new(false),
            dials: Mutex::default(),
        }
    }

    /// A connection for one request.
    pub(super) async fn lease(self: &Arc<Self>, now: Instant) -> Result<Lease<'_>, Failure> {
        for dial in 0..MAX_DIALS {
            let mut executor = self.background.executor();
            match self.find_h2(&executor, now) {
                Found::Lease(lease) => return Ok(Lease::H2(lease)),
                Found::Suspect(conn, mut dialed) => {
                    let sign = pin!(conn.sign_of_life());
                    let made = pin!(dialed.wait_for(Option::is_some));
                    if let Either::Left((Ok(made), _)) = select(made, sign).await
                        && let Some(Err(failure)) = made.as_ref()
                    {
                        return Err(failure.clone());
                    }
                    continue;
                }
                Found::None => {}
            }
            if self.speaks_h1.load(Ordering::Relaxed) {
                let lane = self.h1.enter().await;
                if let Some(conn) = lane.idle(executor.home) {
                    return Ok(Lease::H1(lane, conn));
                }
                if let Some(conn) = self.dial_h1(executor).await? {
                    return Ok(Lease::H1(lane, conn));
                }
                continue;
            }
            if dial > 0 {
                // The caller's runtime may be on its way out, or have no network.
                executor = self.background.own_executor();
            }
            let mut outcome = self.dial(executor, false);
            // Otherwise it was made, or given up with its runtime: have another look.
            if let Ok(Some(Err(failure))) = outcome.wait_for(Option::is_some).await.as_deref() {
                return Err(failure.clone());
            }
        }
        Err(Failure::transport(Again::Unprocessed, "could not connect", "connections do not last"))
    }

    /// How many connections there are, idle HTTP/1.1 ones not counted.
    #[cfg(test)]
    pub(super) fn connections(&self) -> usize {
        self.h2.load().iter().filter(|conn| !conn.is_closed()).count()
    }

    /// The least loaded connection; asks for one more where all are full.
    fn find_h2(self: &Arc<Self>, executor: &Executor, now: Instant) -> Found {
        let conns = self.h2.load();
        let mut count = 0;
        let best = usable(&conns, executor.home)
            .inspect(|_| count += 1)
            .min_by_key(|conn| (conn.is_suspect(), !conn.has_room(), conn.load()));
        let Some(best) = best else { return Found::None };
        let may_dial = count < self.size && !self.speaks_h1.load(Ordering::Relaxed);
        if is_short_of(best) && may_dial {
            let executor = Executor { home: executor.home, handle: executor.handle.clone() };
            let dialed = self.dial(executor, true);
            if best.is_suspect() {
                return Found::Suspect(Arc::clone(best), dialed);
            }
        }
        // A full connection takes more: they wait inside for a stream to end.
        best.lease(now).map_or(Found::None, Found::Lease)
    }

    /// Starts a dial, or joins the one under way. Only for `more` connections if there is one already:
    /// a dial that was under way when the caller looked may be over by now.
    pub(super) fn dial(
        self: &Arc<Self>,
        executor: Executor,
        more: bool,
    ) -> watch::Receiver<Outcome> {
        let mut dials = self.dials.lock().unwrap_or_else(PoisonError::into_inner);
        // A dial that lost its runtime sends nothing any more.
        dials.retain(|(_, outcome)| outcome.has_changed().is_ok());
        if let Some((_, outcome)) = dials.iter().find(|(home, _)| *home == executor.home) {
            return outcome.clone();
        }
        let conns = self.h2.load();
        let mut found = usable(&conns, executor.home);
        let is_there =
            if more { !found.all(|conn| is_short_of(conn)) } else { found.next().is_some() };
        if is_there || self.speaks_h1.load(Ordering::Relaxed) {
            return watch::channel(Some(Ok(()))).1;
        }
        let (sender, receiver) = watch::channel(None);
        dials.push((executor.home, receiver.clone()));
        drop(dials);

        let pool = Arc::clone(self);
        let handle = executor.handle.clone();
        handle.spawn(async move {
            let home = executor.home;
            let result = pool.connect(&executor).await;
            let result = result.map(|conn| match conn {
                Dialed::H2(conn) => pool.add(conn),
                Dialed::H1(conn) => {
                    pool.speaks_h1.store(true, Ordering::Relaxed);
                    pool.h1.put(conn);
                }
            });
            pool.dials
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|(other, _)| *other != home);
            // There may be no waiter left.
            let _ = sender.send(Some(result));
        });
        receiver
    }

    /// A connection for one HTTP/1.1 request; nothing if the service speaks HTTP/2 by now.
    async fn dial_h1(self: &Arc<Self>, executor: Executor) -> Result<Option<h1::Conn>, Failure> {
        let pool = Arc::clone(self);
        let handle = executor.handle.clone();
        let dialed = handle.spawn(async move { pool.connect(&executor).await }).await;
        match dialed {
            Ok(Ok(Dialed::H1(conn))) => Ok(Some(conn)),
            Ok(Ok(Dialed::H2(conn))) => {
                self.speaks_h1.store(false, Ordering::Relaxed);
                self.add(conn);
                Ok(None)
            }
            Ok(Err(failure)) => Err(failure),
            Err(gone) => Err(Failure::transport(Again::Unprocessed, "could not connect", gone)),
        }
    }

    async fn connect(&self, executor: &Executor) -> Result<Dialed, Failure> {
        let connecting = async {
            let (stream, protocol) = self.connector.connect().await?;
            Ok(match protocol {
                Protocol::Http2 => Dialed::H2(
                    h2::Conn::open(stream, executor, self.background, self.keep_alive).await?,
                ),
                Protocol::Http1 => Dialed::H1(h1::Conn::open(stream, executor).await?),
            })
        };
        let deadline = Instant::now() + self.connect_timeout;
        self.background.before(deadline, connecting).await.unwrap_or_else(|| {
            Err(Failure::new(
                crate::BackendErrorKind::Timeout,
                Again::Unprocessed,
                "could not connect in time; is the service reachable from here (CACHEKIT_API_URL)?",
            ))
        })
    }

    /// Puts a connection into use, and closed ones out of it.
    fn add(&self, conn: Arc<h2::Conn>) {
        let _replacing = self.dials.lock().unwrap_or_else(PoisonError::into_inner);
        self.speaks_h1.store(false, Ordering::Relaxed);
        let mut conns: Vec<_> =
            self.h2.load().iter().filter(|conn| !conn.is_closed()).cloned().collect();
        conns.push(conn);
        self.h2.store(Arc::new(conns));
    }
}

/// What there is for a request over HTTP/2.
enum Found {
    Lease(h2::Lease),
    /// Only connections that may be dead; another is on its way.
    Suspect(Arc<h2::Conn>, watch::Receiver<Outcome>),
    None,
}

/// The connections that a request from there can use.
fn usable(conns: &[Arc<h2::Conn>], home: Home) -> impl Iterator<Item = &Arc<h2::Conn>> {
    conns.iter().filter(move |conn| !conn.is_closed() && home.can_use(conn.home()))
}

/// Whether another connection would help.
fn is_short_of(best: &h2::Conn) -> bool {
    best.is_suspect() || !best.has_room()
}

/// A new connection, by what it speaks.
enum Dialed {
    H2(Arc<h2::Conn>),
    H1(h1::Conn),
}
