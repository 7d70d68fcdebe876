//! The operator's listener answers probes, also while many other clients ask it.

use crate::support::{Fixture, page};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// More connections than it has places: some send nothing, others wait for their next request.
#[tokio::test]
async fn connections_that_stay_take_no_probes_place() {
    let admin = (Ipv4Addr::LOCALHOST, 0).into();
    let fixture = Fixture::start_with(|builder| builder.admin(admin)).await;
    let admin = fixture.server.admin_addr().expect("there is one");
    let mut open = Vec::new();
    for at in 0..280 {
        let mut stream = TcpStream::connect(admin).await.expect("connected");
        if at % 8 == 0 {
            let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
            stream.write_all(request).await.expect("sent");
            let mut status = [0; 12];
            let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut status)).await;
            read.expect("an answer in time").expect("an answer");
            assert_eq!(&status, b"HTTP/1.1 200");
        }
        open.push(stream);
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answered = tokio::time::timeout(PATIENCE, page(admin, path)).await;
        assert!(answered.expect("an answer in time").starts_with("HTTP/1.1 200 "), "{path}");
    }
    // The oldest one went; the youngest one did not.
    let gone = tokio::time::timeout(PATIENCE, open[1].read(&mut [0; 8])).await;
    assert_eq!(gone.expect("it was closed").unwrap_or(0), 0);
    let youngest = open.last_mut().expect("there is one");
    youngest.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    let mut status = [0; 12];
    youngest.read_exact(&mut status).await.expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200");
}

/// Far shorter than all of these would have the listener's places for, one after the other. Only a test that fails waits
/// for it.
const PATIENCE: Duration = Duration::from_secs(20);
