//! A value that is too large is answered `413`, and the answer arrives: also while the client still sends,
//! and however much more it has.

use crate::support::{Fixture, H1};
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMIT: usize = 100_000;
const MIB: usize = 1024 * 1024;
const PIECE: usize = 64 * 1024;
const PATH: &str = "/v1/cache/k";
/// Just too large, more than the windows of HTTP/2 take, and more than the server throws away.
const SIZES: [usize; 4] = [LIMIT + 1, 5 * MIB, 12 * MIB, 48 * MIB];

async fn fixture() -> Fixture {
    let mut limits = cachekit_server::Limits::default();
    limits.max_value_bytes = LIMIT;
    Fixture::start_with(|builder| builder.limits(limits)).await
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), work).await.expect("an answer in time")
}

/// A body of so many pieces, whose length is not announced.
struct Pieces(usize);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or(0);
        Poll::Ready(left.map(|_| Ok(Frame::data(Bytes::from(vec![1; PIECE])))))
    }
}

#[tokio::test]
async fn over_http2_with_an_announced_length() {
    let fixture = fixture().await;
    for size in SIZES {
        let mut client = fixture.h2().await;
        client.put(PATH, &[], b"before").await;
        // More than once: what the server does not read must not use up the connection.
        for _ in 0..3 {
            let answer = client.call("PUT", PATH, &vec![1; size]).await;
            assert_eq!(answer.status, 413, "{size}");
            assert_eq!(client.get(PATH).await.as_deref(), Some(b"before".as_slice()));
        }
    }
}

#[tokio::test]
async fn over_http2_without_a_length() {
    let fixture = fixture().await;
    let stream = fixture.tls(&[b"h2"]).await;
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("h2");
    tokio::spawn(connection);
    for size in SIZES {
        for method in ["PUT", "GET"] {
            let pieces = if method == "PUT" { size.div_ceil(PIECE) } else { 0 };
            let request = http::Request::builder()
                .method(method)
                .uri(format!("https://localhost{PATH}"))
                .header("authorization", format!("Bearer {}", fixture.live))
                .body(Pieces(pieces))
                .expect("a request");
            within(sender.ready()).await.expect("the connection goes on");
            let answer = within(sender.send_request(request)).await.expect("an answer");
            let expected = if method == "PUT" { 413 } else { 404 };
            assert_eq!(answer.status().as_u16(), expected, "{method} {size}");
            within(answer.into_body().collect()).await.expect("the body of the answer");
        }
    }
}

fn head(fixture: &Fixture, framing: &str) -> String {
    format!(
        "PUT {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{framing}\r\n\r\n",
        fixture.live
    )
}

#[tokio::test]
async fn over_http1_to_a_client_that_reads_after_it_sent() {
    let fixture = fixture().await;
    for size in SIZES {
        let mut wire = H1::new(fixture.tls(&[b"http/1.1"]).await);
        wire.send(head(&fixture, &format!("Content-Length: {size}")).as_bytes()).await;
        let body = vec![1; size];
        // Beyond what the server throws away it may stop reading; the answer is there before.
        let _ = within(wire.try_send(&body)).await;
        let answer = within(wire.answer(false)).await.expect("an answer");
        assert_eq!(answer.status, 413, "{size}");
    }
}

#[tokio::test]
async fn over_http1_to_a_client_that_reads_while_it_sends() {
    let fixture = fixture().await;
    for size in SIZES {
        for framing in ["length", "chunks"] {
            let stream = fixture.tls(&[b"http/1.1"]).await;
            let (mut read, mut write) = tokio::io::split(stream);
            let announced = match framing {
                "length" => format!("Content-Length: {size}"),
                _ => "Transfer-Encoding: chunked".to_owned(),
            };
            let head = head(&fixture, &announced);
            let sending = tokio::spawn(async move {
                write.write_all(head.as_bytes()).await?;
                let mut left = size;
                while left > 0 {
                    let piece = left.min(PIECE);
                    if framing == "chunks" {
                        write.write_all(format!("{piece:x}\r\n").as_bytes()).await?;
                    }
                    write.write_all(&vec![1; piece]).await?;
                    if framing == "chunks" {
                        write.write_all(b"\r\n").await?;
                    }
                    left -= piece;
                }
                if framing == "chunks" {
                    write.write_all(b"0\r\n\r\n").await?;
                }
                write.flush().await
            });
            let mut start = [0; 12];
            within(read.read_exact(&mut start)).await.expect("an answer");
            assert_eq!(&start, b"HTTP/1.1 413", "{framing} {size}");
            sending.abort();
        }
    }
}
