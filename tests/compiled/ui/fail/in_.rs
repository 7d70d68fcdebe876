//! With `in`, the cache is the user's, and so is what belongs to it.

use std::sync::LazyLock;

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

    #[cache(in = USERS)]
    fn of_all_objects(&self, id: u64) -> String {
        id.to_string()
    }

    #[cache(in)]
    fn nothing(&self, id: u64) -> String {
        id.to_string()
    }
}

static USERS: LazyLock<Cache<u64, String>> = LazyLock::new(|| Cache::new(10));

trait Named {
    const NAME: &str;

    #[cache(in = USERS, self = shared)]
    fn of_all_implementors(&self, id: u64) -> String {
        format!("{}{id}", Self::NAME)
    }
}

struct Of<T, const N: usize>(T);

impl<T: Named, const N: usize> Of<T, N> {
    #[cache(in = USERS)]
    fn of_all_types(id: u64) -> String {
        format!("{}{N}{id}", T::NAME)
    }

    #[cache(in = USERS, key = id, self = key(self.0.id()))]
    fn of_all_types_with_a_key(&self, id: u64, _other: u8) -> String {
        format!("{}{N}{id}", T::NAME)
    }

    #[cache(in = USERS, skip(log))]
    fn of_some_types(id: [u64; N], log: &mut String) -> String {
        log.push_str(T::NAME);
        format!("{}{id:?}", T::NAME)
    }
}

fn main() {}
