//! What a server of HTTP/2 may say, frame by frame.

use super::super::failure::Failure;
use super::super::h2::Conn;
use super::super::keep_alive::KeepAlive;
use super::super::upload::Upload;
use super::frames::{self, Frame};
use crate::attempts::{Again, When};
use crate::layers::Failed;
use crate::runtime::Background;
use bytes::Bytes;
use http::{Request, StatusCode};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

/// The reason codes of RFC 9113 §7.
const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;

/// No ping is sent that would have the client look at what it has read.
const NO_PINGS: KeepAlive =
    KeepAlive { ping_interval: Duration::from_secs(86_400), ..KeepAlive::DEFAULT };

async fn connected(keep_alive: KeepAlive) -> (Arc<Conn>, frames::Peer<DuplexStream>) {
    connected_over(64 * 1024, keep_alive).await
}

/// With a transport that holds so many bytes.
async fn connected_over(
    bytes: usize,
    keep_alive: KeepAlive,
) -> (Arc<Conn>, frames::Peer<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(bytes);
    let background = Background::start().unwrap();
    let conn = Conn::open(ours, &background.executor(), background, keep_alive).await.unwrap();
    (conn, frames::Peer::greet(theirs).await)
}

type Asked = JoinHandle<Result<(StatusCode, String), Failure>>;

fn ask(conn: &Arc<Conn>) -> Asked {
    let get = Request::get("https://cache.test/v1/cache/k");
    send(conn, get.body(Upload::new(None)).unwrap())
}

fn send(conn: &Arc<Conn>, request: Request<Upload>) -> Asked {
    let lease = conn.lease(Instant::now()).unwrap();
    tokio::spawn(async move {
        let answer = lease.exchange(request, 1000).await?;
        Ok((answer.status, String::from_utf8(answer.body.to_vec()).unwrap()))
    })
}

/// What becomes of one request, if this is what the server says to it.
async fn told(say: impl Fn(u32) -> Vec<Frame>) -> (Result<(StatusCode, String), Failure>, bool) {
    let (conn, mut peer) = connected(KeepAlive::DEFAULT).await;
    let asked = ask(&conn);
    let stream = peer.request().await;
    for frame in say(stream) {
        peer.send(frame).await;
    }
    let became = peer.listen_until(asked).await.unwrap();
    (became, conn.is_closed())
}

#[tokio::test]
async fn an_answer_that_wants_no_more_of_the_request_is_one() {
    // RFC 9113 §8.1.
    let (answer, closed) = told(|stream| {
        vec![
            Frame::head(stream, "404"),
            Frame::data(stream, "because"),
            Frame::reset(stream, NO_ERROR),
        ]
    })
    .await;
    assert_eq!(answer.unwrap(), (StatusCode::NOT_FOUND, "because".to_owned()));
    assert!(!closed);
}

#[tokio::test]
async fn half_a_value_is_none_whatever_the_reason() {
    for reason in [NO_ERROR, REFUSED_STREAM, CANCEL] {
        let (answer, closed) = told(|stream| {
            vec![
                Frame::head(stream, "200"),
                Frame::data(stream, "half of "),
                Frame::reset(stream, reason),
            ]
        })
        .await;
        let failure = answer.unwrap_err();
        // Also where the reason says that nothing was done: the answer had begun.
        assert_eq!(failure.again, Again::IfRepeatable, "{reason}");
        assert!(!closed, "{reason}");
    }
    // A graceful end that leaves this stream out.
    let (answer, closed) = told(|stream| {
        vec![Frame::head(stream, "200"), Frame::data(stream, "half of "), Frame::go_away(0)]
    })
    .await;
    assert!(answer.is_err());
    assert!(closed);
}

#[tokio::test]
async fn a_value_is_whole_with_its_last_frame_or_its_trailers() {
    for end in [Frame::last as fn(u32) -> Frame, Frame::trailers] {
        let (answer, closed) = told(|stream| {
            vec![Frame::head(stream, "200"), Frame::data(stream, "whole"), end(stream)]
        })
        .await;
        assert_eq!(answer.unwrap(), (StatusCode::OK, "whole".to_owned()));
        assert!(!closed);
    }
}

