use super::super::keep_alive::KeepAlive;
use super::relay::Relay;
use super::server::{HOST, Reply, Server, Speaks, reply};
use crate::CachekitIo;
use futures_util::future::join_all;
use std::time::Duration;

const NEVER: Duration = Duration::from_secs(1000);
const SHORT: Duration = Duration::from_millis(50);
/// Longer than a living connection takes for a ping, on a busy machine too.
const PATIENCE: Duration = Duration::from_millis(500);

/// No pings and no ends, unless a test says so.
const QUIET: KeepAlive = KeepAlive {
    ping_interval: NEVER,
    ping_timeout: NEVER,
    wake_timeout: NEVER,
    idle_timeout: NEVER,
};

async fn get(client: &CachekitIo) -> bytes::Bytes {
    client.get("k").await.unwrap().unwrap().into_value()
}

fn client(server: &Server, keep_alive: KeepAlive) -> CachekitIo {
    server.builder().keep_alive(keep_alive).build().unwrap()
}

async fn relayed(server: &Server, keep_alive: KeepAlive) -> (Relay, CachekitIo) {
    let relay = Relay::to(server).await;
    let url = format!("https://{HOST}:{}", relay.port);
    let builder = server.builder().api_url(url).timeout(Duration::from_secs(60));
    (relay, builder.keep_alive(keep_alive).build().unwrap())
}

#[test]
fn idle_connections_end_before_the_service_ends_them() {
    assert_eq!(KeepAlive::DEFAULT.idle_timeout, Duration::from_secs(390));
    assert!(KeepAlive::DEFAULT.ping_interval < KeepAlive::DEFAULT.idle_timeout);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_the_next_request_opens_another() {
    for speaks in [Speaks::H2, Speaks::H1] {
        let server = Server::start(speaks, 1000, |_| reply(200, "v"));
        let client = client(&server, KeepAlive { idle_timeout: SHORT, ..QUIET });
        for round in 1..=3 {
            assert_eq!(get(&client).await, "v");
            assert_eq!(server.connections(), round);
            // It ends by itself: the client is still there.
            server.open(0).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_an_idle_connection_costs_no_request() {
    let server = Server::new(|_| reply(200, r#"{"lock_id":null}"#));
    let idle_timeout = Duration::from_millis(3);
    let client = client(&server, KeepAlive { idle_timeout, ..QUIET });
    for round in 0..300_u64 {
        // Around the moment when the connection ends.
        tokio::time::sleep(Duration::from_micros(2000 + 10 * (round % 200))).await;
        // Asked for once: it would fail with the connection.
        assert!(client.acquire_lock("k", SHORT).await.unwrap().is_none());
    }
    assert!(server.connections() > 1);
}

#[tokio::test]
async fn a_connection_in_use_is_not_idle() {
    let server = Server::new(|_| Reply::Stall);
    let keep_alive =
        KeepAlive { ping_interval: Duration::from_millis(5), ping_timeout: NEVER, ..QUIET };
    let client =
        client(&server, KeepAlive { idle_timeout: Duration::from_millis(5), ..keep_alive });
    // Many intervals and idle times long.
    let patient = client.with_timeout(Duration::from_millis(300));
    assert!(patient.get("k").await.unwrap_err().is_timeout());
    assert_eq!(server.seen().len(), 1, "it would have been repeated on another connection");
}

#[tokio::test]
async fn a_dead_connection_is_found_out_while_a_request_waits() {
    let server = Server::new(|seen| match seen.number {
        1 => Reply::Stall,
        _ => reply(200, "v"),
    });
    let keep_alive =
        KeepAlive { ping_interval: SHORT, ping_timeout: PATIENCE, wake_timeout: PATIENCE, ..QUIET };
    let (relay, client) = relayed(&server, keep_alive).await;
    assert_eq!(get(&client).await, "v");
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { get(&client).await }
    });
    while server.seen().len() < 2 {
        tokio::task::yield_now().await;
    }
    relay.forget();
    assert_eq!(waiting.await.unwrap(), "v");
    assert!(relay.accepted() > 1);
}

#[tokio::test]
async fn a_connection_that_died_in_its_sleep_costs_no_request() {
    let server = Server::new(|_| reply(200, "v"));
    // The pings of connections in use would never find out.
    let keep_alive = KeepAlive { ping_interval: SHORT, wake_timeout: PATIENCE, ..QUIET };
    let (relay, client) = relayed(&server, keep_alive).await;
    assert_eq!(get(&client).await, "v");
    // So long that no ping is under way any more, and the next request wakes it up.
    tokio::time::sleep(4 * SHORT).await;
    relay.forget();
    let values = join_all((0..10).map(|_| get(&client))).await;
    assert!(values.iter().all(|value| value == "v"));
    assert!(relay.accepted() > 1);
}

#[tokio::test]
async fn requests_do_not_wait_on_a_connection_in_doubt() {
    let server = Server::new(|_| reply(200, "v"));
    let (relay, client) = relayed(&server, QUIET).await;
    assert_eq!(get(&client).await, "v");
    relay.forget();
    // One request finds out, at its own cost.
    let hasty = client.with_timeout(Duration::from_millis(300));
    assert!(hasty.get("k").await.unwrap_err().is_timeout());
    assert_eq!(get(&client).await, "v");
    assert_eq!(relay.accepted(), 2);
}

#[tokio::test]
async fn tls_sessions_are_resumed() {
    for speaks in [Speaks::H2, Speaks::H1] {
        let server = Server::start(speaks, 1000, |_| reply(200, "v"));
        let client = client(&server, QUIET);
        assert_eq!(get(&client).await, "v");
        assert_eq!(server.resumed(), 0);
        for round in 1..=3 {
            server.hang_up();
            server.open(0).await;
            assert_eq!(get(&client).await, "v");
            assert_eq!((server.connections(), server.resumed()), (round + 1, round));
        }
    }
}

#[tokio::test]
async fn dropped_clients_leave_no_connection() {
    for speaks in [Speaks::H2, Speaks::H1] {
        let server = Server::start(speaks, 1000, |seen| {
            if seen.path.ends_with("stall") { Reply::Stall } else { reply(200, "v") }
        });
        let client = client(&server, QUIET);
        assert_eq!(get(&client).await, "v");
        let copy = client.clone();
        // A request that nobody waits for any more goes with them.
        let abandoned = tokio::spawn(async move { drop(copy.get("stall").await) });
        while server.seen().len() < 2 {
            tokio::task::yield_now().await;
        }
        abandoned.abort();
        drop(client);
        server.open(0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_connection_replaces_one_that_was_closed() {
    let server = Server::new(|_| reply(200, "v"));
    let client = client(&server, QUIET);
    for round in 1..=30 {
        let requests: Vec<_> = (0..64)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move { get(&client).await })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), "v");
        }
        assert_eq!(server.connections(), round);
        server.hang_up();
        server.open(0).await;
    }
}

#[tokio::test]
async fn who_looked_before_a_connection_was_there_dials_no_second() {
    for speaks in [Speaks::H2, Speaks::H1] {
        let server = Server::start(speaks, 1000, |_| reply(200, "v"));
        let client = client(&server, QUIET);
        assert_eq!(get(&client).await, "v");
        // That dial is over; this one comes from a look-up that began before it was.
        let pool = &client.shared.pool;
        for more in [false, true] {
            let mut outcome = pool.dial(client.shared.background.executor(), more);
            let made = outcome.wait_for(Option::is_some).await.unwrap().clone();
            assert!(matches!(made, Some(Ok(()))));
        }
        assert_eq!(server.connections(), 1);
    }
}
