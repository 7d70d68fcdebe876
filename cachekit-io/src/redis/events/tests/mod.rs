mod channel;
mod copies;
mod groups;
mod message;
mod proof;
mod tracking;

use crate::{
    Backend, FenceToken, InvalidationEvent, Redis, RedisBuilder, SetOptions, Subscription,
};
use bytes::Bytes;
use cachekit_test_servers::{Node, eventually};
use pollster::block_on;
use std::sync::{Arc, Mutex};

fn client(node: &Node) -> Redis {
    built(Redis::builder().url(node.url()))
}

fn built(builder: RedisBuilder) -> Redis {
    builder.build().unwrap()
}

/// What a listener heard.
struct Heard {
    events: Arc<Mutex<Vec<InvalidationEvent>>>,
    _subscription: Subscription,
}

impl Heard {
    /// Subscribes, and waits until the backend listens.
    fn by(redis: &Redis) -> Self {
        // What is read before the subscription is in doubt, and that is told.
        get(redis, "read before");
        let heard = Self::from_the_start(redis);
        heard.wait_for("the first gap", &InvalidationEvent::Gap);
        heard.forget();
        heard
    }

    fn from_the_start(redis: &Redis) -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&events);
        let subscription =
            redis.events().unwrap().subscribe(Arc::new(move |event: &InvalidationEvent| {
                log.lock().unwrap().push(event.clone());
            }));
        Self { events, _subscription: subscription }
    }

    fn forget(&self) {
        self.events.lock().unwrap().clear();
    }

    fn has(&self, event: &InvalidationEvent) -> bool {
        self.events.lock().unwrap().contains(event)
    }

    fn about(&self, key: &str) -> usize {
        self.events.lock().unwrap().iter().filter(|event| event.key() == Some(key)).count()
    }

    fn wait_for(&self, what: &str, event: &InvalidationEvent) {
        eventually(what, || {
            let heard = || format!("heard {:?}", self.events.lock().unwrap());
            if self.has(event) { Ok(()) } else { Err(heard()) }
        });
    }

    fn wait_for_change(&self, key: &str) {
        self.wait_for(key, &InvalidationEvent::Deleted { key: key.into() });
    }
}

fn set(redis: &Redis, key: &str, value: &'static str) {
    block_on(redis.set(key, Bytes::from_static(value.as_bytes()), &SetOptions::new())).unwrap();
}

fn fence(redis: &Redis, key: &str) -> FenceToken {
    block_on(redis.fencing().unwrap().fence(key)).unwrap()
}

fn fill(redis: &Redis, key: &str, value: &'static str, fence: &FenceToken) -> bool {
    let value = Bytes::from_static(value.as_bytes());
    let fencing = redis.fencing().unwrap();
    block_on(fencing.set_fenced(key, value, &SetOptions::new(), fence)).unwrap()
}

fn get(redis: &Redis, key: &str) -> Option<Bytes> {
    block_on(redis.get(key)).unwrap().map(|found| found.value().clone())
}

/// Reads until the server answers again.
fn get_again(redis: &Redis, key: &str) {
    eventually("the server answers", || {
        block_on(redis.get(key)).map_err(|error| error.to_string())
    });
}

/// The key is read, then changed by another client, and that is told.
fn is_told(redis: &Redis, heard: &Heard, key: &str, change: impl FnOnce()) {
    get_again(redis, key);
    heard.forget();
    change();
    heard.wait_for_change(key);
}
