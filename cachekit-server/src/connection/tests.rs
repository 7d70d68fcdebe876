//! How a connection ends, on a clock that the tests turn.

use super::{LEAVE, Phase, Speaks, protocol, refused, serve};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::peers::Peers;
use crate::unread::Windows;
use crate::watch::Pulse;
use crate::{Running, Server};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep};

/// The last request of a connection; it shows no key.
const LAST: &[u8] = b"GET /v1/cache/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// Fits into what is on the way.
const MORE: &[u8] = &[b'x'; 1000];

struct Ending {
    peer: DuplexStream,
    served: JoinHandle<()>,
    pulse: Arc<Pulse>,
    phase: watch::Sender<Phase>,
    start: Instant,
}

/// A connection whose last request was answered.
async fn answered() -> Ending {
    let mut ending = begun().await;
    ending.peer.write_all(LAST).await.expect("it reads");
    let mut answer = Vec::new();
    ending.peer.read_to_end(&mut answer).await.expect("an answer and an end");
    assert!(answer.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&answer));
    ending
}

/// A connection on which nothing has come.
async fn begun() -> Ending {
    begun_as(Speaks::Http1).await
}

async fn begun_as(speaks: Speaks) -> Ending {
    let running = Server::builder().cleartext().bind().await.expect("a server");
    begun_with(running, speaks).await
}

async fn begun_with(running: Running, speaks: Speaks) -> Ending {
    let service = running.service();
    let limits = Limits::default();
    let peers = Arc::new(Peers::new(&limits));
    let (ours, peer) = duplex(4096);
    let (phase, seen) = watch::channel(Phase::Serving);
    let seat = peers.admit(Ipv4Addr::LOCALHOST.into(), &limits, &Metrics::default()).await;
    let seat = seat.expect("a place");
    let pulse = Arc::clone(&seat.pulse);
    let served = tokio::spawn(async move {
        serve(ours, speaks, &service, &seat, seen).await;
        drop((seat, running));
    });
    let start = Instant::now();
    Ending { peer, served, pulse, phase, start }
}

