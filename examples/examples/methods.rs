//! Methods, traits and generics.
//!
//! A method must say what `self` means for its key, because a silent default would serve the results
//! of one object to another: `self = shared`, `self = instance` or `self = key(…)`.

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use cachekit::{Instance, InstanceId, cache};

struct Shop {
    id: InstanceId,
    tenant: u32,
    discount: u32,
    requests: AtomicU32,
}

/// What `self = instance` needs: an identity that no other object ever has. (The next object could
/// reuse an address.)
impl Instance for Shop {
    fn instance(&self) -> &InstanceId {
        &self.id
    }
}

impl Shop {
    fn new(tenant: u32, discount: u32) -> Self {
        Self { id: InstanceId::new(), tenant, discount, requests: AtomicU32::new(0) }
    }

    /// All shops share these entries.
    #[cache(ttl = 60, self = shared)]
    fn vat(&self, country: &str) -> u32 {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if country == "AT" { 20 } else { 19 }
    }

    /// Every object has its own entries. They never leave the process. A method with a visibility or
    /// with `name = …` has a companion: here `price_cache`.
    #[cache(ttl = 60, self = instance)]
    pub(crate) fn price(&self, item: u32) -> u32 {
        item * 100 - self.discount
    }

    /// Objects of one tenant share their entries.
    #[cache(ttl = 60, self = key(self.tenant))]
    pub(crate) async fn stock(&self, item: u32) -> u32 {
        self.tenant * 1_000 + item
    }

    /// An associated function has no `self` argument; it has a companion as well.
    #[cache(ttl = 60, self = shared)]
    pub(crate) fn currency(country: &str) -> String {
        if country == "CH" { "CHF".to_owned() } else { "EUR".to_owned() }
    }
}

trait Quote {
    fn quote(&self, amount: u32) -> String;
}

/// The methods of a trait implementation have no companion: an `impl` of a trait has no room for one.
impl Quote for Shop {
    #[cache(self = key(self.discount))]
    fn quote(&self, amount: u32) -> String {
        format!("{} EUR", amount - self.discount)
    }
}

/// A generic function: every instantiation has its own cache. `T` must meet the bounds of a cached
/// value.
#[cache::local]
fn parse<T: FromStr + Clone + Send + Sync + 'static>(text: &str) -> Option<T> {
    text.parse().ok()
}

struct Matrix<const N: usize>([[u8; N]; N]);

/// A method in a generic `impl`.
impl<const N: usize> Matrix<N> {
    #[cache(self = shared)]
    pub(crate) fn cells(&self) -> usize {
        self.0.as_flattened().len()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (a, b) = (Shop::new(1, 5), Shop::new(1, 10));

    assert_eq!((a.vat("AT"), b.vat("AT")), (20, 20));
    assert_eq!((a.requests.load(Ordering::Relaxed), b.requests.load(Ordering::Relaxed)), (1, 0));
    assert_eq!((a.price(3), b.price(3)), (295, 290));
    assert_eq!((a.stock(3).await, b.stock(3).await), (1_003, 1_003));
    println!("stock:    {}", a.stock_cache(&3).stats());
    assert_eq!(a.stock_cache(&3).stats().hits, 1);

    // The handle of one call: read, replace, remove or recompute its entry.
    let entry = a.price_cache(&3);
    assert_eq!(entry.peek(), Some(295));
    entry.set(200);
    assert_eq!((a.price(3), b.price(3)), (200, 290));
    assert_eq!(entry.refresh(|| a.price(3)), 295);
    assert!(entry.invalidate().was_cached());
    println!("price:    {}", entry.stats());

    assert_eq!(Shop::currency("CH"), "CHF");
    assert_eq!(Shop::currency_cache("CH").peek(), Some("CHF".to_owned()));

    assert_eq!((a.quote(100), b.quote(100)), ("95 EUR".to_owned(), "90 EUR".to_owned()));

    assert_eq!((parse::<u8>("300"), parse::<u16>("300")), (None, Some(300)));
    assert_eq!(
        (parse::peek::<u8>("300"), parse::peek::<u16>("300")),
        (Some(None), Some(Some(300)))
    );
    assert_eq!(parse::stats().misses, 2);
    println!("parse:    {}", parse::stats());

    assert_eq!((Matrix([[0; 2]; 2]).cells(), Matrix([[0; 3]; 3]).cells()), (4, 9));
    assert_eq!(Matrix([[0; 3]; 3]).cells_cache().peek(), Some(9));
}
