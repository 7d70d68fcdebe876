//! For how long a closed connection is read, on a clock that the tests turn.

use super::{MOST_BYTES, PATIENCE, read_out};
use crate::limits::Limits;
use crate::stream::Watched;
use crate::watch::Pulse;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

const BUFFER: usize = 1024;

#[tokio::test(start_paused = true)]
async fn it_ends_with_the_peer() {
    let start = Instant::now();
    let (ours, mut peer) = duplex(BUFFER);
    let reading = tokio::spawn(read_out(ours, PATIENCE));
    // More than fits: it is read, so nothing is reset.
    peer.write_all(&[0; 4 * BUFFER]).await.unwrap();
    drop(peer);
    reading.await.unwrap();
    assert_eq!(Instant::now(), start);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stays_has_its_time() {
    let start = Instant::now();
    let (ours, _peer) = duplex(BUFFER);
    read_out(ours, PATIENCE).await;
    assert_eq!(Instant::now() - start, PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_end_is_left() {
    let start = Instant::now();
    let (ours, mut peer) = duplex(BUFFER);
    let reading = tokio::spawn(read_out(ours, PATIENCE));
    let mut sent = 0;
    while peer.write_all(&[0; BUFFER]).await.is_ok() {
        sent += BUFFER as u64;
    }
    reading.await.unwrap();
    assert!((MOST_BYTES..=MOST_BYTES + 2 * BUFFER as u64).contains(&sent), "{sent}");
    assert_eq!(Instant::now(), start);
}

#[tokio::test]
async fn only_a_stream_that_was_shut_down_is_read_out() {
    let pulse = Pulse::new(&Limits::default());
    let watched = || Watched::new(duplex(BUFFER).0, &pulse, false);
    let (stream, mut left) = watched();
    drop(stream);
    assert!(left.try_recv().is_err());
    let (mut stream, mut left) = watched();
    stream.shutdown().await.unwrap();
    assert!(left.try_recv().is_err(), "not while it is in use");
    drop(stream);
    let _: DuplexStream = left.try_recv().unwrap();
}