#[tokio::test(start_paused = true)]
async fn what_still_comes_is_taken() {
    let mut ending = answered().await;
    // More than fits on the way: a write that is not read fails or hangs.
    for _ in 0..20 {
        ending.peer.write_all(MORE).await.expect("it reads");
    }
    drop(ending.peer);
    ending.served.await.expect("no panic");
    assert_eq!(Instant::now(), ending.start);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stays_gets_a_second() {
    let ending = answered().await;
    ending.served.await.expect("no panic");
    assert_eq!(Instant::now() - ending.start, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_cut_waits_for_no_peer() {
    let ending = answered().await;
    ending.phase.send_replace(Phase::Cut);
    ending.served.await.expect("no panic");
    assert_eq!(Instant::now(), ending.start);
}

/// Dismissed while it is idle.
#[tokio::test(start_paused = true)]
async fn one_that_is_dismissed_has_no_more_time_than_for_leaving() {
    let ending = begun().await;
    ending.pulse.dismiss();
    ending.served.await.expect("no panic");
    assert_eq!(Instant::now() - ending.start, LEAVE);
}

/// The same, and part of that time is over when it ends: its last request comes late.
#[tokio::test(start_paused = true)]
async fn what_leaving_takes_is_taken_from_it() {
    let mut ending = begun().await;
    let part = b"GET /v1/cache/k HTTP/1.1\r\nhost: localhost\r\n";
    ending.peer.write_all(part).await.expect("it reads");
    settle().await;
    ending.pulse.dismiss();
    sleep(LEAVE / 2).await;
    ending.peer.write_all(b"\r\n").await.expect("it reads");
    let mut answer = Vec::new();
    ending.peer.read_to_end(&mut answer).await.expect("an answer and an end");
    assert!(answer.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&answer));
    ending.served.await.expect("no panic");
    assert_eq!(Instant::now() - ending.start, LEAVE);
}

fn post() -> http::Request<()> {
    let request = http::Request::post("http://localhost/v1/cache/k/lock");
    request.body(()).expect("a request")
}

/// Requests without a key whose bodies do not come.
#[tokio::test(start_paused = true)]
async fn strangers_hold_no_requests_and_have_to_go_after_some() {
    let Ending { peer, served, pulse, phase: _phase, start } = begun_as(Speaks::Http2).await;
    let (mut client, connection) = h2::client::handshake(peer).await.expect("h2");
    let connection = tokio::spawn(connection);
    let mut open = Vec::new();
    for at in 0..100 {
        client = client.ready().await.expect("the connection lives");
        let (answer, body) = client.send_request(post(), false).expect("sent");
        open.push(body);
        let answer = answer.await.expect("an answer");
        assert_eq!(answer.status(), 401, "{at}");
        let mut text = answer.into_body();
        while text.data().await.is_some() {}
        settle().await;
        assert_eq!(pulse.running(), 0, "{at}");
    }
    assert_eq!(Instant::now(), start, "nothing was waited for");
    assert!(client.ready().await.is_err(), "so many are enough");
    connection.await.expect("no panic").expect("an end in order");
    served.await.expect("no panic");
}

/// A peer that takes no body, so that its answers stay.
#[tokio::test(start_paused = true)]
async fn strangers_leave_few_answers_unread() {
    let Ending { peer, served, pulse, phase: _phase, start } = begun_as(Speaks::Http2).await;
    let builder = h2::client::Builder::new().initial_window_size(0).clone();
    let (mut client, connection) = builder.handshake::<_, bytes::Bytes>(peer).await.expect("h2");
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for _ in 0..60 {
        let Ok(ready) = client.ready().await else { break };
        client = ready;
        answers.push(client.send_request(post(), true).expect("sent").0);
        let Ok(ready) = client.ready().await else { break };
        client = ready;
    }
    let mut whole = 0;
    for answer in answers {
        let Ok(answer) = answer.await else { continue };
        assert_eq!(answer.status(), 401);
        whole += usize::from(!answer.body().is_end_stream());
        std::mem::forget(answer);
    }
    settle().await;
    assert_eq!((whole, pulse.running()), (16, 16), "those have bodies");
    served.await.expect("no panic");
    assert_eq!(Instant::now() - start, LEAVE, "and it had to go");
}

/// Sends bodies that no request reads until nothing more is taken: how many bytes that is.
async fn sent_unread(peer: DuplexStream) -> usize {
    const PIECE: usize = 16 * 1024;
    let (mut client, connection) = h2::client::handshake(peer).await.expect("h2");
    tokio::spawn(connection);
    let (mut sent, mut open) = (0, Vec::new());
    // Each stream has a window of its own; all together have that of the connection.
    for _ in 0..8 {
        client = client.ready().await.expect("the connection lives");
        let (answer, mut body) = client.send_request(post(), false).expect("sent");
        loop {
            body.reserve_capacity(PIECE);
            let capacity = std::future::poll_fn(|cx| body.poll_capacity(cx));
            let Ok(capacity) = tokio::time::timeout(Duration::from_secs(1), capacity).await else {
                break;
            };
            let length = capacity.expect("the stream lives").expect("no error");
            body.send_data(vec![0; length].into(), false).expect("sent");
            sent += length;
        }
        open.push((answer, body));
    }
    sent
}

/// HTTP/1.1 has no windows: what was set aside before the first request showed which it is goes back.
#[tokio::test(start_paused = true)]
async fn a_connection_in_http_1_holds_no_window() {
    let running = Server::builder().cleartext().bind().await.expect("a server");
    let service = running.service();
    let mut ending = begun_with(running, Speaks::Either).await;
    settle().await;
    assert_ne!(service.windows.shared_out(), 0);
    ending
        .peer
        .write_all(b"GET /v1/cache/k HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .expect("it reads");
    let mut first = [0; 12];
    ending.peer.read_exact(&mut first).await.expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 401");
    assert_eq!(service.windows.shared_out(), 0);
}

/// What came over many connections and is not read stays within the bound for all of them.
#[tokio::test(start_paused = true)]
async fn slow_bodies_over_many_connections_share_one_bound() {
    const MOST: usize = 16 * 1024 * 1024;
    const CONNECTIONS: usize = 32;
    let limits = Limits::default();
    let windows = Arc::new(Windows::new(Some(MOST), CONNECTIONS).expect("more than the least"));
    let (mut all, mut kept) = (0, Vec::new());
    for _ in 0..CONNECTIONS {
        let (ours, peer) = duplex(64 * 1024);
        let window = windows.open();
        let builder = protocol(&limits, Speaks::Http2, window.bytes());
        let unread = hyper::service::service_fn(|request: http::Request<Incoming>| async move {
            let _body = request.into_body();
            std::future::pending::<Result<http::Response<String>, Infallible>>().await
        });
        let serving = tokio::spawn(async move {
            let _ = builder.serve_connection(TokioIo::new(ours), unread).await;
        });
        let sent = sent_unread(peer).await;
        assert_eq!(sent, window.bytes() as usize);
        all += sent;
        kept.push((window, serving));
    }
    assert!(all <= MOST, "{all}");
    assert!(all >= MOST / 2, "most of it can be used: {all}");
}

/// The system has no open files left: an idle connection gives its own up.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_lack_of_open_files_costs_an_idle_connection() {
    use crate::alarm::Limit;
    let (limits, metrics) = (Limits::default(), Metrics::default());
    let peers = Arc::new(Peers::new(&limits));
    let seat = peers.admit(Ipv4Addr::LOCALHOST.into(), &limits, &metrics).await.expect("a place");
    tokio::time::advance(Duration::from_secs(5)).await;
    let mut failing = false;
    let other = std::io::ErrorKind::PermissionDenied.into();
    refused(&other, &peers, &metrics, &mut failing);
    assert!(failing, "logged, and not again");
    assert_eq!(metrics.alarms.reached(Limit::OpenFiles), 0);
    for errno in [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE] {
        refused(&errno.into(), &peers, &metrics, &mut failing);
    }
    assert_eq!(metrics.alarms.reached(Limit::OpenFiles), 2);
    let told = tokio::time::timeout(Duration::ZERO, seat.pulse.dismissed()).await;
    assert!(told.is_ok(), "it has to go");
}

/// Lets the connection's task see what has come.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}
