//! Servers that behave as no real one can be made to.

use super::{get, set};
use crate::{Backend, Redis};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Answers commands with bytes, given the number of the connection; nothing ends the connection.
pub(in crate::redis) fn serve(
    answer: impl Fn(usize, &[String]) -> Vec<Vec<u8>> + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}?protocol=resp2", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let answer = Arc::new(answer);
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || converse(&stream, |command| answer(number, command)));
        }
    });
    url
}

fn converse(mut stream: &TcpStream, answer: impl Fn(&[String]) -> Vec<Vec<u8>>) {
    let mut reader = BufReader::new(stream);
    while let Some(command) = command(&mut reader) {
        if command[0] == "CLIENT" {
            stream.write_all(b"+OK\r\n").unwrap();
            continue;
        }
        let pieces = answer(&command);
        for piece in &pieces {
            let _ = stream.write_all(piece);
        }
        if !pieces.last().is_some_and(|piece| piece.ends_with(b"\r\n")) {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn command(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let mut line = String::new();
    let mut number = |reader: &mut dyn BufRead, mark: char| {
        line.clear();
        reader.read_line(&mut line).ok()?;
        line.trim_end().strip_prefix(mark)?.parse::<usize>().ok()
    };
    let count = number(reader, '*')?;
    let mut parts = Vec::new();
    for _ in 0..count {
        let length = number(reader, '$')?;
        let mut bytes = vec![0; length + 2];
        reader.read_exact(&mut bytes).ok()?;
        parts.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
    }
    Some(parts)
}

fn client(url: String) -> Redis {
    Redis::builder().url(url).build().unwrap()
}

#[test]
fn half_an_answer_is_no_value() {
    let url = serve(|number, _| match number {
        0 => vec![b"$5\r\nwro".to_vec()],
        _ => vec![b"$5\r\nright\r\n".to_vec()],
    });
    let asked = std::time::Instant::now();
    assert_eq!(get(&client(url), "k").unwrap().as_deref(), Some("right"));
    println!("recovery after half an answer: {:?}", asked.elapsed());
}

#[test]
fn a_fill_whose_answer_is_lost_is_not_sent_twice() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let url = serve(move |_, command| {
        if command.iter().any(|part| part == "late") {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        vec![]
    });
    let client = client(url);
    let token = crate::FenceToken::new("fence");
    let value = bytes::Bytes::from_static(b"late");
    let options = crate::SetOptions::new();
    let fencing = client.fencing().unwrap();
    let stored = super::wait(fencing.set_fenced("k", value, &options, &token));
    assert!(stored.unwrap_err().is_transient());
    assert_eq!(sent.load(Ordering::SeqCst), 1);
}

#[test]
fn a_server_that_always_hangs_up_is_left_alone_soon() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let url = serve(move |_, command| {
        // A connection that is looked for in the background sends none.
        if command.first().is_some_and(|name| name == "MULTI") {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        vec![]
    });
    assert!(set(&client(url), "k", "v").unwrap_err().is_transient());
    let attempts = attempts.load(Ordering::SeqCst);
    assert!((1..=3).contains(&attempts), "{attempts} attempts");
}

#[test]
fn a_server_that_is_loading_is_told_apart() {
    let url = serve(|_, _| vec![b"-LOADING Redis is loading the dataset in memory\r\n".to_vec()]);
    let client = client(url);
    for error in [get(&client, "k").unwrap_err(), set(&client, "k", "v").unwrap_err()] {
        assert!(error.is_transient() && error.to_string().contains("loading"), "{error}");
    }
}

#[test]
fn what_is_no_redis_is_no_value() {
    for answer in ["HTTP/1.1 400 Bad Request\r\n", ":1\r\n", "*1\r\n$1\r\nv\r\n", "+v\r\n"] {
        let url = serve(move |_, _| vec![answer.as_bytes().to_vec()]);
        assert!(get(&client(url), "k").unwrap_err().is_transient(), "{answer}");
    }
}

#[test]
fn a_cluster_node_spoken_to_alone_names_the_url_to_use() {
    let url = serve(|_, _| vec![b"-MOVED 1 127.0.0.1:1\r\n".to_vec()]);
    let error = get(&client(url), "k").unwrap_err();
    assert!(error.to_string().contains("redis-cluster://"), "{error}");
    let url = serve(|_, _| vec![b"-ERR This instance has cluster support disabled\r\n".to_vec()]);
    let error = get(&client(url.replace("redis://", "redis-cluster://")), "k").unwrap_err();
    assert!(error.to_string().contains("redis://"), "{error}");
}

#[test]
fn slots_without_a_node_are_looked_up_once_before_a_batch_is_sent() {
    let (asked, port) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let before = Arc::new(AtomicUsize::new(usize::MAX));
    let (counted, own, noted) = (Arc::clone(&asked), Arc::clone(&port), Arc::clone(&before));
    let url = serve(move |_, command| {
        let words: Vec<_> = command.iter().map(String::as_str).collect();
        vec![match words[..] {
            ["CLUSTER", "SLOTS"] => {
                counted.fetch_add(1, Ordering::SeqCst);
                // The upper half of the slots has no node.
                let port = own.load(Ordering::SeqCst);
                format!("*1\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n")
                    .into_bytes()
            }
            ["MGET", ..] => {
                noted.fetch_min(counted.load(Ordering::SeqCst), Ordering::SeqCst);
                let nothing = "$-1\r\n".repeat(words.len() - 1);
                format!("*{}\r\n{nothing}", words.len() - 1).into_bytes()
            }
            _ => b"+OK\r\n".to_vec(),
        }]
    });
    let address = url.strip_prefix("redis://127.0.0.1:").unwrap();
    port.store(address.split_once('?').unwrap().0.parse().unwrap(), Ordering::SeqCst);
    let url = url.replace("redis://", "redis-cluster://");
    let timeout = std::time::Duration::from_millis(500);
    let client = Redis::builder().url(url).timeout(timeout).build().unwrap();
    let keys: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let found = super::wait(client.batch().unwrap().get_many(&keys));
    let (have, lack): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
    assert!(have.len() > 20 && lack.len() > 20, "{} {}", have.len(), lack.len());
    // One for the map, one for the first slot that is not in it.
    assert!(before.load(Ordering::SeqCst) <= 3, "{before:?} look-ups before anything was sent");
}
