//! With `in`, the cache is the user's, and so is what belongs to it.

use cachekit::{Cache, cache};

struct Repo {
    users: Cache<u64, String>,
}

impl Repo {
    #[cache(in = self.users, capacity = 5, weight = |_, _| 1)]
    fn settings(&self, id: u64) -> String {
        id.to_string()
    }

    #[cache(in = self.users, name = user_cache, vis = pub)]
    fn companions(&self, id: u64) -> String {
        id.to_string()
    }

    #[cache(in = self.users, namespace = "shop", version = 2)]
    fn shared_tier(&self, id: u64) -> String {
        id.to_string()
    }

    #[cache(in = self.users, self = shared)]
    fn receiver(&self, id: u64) -> String {
        id.to_string()
    }

    #[cache(in)]
    fn nothing(&self, id: u64) -> String {
        id.to_string()
    }
}

fn main() {}