#[tokio::test]
async fn only_what_was_not_looked_at_may_be_sent_again_in_any_case() {
    for (frame, again, closes) in [
        (Frame::reset as fn(u32, u32) -> Frame, Again::Unprocessed, false),
        (|stream, _| Frame::reset(stream, CANCEL), Again::IfRepeatable, false),
        (|_, _| Frame::go_away(0), Again::Unprocessed, true),
    ] {
        let (answer, closed) = told(|stream| vec![frame(stream, REFUSED_STREAM)]).await;
        assert_eq!(answer.unwrap_err().again, again);
        assert_eq!(closed, closes);
    }
}

#[tokio::test]
async fn a_connection_in_use_is_asked_again_and_again() {
    let ping_interval = Duration::from_millis(5);
    let (conn, mut peer) = connected(KeepAlive { ping_interval, ..KeepAlive::DEFAULT }).await;
    let asked = ask(&conn);
    let stream = peer.request().await;
    for _ in 0..3 {
        peer.ping().await;
    }
    peer.send(Frame::answer(stream, "v")).await;
    peer.listen_until(asked).await.unwrap().unwrap();
    assert!(!conn.is_closed());
}

/// A connection whose peer takes so many requests at a time, and said so.
async fn limited(most: u32) -> (Arc<Conn>, frames::Peer<DuplexStream>) {
    let (conn, mut peer) = connected(NO_PINGS).await;
    peer.send(Frame::max_streams(most)).await;
    let first = ask(&conn);
    assert_eq!(serve(&mut peer, first, "first").await, "first");
    (conn, peer)
}

/// Answers the next request, and waits for what this one gets.
async fn serve(peer: &mut frames::Peer<DuplexStream>, asked: Asked, with: &str) -> String {
    let stream = peer.request().await;
    peer.send(Frame::answer(stream, with)).await;
    peer.listen_until(asked).await.unwrap().unwrap().1
}

#[tokio::test]
async fn what_waits_for_a_place_is_done_elsewhere_when_the_server_goes_away() {
    let (conn, mut peer) = limited(2).await;
    let asked: Vec<_> = (0..8).map(|_| ask(&conn)).collect();
    assert!(!conn.has_room());
    let served = peer.request().await;
    peer.request().await;
    peer.send(Frame::go_away(served)).await;
    peer.send(Frame::answer(served, "v")).await;
    let mut answered = 0;
    for asked in asked {
        match peer.listen_until(asked).await.unwrap() {
            Ok(_) => answered += 1,
            // Also the acquisition of a lock may be sent again.
            Err(failure) => assert_eq!(failure.again, Again::Unprocessed, "{failure:?}"),
        }
    }
    assert_eq!(answered, 1);
    assert!(conn.is_closed());
}

#[tokio::test]
async fn places_are_given_in_the_order_of_asking() {
    let (conn, mut peer) = limited(1).await;
    let mut waiting = VecDeque::from([ask(&conn), ask(&conn), ask(&conn)]);
    for turn in 0..9 {
        let next = waiting.pop_front().unwrap();
        let turn = turn.to_string();
        assert_eq!(serve(&mut peer, next, &turn).await, turn);
        // Asks at the moment when the place is free, and stands behind those that wait.
        waiting.push_back(ask(&conn));
    }
    assert!(!conn.is_closed());
}

#[tokio::test]
async fn that_the_server_goes_away_is_heard_without_another_frame() {
    let (conn, mut peer) = limited(1).await;
    let _served = ask(&conn);
    let stream = peer.request().await;
    let waits = ask(&conn);
    peer.send(Frame::go_away(stream)).await;
    assert_eq!(peer.listen_until(waits).await.unwrap().unwrap_err().again, Again::Unprocessed);
    assert!(conn.is_closed());
}

