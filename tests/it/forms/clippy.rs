//! Lints of clippy in the user's crate. What is tested here is that clippy has nothing to say.

#![forbid(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::todo,
    clippy::trivially_copy_pass_by_ref,
    clippy::type_complexity,
    clippy::unwrap_used
)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]

use std::borrow::Cow;

use cachekit::testing::isolate;
use cachekit::{Cache, cache};
use cachekit_tests::block_on;

#[cache(ttl = 60)]
fn plain(x: u64) -> u64 {
    x
}

#[cache(ttl(ok = 60, err = 5), if = |v| *v > 0, weight = |_, _| 1, capacity = 10)]
pub(super) fn ruled(a: u8, b: bool, _trace: u32, d: char) -> Result<u8, String> {
    if b && d == 'x' { Ok(a) } else { Err(d.to_string()) }
}

#[cache(key = (text.len(), first, bb))]
fn seven(
    text: Cow<'_, str>,
    first: Option<&u8>,
    bb: u8,
    cc: u8,
    dd: u8,
    ee: u8,
    ff: u8,
) -> Option<String> {
    first.map(|first| text.into_owned() + &(first + bb + cc + dd + ee + ff).to_string())
}

#[cache(ttl = 60, stale = 5)]
async fn later(name: &str, (a, b): (u8, u8)) -> usize {
    std::future::ready(()).await;
    name.len() + usize::from(a + b)
}

struct Shop {
    tenant: u64,
    own: Cache<u64, u64>,
}

impl Shop {
    #[cache(self = key(self.tenant))]
    pub(super) fn to_price(&self, item: u64, _trace: &str) -> u64 {
        self.tenant * item
    }

    #[cache(in = self.own)]
    fn own(&self, item: u64) -> u64 {
        self.tenant + item
    }
}

#[test]
fn clippy_has_nothing_to_say() {
    let _test = isolate();
    assert_eq!(
        (plain(1), ruled(1, true, 0, 'x'), ruled::contains(&1, &true, &0, &'x')),
        (1, Ok(1), true)
    );
    assert_eq!(seven(Cow::Borrowed("a"), Some(&1), 1, 1, 1, 1, 1).as_deref(), Some("a6"));
    assert_eq!(block_on(later("a", (1, 2))), 4);
    let shop = Shop { tenant: 2, own: Cache::new(3) };
    assert_eq!((shop.to_price(4, ""), shop.own(4)), (8, 6));
    assert!(shop.to_price_cache(&4, "").contains());
}
