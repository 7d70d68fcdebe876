//! No generated attribute sets a lint's level, which would be an error where the crate forbids the lint; and none of these
//! lints has anything to say about generated code. (`non_upper_case_globals` is missing: the crate that lists the functions
//! allows it.)

#![deny(warnings)]
#![forbid(
    dead_code,
    deprecated,
    elided_lifetimes_in_paths,
    keyword_idents,
    let_underscore_drop,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    non_ascii_idents,
    non_camel_case_types,
    non_snake_case,
    private_bounds,
    private_interfaces,
    redundant_imports,
    redundant_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unreachable_code,
    unreachable_pub,
    unsafe_code,
    unused_assignments,
    unused_braces,
    unused_imports,
    unused_import_braces,
    unused_lifetimes,
    unused_macros,
    unused_must_use,
    unused_mut,
    unused_parens,
    unused_qualifications,
    unused_results,
    unused_variables,
    variant_size_differences
)]

use cachekit::{Cache, Instance, InstanceId, cache};

/// A public function of a public module.
pub mod public {
    use cachekit::cache;

    /// Documented.
    #[cache(ttl = 60, capacity = 10 * 5)]
    pub fn documented(n: u32, _ignored: &str) -> u32 {
        n
    }

    /// Documented.
    #[cache(vis = pub(crate), name = others)]
    #[must_use]
    pub async fn other((a, b): (u32, u32), mut c: u32) -> Option<u32> {
        c += a + b;
        Some(c)
    }
}

mod private {
    use cachekit::cache;

    #[cache(key = a)]
    pub(crate) fn keyed(a: u32, b: u32, (c, d): (u32, u32)) -> u32 {
        a + b + c + d
    }

    #[cache(key = a, stale = 5, ttl = 60)]
    pub(super) async fn later(a: u32, b: u32) -> u32 {
        a + b
    }
}

#[cache(ttl = |value| *value, if = |value| *value > 0, weight = |_, _| 1)]
fn ruled(n: u32) -> u32 {
    n
}

#[cache(ttl(ok = 60, err = 5), key = (n.len(), m))]
fn fallible<'a>(n: &'a str, m: Option<&'a str>) -> Result<u32, String> {
    let _ = m;
    n.parse().map_err(|_| n.to_owned())
}

#[cache::local]
fn generic<T: Copy + Into<u32> + std::hash::Hash + Eq + Send + Sync + 'static>(n: T) -> u32 {
    n.into()
}

#[cache::local]
fn unit(_: u32) -> () {}

/// A shop.
#[derive(Debug)]
pub struct Shop {
    id: InstanceId,
    own: Cache<u32, u32>,
}

impl Instance for Shop {
    fn instance(&self) -> &InstanceId {
        &self.id
    }
}

impl Shop {
    /// Documented.
    #[cache(self = instance)]
    pub fn price(&self, n: u32) -> u32 {
        n
    }

    /// Documented.
    #[cache(self = shared)]
    pub async fn later(&mut self, n: u32) -> u32 {
        n
    }

    #[cache(ttl = 60, stale = 5, self = shared, skip(_))]
    async fn hidden_later(self: std::sync::Arc<Self>, n: u32, _: u8) -> u32 {
        n
    }

    #[cache(in = self.own)]
    fn kept(&self, n: u32) -> u32 {
        n
    }
}

fn shop() -> Shop {
    Shop { id: InstanceId::new(), own: Cache::new(1) }
}

fn main() {
    assert_eq!(public::documented(1, ""), 1);
    drop(public::other((1, 2), 3));
    assert_eq!(private::keyed(1, 2, (3, 4)), 10);
    drop(private::later(1, 2));
    assert_eq!((ruled(1), fallible("1", None), generic(1_u8)), (1, Ok(1), 1));
    unit(1);
    let mut shop_of_ours = shop();
    assert_eq!((shop_of_ours.price(1), shop_of_ours.kept(1)), (1, 1));
    drop(shop_of_ours.later(1));
    drop(std::sync::Arc::new(shop()).hidden_later(1, 2));
}
