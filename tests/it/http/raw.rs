//! HTTP/1.1 as bytes, over TLS.

use super::local::{Local, PATIENCE};
use super::relay::tls_config;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// A connection that speaks HTTP/1.1.
pub(crate) struct Raw {
    stream: StreamOwned<ClientConnection, TcpStream>,
    /// Read and not used yet.
    rest: Vec<u8>,
    key: String,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The values of all lines of a header, whose name may be written in any case.
    pub(crate) fn lines(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

impl Raw {
    pub(crate) fn connect(server: &Local, alpn: &[&[u8]]) -> Self {
        let config = tls_config(&server.authority.pem, alpn);
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
        let tcp = TcpStream::connect(server.address).expect("it listens");
        tcp.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let stream = StreamOwned::new(connection, tcp);
        Self { stream, rest: Vec::new(), key: server.key.clone() }
    }

    /// Sends these bytes, with `KEY` replaced by the API key.
    pub(crate) fn send(&mut self, text: &str) {
        let text = text.replace("KEY", &self.key);
        self.send_bytes(text.as_bytes());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("it reads");
        self.stream.flush().expect("it reads");
    }

    /// The protocol agreed on; known after the first byte.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.stream.conn.alpn_protocol()
    }

    /// Sends these bytes and reads the answer.
    pub(crate) fn ask(&mut self, text: &str) -> Answer {
        let head = text.starts_with("HEAD ");
        self.send(text);
        self.answer(head)
    }

    pub(crate) fn answer(&mut self, bodiless: bool) -> Answer {
        let end = loop {
            if let Some(end) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.more(), "the connection ended before an answer: {:?}", self.rest);
        };
        let head: Vec<u8> = self.rest.drain(..end).collect();
        let head = String::from_utf8(head).expect("the head is text");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut answer = Answer { status: status.expect("a status"), head, body: Vec::new() };
        if !bodiless && answer.status != 204 {
            let lines = answer.lines("content-length");
            let [length] = lines[..] else { panic!("one length, in {}", answer.head) };
            let length: usize = length.parse().expect("a number");
            while self.rest.len() < length {
                assert!(self.more(), "the connection ended within a body");
            }
            answer.body = self.rest.drain(..length).collect();
        }
        answer
    }

    fn more(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        let count = self.stream.read(&mut chunk).unwrap_or(0);
        self.rest.extend_from_slice(&chunk[..count]);
        count > 0
    }
}
