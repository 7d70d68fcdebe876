//! HTTP/2 by the byte, for what no well-behaved library does.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const PREFACE: usize = 24;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200` of the static table.
const OK: &[u8] = &[0x88];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Waits for so many requests, answers the first of them, and says that it will do no more.
pub(super) async fn go_away<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    after: usize,
    served: usize,
    answer: &str,
) {
    stream.read_exact(&mut [0; PREFACE]).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    stream.flush().await.unwrap();
    let mut streams = Vec::new();
    let mut head = [0; 9];
    // Until the client has done with the connection.
    while stream.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let reply = match (head[3], head[4] & ACK) {
            (SETTINGS, 0) => frame(SETTINGS, ACK, 0, &[]),
            (PING, 0) => frame(PING, ACK, 0, &payload),
            (HEADERS, _) => {
                streams.push(id);
                if streams.len() == after { farewell(&streams[..served], answer) } else { continue }
            }
            _ => continue,
        };
        if stream.write_all(&reply).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

fn farewell(served: &[u32], answer: &str) -> Vec<u8> {
    let last = served.last().copied().unwrap_or_default();
    // Code 0: no error.
    let mut bytes = frame(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat());
    for id in served {
        bytes.extend(frame(HEADERS, END_HEADERS, *id, OK));
        bytes.extend(frame(DATA, END_STREAM, *id, answer.as_bytes()));
    }
    bytes
}