#[tokio::test]
async fn that_the_server_takes_more_is_heard_without_another_frame() {
    let (conn, mut peer) = limited(1).await;
    let first = ask(&conn);
    let stream = peer.request().await;
    let second = ask(&conn);
    peer.send(Frame::max_streams(2)).await;
    assert_eq!(serve(&mut peer, second, "second").await, "second");
    peer.send(Frame::answer(stream, "first")).await;
    assert_eq!(peer.listen_until(first).await.unwrap().unwrap().1, "first");
}

#[tokio::test]
async fn answers_to_requests_that_were_given_up_end_no_connection() {
    let (conn, mut peer) = connected(NO_PINGS).await;
    for round in 0..30 {
        let asked: Vec<_> = (0..100).map(|_| ask(&conn)).collect();
        let mut streams = Vec::new();
        for _ in &asked {
            streams.push(peer.request().await);
        }
        for asked in asked {
            asked.abort();
            assert!(asked.await.is_err_and(|error| error.is_cancelled()));
        }
        for stream in streams {
            peer.send(Frame::answer(stream, "late")).await;
        }
        let next = ask(&conn);
        assert_eq!(serve(&mut peer, next, "in time").await, "in time", "{round}");
    }
    assert!(!conn.is_closed());
}

/// Lets all tasks do what they can.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

fn post(body: &'static [u8]) -> Request<Upload> {
    let upload = Upload::new(Some(Bytes::from_static(body))).noted();
    Request::post("https://cache.test/v1/cache/k/lock").body(upload).unwrap()
}

/// The only place is taken by a request that was given up, and that cannot be told to the server, which reads nothing: the
/// next request waits in hyper. Then the server goes away.
async fn in_line(conn: &Arc<Conn>, peer: &mut frames::Peer<DuplexStream>, next: Asked) -> Failure {
    static LONG: [u8; 10_000] = [0; 10_000];
    let given_up = send(conn, post(&LONG));
    let stream = peer.request().await;
    settle().await;
    given_up.abort();
    assert!(given_up.await.is_err_and(|error| error.is_cancelled()));
    settle().await;
    peer.send(Frame::go_away(stream)).await;
    peer.listen_until(next).await.unwrap().unwrap_err()
}

#[tokio::test]
async fn what_stands_in_line_behind_a_request_that_was_given_up_is_not_lost() {
    for is_post in [true, false] {
        let (conn, mut peer) = connected_over(64, NO_PINGS).await;
        peer.send(Frame::max_streams(1)).await;
        let first = ask(&conn);
        serve(&mut peer, first, "first").await;
        let line = Arc::clone(&conn);
        let next = tokio::spawn(async move {
            while line.load() == 0 {
                tokio::task::yield_now().await;
            }
            // Behind the one that is given up.
            while line.load() > 0 {
                tokio::task::yield_now().await;
            }
            let request = if is_post {
                post(b"{}")
            } else {
                Request::get("https://cache.test/v1/cache/k").body(Upload::new(None)).unwrap()
            };
            send(&line, request).await.unwrap()
        });
        let failure = in_line(&conn, &mut peer, next).await;
        let (again, when) = (failure.says().again, failure.says().when);
        assert_eq!(when, When::AtOnce, "{failure:?}");
        // Of a head alone it is not known whether it went out.
        let expected = if is_post { Again::Unprocessed } else { Again::IfRepeatable };
        assert_eq!(again, expected, "{failure:?}");
        assert!(conn.is_closed());
    }
}

#[tokio::test]
async fn how_many_requests_the_server_takes_is_heard_before_its_first_answer() {
    let (conn, mut peer) = connected(NO_PINGS).await;
    peer.send(Frame::max_streams(2)).await;
    let _asked = [ask(&conn), ask(&conn)];
    peer.request().await;
    settle().await;
    assert!(!conn.has_room(), "a server that answers nothing has no line without an end");
}
