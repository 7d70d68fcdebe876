//! HTTP/2 by the byte, for what no well-behaved library does.

use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::future::Future;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const PREFACE: usize = 24;
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const MAX_CONCURRENT_STREAMS: u16 = 3;

/// What a server sends (RFC 9113 §6).
#[derive(Clone, Debug)]
pub(super) struct Frame(Vec<u8>);

impl Frame {
    fn new(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags];
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        Self(bytes)
    }

    /// The head of an answer, with more to come.
    pub(super) fn head(stream: u32, status: &str) -> Self {
        // `:status` is the eighth name of the static table; the value is a literal (RFC 7541 §6.2.2).
        let mut block = vec![8, u8::try_from(status.len()).unwrap()];
        block.extend_from_slice(status.as_bytes());
        Self::new(HEADERS, END_HEADERS, stream, &block)
    }

    pub(super) fn data(stream: u32, text: &str) -> Self {
        Self::new(DATA, 0, stream, text.as_bytes())
    }

    /// An end without more data.
    pub(super) fn last(stream: u32) -> Self {
        Self::new(DATA, END_STREAM, stream, &[])
    }

    /// An end with a header line behind the data.
    pub(super) fn trailers(stream: u32) -> Self {
        let block = [0, 1, b't', 1, b'v'];
        Self::new(HEADERS, END_HEADERS | END_STREAM, stream, &block)
    }

    /// A whole answer, `200`.
    pub(super) fn answer(stream: u32, text: &str) -> Self {
        let mut bytes = Self::head(stream, "200").0;
        bytes.extend(Self::new(DATA, END_STREAM, stream, text.as_bytes()).0);
        Self(bytes)
    }

    pub(super) fn reset(stream: u32, reason: u32) -> Self {
        Self::new(RST_STREAM, 0, stream, &reason.to_be_bytes())
    }

    /// The end, without an error, after this stream.
    pub(super) fn go_away(last: u32) -> Self {
        Self::new(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat())
    }

    pub(super) fn max_streams(most: u32) -> Self {
        let mut setting = MAX_CONCURRENT_STREAMS.to_be_bytes().to_vec();
        setting.extend_from_slice(&most.to_be_bytes());
        Self::new(SETTINGS, 0, 0, &setting)
    }
}

/// What a client sent.
#[derive(PartialEq, Eq)]
enum Got {
    Request,
    Ping,
    Other,
}

/// The server's end of a connection.
pub(super) struct Peer<S> {
    stream: S,
    unread: BytesMut,
    /// Requests that the test has not taken yet.
    requests: VecDeque<u32>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Begins as a server that has no wishes.
    pub(super) async fn greet(stream: S) -> Self {
        let mut peer = Self { stream, unread: BytesMut::new(), requests: VecDeque::new() };
        assert!(peer.has(PREFACE).await, "a client");
        peer.unread.advance(PREFACE);
        peer.send(Frame::new(SETTINGS, 0, 0, &[])).await;
        peer
    }

    /// A client that is gone does not hear it.
    pub(super) async fn send(&mut self, frame: Frame) {
        let _ = self.stream.write_all(&frame.0).await;
        let _ = self.stream.flush().await;
    }

    /// The stream of the next request.
    pub(super) async fn request(&mut self) -> u32 {
        loop {
            if let Some(stream) = self.requests.pop_front() {
                return stream;
            }
            self.next().await.expect("a request");
        }
    }

    /// Waits for a ping, and answers it.
    pub(super) async fn ping(&mut self) {
        while self.next().await.expect("a ping") != Got::Ping {}
    }

    /// Until the client has done with the connection.
    pub(super) async fn listen(&mut self) {
        while self.next().await.is_some() {}
    }

    /// The future's output, while the client is listened to.
    pub(super) async fn listen_until<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        tokio::select! {
            output = &mut future => return output,
            () = self.listen() => {}
        }
        future.await
    }

    /// Whether so many bytes come. Nothing of them is lost when the future is dropped.
    async fn has(&mut self, length: usize) -> bool {
        while self.unread.len() < length {
            match self.stream.read_buf(&mut self.unread).await {
                Ok(1..) => {}
                _ => return false,
            }
        }
        true
    }

    /// Settings and pings are acknowledged here.
    async fn next(&mut self) -> Option<Got> {
        if !self.has(HEAD).await {
            return None;
        }
        let length = self.unread[..3].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        if !self.has(HEAD + length).await {
            return None;
        }
        let mut head = self.unread.split_to(HEAD);
        let payload: Bytes = self.unread.split_to(length).freeze();
        head.advance(3);
        let (kind, flags, stream) = (head.get_u8(), head.get_u8(), head.get_u32());
        Some(match (kind, flags & ACK) {
            (SETTINGS, 0) => {
                self.send(Frame::new(SETTINGS, ACK, 0, &[])).await;
                Got::Other
            }
            (PING, 0) => {
                self.send(Frame::new(PING, ACK, 0, &payload)).await;
                Got::Ping
            }
            (HEADERS, _) => {
                self.requests.push_back(stream);
                Got::Request
            }
            _ => Got::Other,
        })
    }
}

/// Waits for so many requests, answers the first of them, and says that it will do no more.
pub(super) async fn go_away<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    after: usize,
    served: usize,
    answer: &str,
) {
    let mut peer = Peer::greet(stream).await;
    let mut streams = Vec::new();
    while streams.len() < after {
        streams.push(peer.request().await);
    }
    let served = &streams[..served];
    peer.send(Frame::go_away(served.last().copied().unwrap_or_default())).await;
    for stream in served {
        peer.send(Frame::answer(*stream, answer)).await;
    }
    peer.listen().await;
}
