//! Connections: accepting them, the handshake, and an eye on each.

use crate::alarm::Limit;
use crate::http::Service;
use crate::limits::Limits;
use crate::linger;
use crate::metrics::Metrics;
use crate::open_files;
use crate::peers::{Peers, Seat};
use crate::stream::Watched;
use crate::tls::CurrentIdentity;
use crate::unread::Window;
use crate::watch::Verdict;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::HandshakeKind;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// How long a connection that was told to close may take for it.
const GRACE: Duration = Duration::from_secs(5);
/// The same for a connection that another one takes the place of.
const LEAVE: Duration = Duration::from_secs(1);
/// After an error of `accept`, most of all a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Both directions of one HTTP/2 stream: a value of this size travels without a pause.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// How much of the answers of one connection waits to be sent.
const SEND_BUFFER: usize = 1024 * 1024;

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum Phase {
    Serving,
    Draining,
    /// What still runs is dropped.
    Cut,
}

/// What a connection speaks.
#[derive(Clone, Copy)]
enum Speaks {
    Http1,
    Http2,
    /// In cleartext nothing was negotiated: the first bytes tell.
    Either,
}

/// Accepts connections until the server drains.
pub(crate) async fn accept_forever(
    listener: TcpListener,
    service: Arc<Service>,
    identity: Option<Arc<CurrentIdentity>>,
    mut phase: watch::Receiver<Phase>,
) {
    let peers = Arc::new(Peers::new(&service.limits));
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
        };
        let (stream, address) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip()),
            Err(error) => {
                if !is_the_peers(&error) {
                    refused(&error, &peers, &service.metrics, &mut failing);
                    sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        failing = false;
        // While it waits for a place, further ones wait in the backlog.
        let seat = tokio::select! {
            seat = peers.admit(address, &service.limits, &service.metrics) => seat,
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
        };
        let Some(seat) = seat else { continue };
        let (service, identity, phase) = (Arc::clone(&service), identity.clone(), phase.clone());
        tokio::spawn(async move {
            connected(stream, &service, identity.as_deref(), &seat, phase).await;
            drop(seat);
        });
    }
}

/// Whether a connection failed by itself before it was accepted: the next one need not.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

/// The system accepts no connection. Where it lacks open files, an idle connection gives its own up. Logged once, until
/// one is accepted; the other limit has a state of its own.
fn refused(error: &io::Error, peers: &Peers, metrics: &Metrics, failing: &mut bool) {
    if open_files::are_used_up(error) {
        metrics.alarms.raise(Limit::OpenFiles, None);
        peers.make_way(metrics);
    } else if !std::mem::replace(failing, true) {
        tracing::warn!(%error, "cannot accept connections");
    }
}

async fn connected(
    stream: TcpStream,
    service: &Arc<Service>,
    identity: Option<&CurrentIdentity>,
    seat: &Seat,
    mut phase: watch::Receiver<Phase>,
) {
    let _open = service.metrics.connected();
    // Answers are written whole; waiting for more to send only adds time.
    let _ = stream.set_nodelay(true);
    let pulse = &seat.pulse;
    let Some(identity) = identity else {
        return serve(stream, Speaks::Either, service, seat, phase).await;
    };
    let acceptor = TlsAcceptor::from(identity.config());
    let handshake = timeout(service.limits.handshake_timeout, acceptor.accept(stream));
    let handshake = tokio::select! {
        handshake = handshake => handshake,
        _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
        () = pulse.dismissed() => return,
    };
    match handshake {
        Ok(Ok(stream)) => {
            let tls = stream.get_ref().1;
            if tls.handshake_kind() == Some(HandshakeKind::Resumed) {
                service.metrics.handshake_resumed();
            }
            let h2 = tls.alpn_protocol() == Some(b"h2");
            let speaks = if h2 { Speaks::Http2 } else { Speaks::Http1 };
            serve(stream, speaks, service, seat, phase).await;
        }
        Ok(Err(error)) => {
            service.metrics.handshake_failed();
            tracing::debug!(%error, "the TLS handshake failed");
        }
        Err(_) => {
            service.metrics.handshake_failed();
            tracing::debug!("the TLS handshake took too long");
        }
    }
}

