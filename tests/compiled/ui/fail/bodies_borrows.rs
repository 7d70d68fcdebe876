//! Mistakes in the body of a function that only the borrow checker sees.

use cachekit::cache;

struct Shop {
    items: Vec<u64>,
}

#[cache]
fn moved(name: String) -> String {
    drop(name);
    name
}

#[cache]
async fn escaping(name: &str) -> usize {
    let kept: &'static str = name;
    kept.len()
}

#[cache]
fn immutable(count: u64) -> u64 {
    count += 1;
    count
}

impl Shop {
    #[cache(self = shared)]
    fn moved_out(&self) -> Vec<u64> {
        self.items
    }
}

#[cache]
async fn for_one_thread(id: u64) -> u64 {
    let count = std::rc::Rc::new(id);
    std::future::ready(()).await;
    *count
}

fn needs_send(_: impl Send) {}

fn main() {
    needs_send(for_one_thread(1));
}
