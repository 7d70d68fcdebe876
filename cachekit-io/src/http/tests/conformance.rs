use super::server::{Reply, Seen, Server, Speaks, answer, reply, with};
use crate::conformance::{Subject, check_all};
use crate::wire::body::{LockRequest, LockResponse, TtlRequest, TtlResponse};
use crate::wire::header;
use crate::wire::path::{Part, Target, parse};
use crate::{
    Backend, BackendErrorKind, Expiry, Freshness, LockToken, Locks, ManualClock, MemoryBackend,
    SetOptions, TtlControl,
};
use http::Method;
use std::time::Duration;

/// The API over a store in memory.
fn api(store: &MemoryBackend, seen: &Seen) -> Reply {
    match parse(&seen.path) {
        Ok(Target::Health) => reply(200, r#"{"status":"ok","version":"7.1","new_field":1}"#),
        Ok(Target::Entry(key, part)) => pollster::block_on(entry(store, seen, &key, part)),
        Err(_) => reply(404, ""),
    }
}

async fn entry(store: &MemoryBackend, seen: &Seen, key: &str, part: Part) -> Reply {
    let seconds = |name| {
        let text = seen.header(name)?;
        Some(Duration::from_secs(text.parse().unwrap()))
    };
    let json = |body: &dyn Fn() -> String| reply(200, body());
    match (part, &seen.method) {
        (Part::Value, &Method::GET) => match store.get(key).await.unwrap() {
            None => reply(404, ""),
            Some(found) => {
                let is_fresh = found.freshness() == Freshness::Fresh;
                let label = if is_fresh { header::FRESH } else { header::STALE };
                let bound = found.fresh_for();
                let mut response = with(answer(200, found.into_value()), header::FRESHNESS, label);
                if let Some(bound) = bound {
                    response = with(response, header::FRESH_FOR, &bound.as_secs().to_string());
                }
                Reply::Answer(response)
            }
        },
        (Part::Value, &Method::HEAD) => {
            reply(if store.exists(key).await.unwrap() { 200 } else { 404 }, "")
        }
        (Part::Value, &Method::PUT) => {
            let mut options = SetOptions::new();
            options.ttl = seconds(header::TTL);
            options.stale_ttl = seconds(header::STALE_TTL);
            options.lock = seen.header(header::LOCK_ID).map(LockToken::new);
            match store.set(key, seen.body.clone(), &options).await {
                Ok(()) => reply(200, ""),
                Err(error) if error.kind() == BackendErrorKind::Superseded => reply(412, ""),
                Err(error) => reply(400, error.to_string()),
            }
        }
        (Part::Value, &Method::DELETE) => {
            store.delete(key).await.unwrap();
            reply(200, r#"{"success":true}"#)
        }
        (Part::Lock, &Method::POST) => {
            let wanted: LockRequest = serde_json::from_slice(&seen.body).unwrap();
            let lease = Duration::from_millis(wanted.timeout_ms);
            let token = store.try_acquire(key, lease).await.unwrap();
            let lock_id = token.map(|token| token.as_str().to_owned());
            json(&|| serde_json::to_string(&LockResponse { lock_id: lock_id.clone() }).unwrap())
        }
        (Part::Lock, &Method::DELETE) => {
            let token = LockToken::new(seen.header(header::LOCK_ID).unwrap());
            let released = store.release(key, &token).await.unwrap();
            reply(if released { 200 } else { 404 }, "")
        }
        (Part::Ttl, &Method::GET) => {
            let ttl = match store.expiry(key).await.unwrap() {
                Expiry::Absent => return reply(404, ""),
                Expiry::Never => None,
                Expiry::In(left) => Some(left.as_secs() + u64::from(left.subsec_nanos() > 0)),
            };
            json(&|| serde_json::to_string(&TtlResponse { ttl }).unwrap())
        }
        (Part::Ttl, &Method::PATCH) => {
            let wanted: TtlRequest = serde_json::from_slice(&seen.body).unwrap();
            let done = store.refresh(key, Duration::from_secs(wanted.ttl)).await.unwrap();
            let was_stale = !done && store.exists(key).await.unwrap();
            reply(if was_stale { 409 } else { 200 }, r#"{"success":true}"#)
        }
        _ => reply(405, ""),
    }
}

fn keeps_the_contract(speaks: Speaks) {
    let hands = ManualClock::new();
    let store = MemoryBackend::builder().clock(hands.clock()).build();
    let server = Server::start(speaks, 100, move |seen| api(&store, seen));
    let client = server.client();
    let subject = Subject::new(&client).with_lock_fencing().advance(move |by| {
        hands.advance(by);
        std::future::ready(())
    });
    pollster::block_on(check_all(&subject)).assert_passed();
}

#[test]
fn the_contract_is_kept_over_http_2() {
    keeps_the_contract(Speaks::H2);
}

#[test]
fn the_contract_is_kept_over_http_1() {
    keeps_the_contract(Speaks::H1);
}
