//! `in = STATIC`: one cache for all objects and types, whose key says what tells their entries apart.

use std::sync::LazyLock;

use cachekit::{Cache, Instance, InstanceId, cache};

struct Shop {
    id: InstanceId,
    tenant: u32,
}

impl Instance for Shop {
    fn instance(&self) -> &InstanceId {
        &self.id
    }
}

static BY_TENANT: LazyLock<Cache<(u32, u32), u32>> = LazyLock::new(|| Cache::new(10));
static BY_SHOP: LazyLock<Cache<(u64, u32), u32>> = LazyLock::new(|| Cache::new(10));
static OF_ALL: LazyLock<Cache<u32, u32>> = LazyLock::new(|| Cache::new(10));

impl Shop {
    fn new(tenant: u32) -> Self {
        Self { id: InstanceId::new(), tenant }
    }

    #[cache::local(in = BY_TENANT, self = key(self.tenant))]
    fn price(&self, item: u32) -> u32 {
        self.tenant * item
    }

    #[cache::local(in = BY_TENANT, key = (self.tenant, item))]
    fn price_by_key(&self, item: u32) -> u32 {
        self.tenant * item
    }

    #[cache::local(in = BY_SHOP, self = instance)]
    async fn own_price(&self, item: u32) -> u32 {
        self.tenant * item
    }

    #[cache::local(in = OF_ALL, self = shared)]
    fn list_price(&self, item: u32) -> u32 {
        item * 100
    }
}

#[test]
fn the_key_tells_objects_apart() {
    let (one, two) = (Shop::new(1), Shop::new(2));
    assert_eq!((one.price(4), two.price(4)), (4, 8));
    assert_eq!((BY_TENANT.get(&(1, 4)), BY_TENANT.get(&(2, 4))), (Some(4), Some(8)));
    BY_TENANT.insert((2, 4), 9);
    assert_eq!((one.price_by_key(4), two.price_by_key(4)), (4, 9));
    let own = |shop: &Shop| cachekit_tests::block_on(shop.own_price(4));
    assert_eq!((own(&one), own(&two), own(&one)), (4, 8, 4));
    assert_eq!((BY_SHOP.len(), BY_SHOP.stats().hits), (2, 1));
    assert_eq!((one.list_price(4), two.list_price(4), OF_ALL.len()), (400, 400, 1));
}

trait Currency {
    const NAME: &'static str;
    const RATE: u32;

    #[cache::local(in = BY_CURRENCY, key = (Self::NAME, amount))]
    fn convert(amount: u32) -> u32 {
        amount * Self::RATE
    }

    #[cache::local(in = ROUNDED, skip(Self))]
    fn rounded(amount: u32) -> u32 {
        amount / 10 * 10
    }
}

static BY_CURRENCY: LazyLock<Cache<(String, u32), u32>> = LazyLock::new(|| Cache::new(10));
static ROUNDED: LazyLock<Cache<u32, u32>> = LazyLock::new(|| Cache::new(10));

struct Euro;
struct Yen;

impl Currency for Euro {
    const NAME: &'static str = "EUR";
    const RATE: u32 = 1;
}

impl Currency for Yen {
    const NAME: &'static str = "JPY";
    const RATE: u32 = 160;
}

struct Account<C>(C);

impl<C: Currency> Account<C> {
    #[cache::local(in = BY_CURRENCY, self = shared, key = (C::NAME, amount))]
    fn fee(&self, amount: u32) -> u32 {
        let _ = &self.0;
        amount + C::RATE
    }
}

#[test]
fn the_key_tells_types_apart() {
    assert_eq!((Euro::convert(5), Yen::convert(5)), (5, 800));
    assert_eq!(BY_CURRENCY.get(&("JPY".to_owned(), 5)), Some(800));
    assert_eq!((Euro::rounded(57), Yen::rounded(57), ROUNDED.len()), (50, 50, 1));
    assert_eq!((Account(Euro).fee(7), Account(Yen).fee(7)), (8, 167));
}
