//! A server that goes away in the middle of a burst, and does not serve all that was sent.

use super::server::{Server, Speaks, reply};
use crate::{CachekitIo, SetOptions};
use bytes::Bytes;
use std::time::Duration;

/// What every operation of the burst can take as its answer.
const ANSWER: &str = r#"{"lock_id":null}"#;
const BURST: usize = 64;
const SERVED: usize = 10;

async fn operation(client: CachekitIo, number: usize) {
    match number % 4 {
        0 => {
            let found = client.get("k").await.unwrap().unwrap();
            assert_eq!(found.value(), ANSWER);
        }
        1 => {
            let value = Bytes::from(vec![7; 100]);
            client.set("k", value, &SetOptions::new()).await.unwrap();
        }
        2 => assert!(client.delete("k").await.unwrap()),
        // Not even what must not be done twice: the server said that it did not do it.
        _ => assert!(client.acquire_lock("k", Duration::from_secs(5)).await.unwrap().is_none()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_goaway_leaves_undone_is_done_on_one_other_connection() {
    let server = Server::start(
        Speaks::GoAway { after: BURST, served: SERVED, answer: ANSWER },
        1000,
        |_| reply(200, ANSWER),
    );
    // Nothing may count as a retry.
    let client = server.builder().max_retries(0).build().unwrap();
    let burst: Vec<_> =
        (0..BURST).map(|number| tokio::spawn(operation(client.clone(), number))).collect();
    for operation in burst {
        operation.await.unwrap();
    }
    let seen = server.seen();
    assert_eq!(seen.len(), BURST - SERVED, "each of the others once");
    assert_eq!(server.connections(), 2);
    // And the first connection is not kept.
    server.open(1).await;
}