/// Serves until the connection ends, and lets what was sent last arrive.
async fn serve<T>(
    stream: T,
    speaks: Speaks,
    service: &Arc<Service>,
    seat: &Seat,
    phase: watch::Receiver<Phase>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let heads = matches!(speaks, Speaks::Http1);
    let (stream, mut left) = Watched::new(stream, &seat.pulse, heads);
    let mut cut = phase.clone();
    let dismissed = speak(stream, speaks, service, seat, phase).await;
    if let Ok(stream) = left.try_recv() {
        // One that was dismissed has a second for all of its end; a little of it, if its last answer took that long.
        let patience = dismissed.map_or(linger::PATIENCE, |since| {
            LEAVE.saturating_sub(since.elapsed()).max(linger::LEAST)
        });
        tokio::select! {
            () = linger::read_out(stream, patience) => {}
            _ = cut.wait_for(|phase| *phase == Phase::Cut) => {}
        }
    }
}

/// When it was dismissed, if it was.
async fn speak<T>(
    stream: T,
    speaks: Speaks,
    service: &Arc<Service>,
    seat: &Seat,
    mut phase: watch::Receiver<Phase>,
) -> Option<Instant>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = &seat.pulse;
    let window = (!matches!(speaks, Speaks::Http1)).then(|| service.windows.open());
    let window_bytes = window.as_ref().map_or(0, Window::bytes);
    let window = Mutex::new(window);
    let answer = service_fn(|request: Request<Incoming>| {
        if request.version() < Version::HTTP_2 {
            // It has no use for a window.
            drop(window.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
        let (service, running) = (Arc::clone(service), pulse.begin());
        async move { Ok::<_, Infallible>(service.answer(request, running).await) }
    });
    let builder = protocol(&service.limits, speaks, window_bytes);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer));
    let first_check = service.limits.header_timeout.min(service.limits.stall_timeout);
    let mut check = pin!(sleep(first_check));
    let (mut closing, mut leaving) = (false, None);
    let mut cut = phase.clone();
    loop {
        tokio::select! {
            done = connection.as_mut() => {
                if let Err(error) = done {
                    tracing::debug!(%error, "a connection ended with an error");
                }
                return leaving;
            }
            _ = cut.wait_for(|phase| *phase == Phase::Cut) => return leaving,
            _ = phase.wait_for(|phase| *phase == Phase::Draining), if !closing => {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = pulse.dismissed(), if leaving.is_none() => {
                (closing, leaving) = (true, Some(Instant::now()));
                connection.as_mut().graceful_shutdown();
                check.set(sleep(LEAVE));
            }
            () = check.as_mut() => match pulse.verdict(&service.limits) {
                // A request that came just before it was told to go is answered.
                _ if leaving.is_some() && pulse.gives_way().is_some() => return leaving,
                Verdict::Fine(wait) => check.set(sleep(wait)),
                Verdict::Idle if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    check.set(sleep(GRACE));
                }
                Verdict::Idle | Verdict::Stalled => {
                    service.metrics.connection_cut();
                    tracing::debug!("a connection without progress was cut");
                    return leaving;
                }
            }
        }
    }
}

/// `window` is how much of HTTP/2 may come before it is read, in bytes.
fn protocol(limits: &Limits, speaks: Speaks, window: u32) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let header_bytes = usize::try_from(limits.max_header_bytes).unwrap_or(usize::MAX);
    builder
        .http1()
        // hyper's own timeout for heads also ends connections that are idle; `Pulse` tells them apart.
        .header_read_timeout(None)
        // hyper's least is 8 KiB.
        .max_buf_size(header_bytes.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_streams)
        .max_header_list_size(limits.max_header_bytes)
        .initial_stream_window_size(STREAM_WINDOW.min(window))
        .initial_connection_window_size(window)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(limits.max_pending_reset_streams)
        .max_local_error_reset_streams(limits.max_local_reset_streams)
        .keep_alive_interval(limits.keep_alive_interval)
        .keep_alive_timeout(limits.keep_alive_timeout);
    match speaks {
        Speaks::Http1 => builder.http1_only(),
        Speaks::Http2 => builder.http2_only(),
        Speaks::Either => builder,
    }
}

#[cfg(test)]
mod tests;
