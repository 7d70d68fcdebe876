//! Sync methods and associated functions.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use cachekit::testing::isolate;
use cachekit::{Instance, InstanceId, cache};
use cachekit_tests::Runs;

static RUNS: Runs = Runs::new();

#[derive(Clone, Debug, Default)]
struct Shop {
    id: InstanceId,
    name: String,
    factor: u32,
}

impl Shop {
    fn new(name: &str, factor: u32) -> Self {
        Self { id: InstanceId::new(), name: name.to_owned(), factor }
    }

    fn run(&self, n: u32) -> u32 {
        RUNS.add();
        self.factor * n
    }

    #[cache(self = shared)]
    pub(crate) fn shared(&self, n: u32) -> u32 {
        self.run(n)
    }

    #[cache(self = instance)]
    pub(crate) fn own(&self, n: u32) -> u32 {
        self.run(n)
    }

    #[cache(self = key(&self.name))]
    pub(crate) fn by_name(&self, n: u32) -> u32 {
        self.run(n)
    }

    #[cache(key = (self.factor, n % 10))]
    pub(crate) fn by_key(&self, n: u32) -> u32 {
        self.run(n)
    }

    #[cache(self = key(self.factor))]
    fn private(&self, n: u32) -> u32 {
        self.run(n)
    }

    #[cache(self = key(self.factor), name = named_cache)]
    fn named(&self, n: u32) -> u32 {
        self.run(n)
    }

    #[cache(self = key(self.factor))]
    pub(crate) fn exclusive(&mut self, n: u32) -> u32 {
        self.name.push('+');
        self.run(n)
    }

    #[cache(self = key(self.factor))]
    pub(crate) fn counted(self: Arc<Self>, n: u32) -> u32 {
        self.run(n)
    }

    #[cache(self = instance)]
    pub(crate) fn counted_own(self: &Arc<Self>, n: u32) -> u32 {
        self.run(n)
    }

    #[cache(self = key(self.factor))]
    pub(crate) fn boxed(self: Box<Self>, n: u32) -> u32 {
        self.run(n)
    }

    #[cache(self = key(&self.name))]
    pub(crate) fn consumed(self, n: u32) -> String {
        RUNS.add();
        format!("{}{n}", self.name)
    }

    #[cache(self = key(&self.name))]
    pub(crate) fn consumed_mutably(mut self, n: u32) -> String {
        RUNS.add();
        self.name.push('!');
        format!("{}{n}", self.name)
    }

    #[cache]
    pub(crate) fn founded(n: u32) -> Self {
        RUNS.add();
        Self { factor: n, ..Self::default() }
    }
}

// The cache needs it of values that may leave the process; an identity stays behind.
impl serde::Serialize for Shop {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.name, self.factor).serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Shop {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, factor): (String, u32) = serde::Deserialize::deserialize(deserializer)?;
        Ok(Self { id: InstanceId::new(), name, factor })
    }
}

impl Instance for Shop {
    fn instance(&self) -> &InstanceId {
        &self.id
    }
}

#[test]
fn shared_methods_answer_for_every_object() {
    let _test = isolate();
    assert_eq!((Shop::new("a", 2).shared(5), Shop::new("b", 3).shared(5)), (10, 10));
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn instances_keep_to_themselves() {
    let _test = isolate();
    let (a, b) = (Shop::new("a", 2), Shop::new("a", 3));
    for _ in 0..2 {
        assert_eq!((a.own(5), b.own(5)), (10, 15));
    }
    assert_eq!(RUNS.take(), 2);
    // A clone may change on its own, so it starts with nothing.
    a.clone().own(5);
    assert_eq!(RUNS.take(), 1);
    // A new object is never served what a dropped one left behind, wherever it lies in memory.
    for factor in 0..100 {
        assert_eq!(Shop::new("a", factor).own(5), factor * 5);
    }
}

#[test]
fn part_of_the_object_in_the_key() {
    let _test = isolate();
    let (a, also_a, b) = (Shop::new("a", 2), Shop::new("a", 3), Shop::new("b", 4));
    assert_eq!((a.by_name(1), also_a.by_name(1), b.by_name(1)), (2, 2, 4));
    assert_eq!((a.by_key(1), a.by_key(11), also_a.by_key(1)), (2, 2, 3));
    assert_eq!((a.private(1), a.private(1), a.named(1), a.named(1)), (2, 2, 2, 2));
    assert_eq!(RUNS.take(), 6);
}

#[test]
fn every_kind_of_receiver() {
    let _test = isolate();
    let mut shop = Shop::new("x", 2);
    assert_eq!((shop.exclusive(1), shop.exclusive(1)), (2, 2));
    assert_eq!(shop.name, "x+", "the body ran once, and what it did to `self` was done");
    let counted = Arc::new(shop.clone());
    assert_eq!((Arc::clone(&counted).counted(1), Arc::clone(&counted).counted(1)), (2, 2));
    assert_eq!((counted.counted_own(1), counted.counted_own(1)), (2, 2));
    assert_eq!((Box::new(shop.clone()).boxed(1), Box::new(shop.clone()).boxed(1)), (2, 2));
    assert_eq!((shop.clone().consumed(1), shop.clone().consumed(1)), ("x+1".into(), "x+1".into()));
    let twice = (shop.clone().consumed_mutably(1), shop.clone().consumed_mutably(1));
    assert_eq!(twice, ("x+!1".into(), "x+!1".into()));
    assert_eq!(Shop::founded(3).factor + Shop::founded(3).factor, 6);
    assert_eq!(RUNS.take(), 7);
}

#[test]
fn handles_stand_beside_methods() {
    let _test = isolate();
    let (a, b) = (Shop::new("a", 2), Shop::new("b", 3));
    a.own(5);
    b.own(5);
    assert_eq!((a.own_cache(&5).peek(), b.own_cache(&5).peek()), (Some(10), Some(15)));
    assert!(a.own_cache(&5).invalidate().was_cached());
    assert_eq!((a.own_cache(&5).peek(), b.own_cache(&5).peek()), (None, Some(15)));
    a.own_cache(&5).set(1);
    assert_eq!((a.own(5), b.own(5)), (1, 15));
    assert_eq!(a.own_cache(&5).refresh(|| a.own(5)), 10);
    assert_eq!(a.own_cache(&5).key(), a.own_cache(&5).key());
    assert_ne!(a.own_cache(&5).key(), b.own_cache(&5).key());
    assert_eq!(a.named_cache(&5).peek(), None);
    a.named(5);
    assert_eq!((a.named_cache(&5).peek(), b.named_cache(&5).peek()), (Some(10), None));
    assert_eq!(a.named_cache(&5).stats().misses, 1);
    a.by_key(7);
    assert!(a.by_key_cache(&17).contains());
    Shop::founded(4);
    assert_eq!(Shop::founded_cache(&4).peek().map(|shop| shop.factor), Some(4));
    a.own_cache(&5).clear().ignore();
    assert!(!b.own_cache(&5).contains());
}

trait Tag {
    const NAME: &'static str;
}

struct Left;
struct Right;

impl Tag for Left {
    const NAME: &'static str = "left";
}

impl Tag for Right {
    const NAME: &'static str = "right";
}

struct Repository<T>(PhantomData<T>);

impl<T: Tag> Repository<T> {
    const NEW: Self = Self(PhantomData);

    #[cache(self = shared)]
    pub(crate) fn method(&self, n: u32) -> String {
        format!("{}{n}", T::NAME)
    }

    #[cache(self = shared)]
    fn private_method(&self, n: u32) -> String {
        format!("{}{n}", T::NAME)
    }

    // Nothing in this text says that it depends on `T`: no receiver, no `Self`.
    #[cache(self = shared)]
    pub(crate) fn associated(n: u32) -> String {
        format!("{}{n}", T::NAME)
    }

    #[cache(self = shared)]
    fn private_associated(n: u32) -> String {
        format!("{}{n}", T::NAME)
    }

    #[cache(self = shared)]
    pub(crate) fn generic_too<U: Tag, const N: usize>(&self, n: u32) -> String {
        format!("{}{}{N}{n}", T::NAME, U::NAME)
    }
}

#[test]
fn instantiations_of_an_impl_share_nothing() {
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!(Repository::<Left>::NEW.method(1), "left1");
        assert_eq!(Repository::<Right>::NEW.method(1), "right1");
        assert_eq!(Repository::<Left>::NEW.private_method(1), "left1");
        assert_eq!(Repository::<Right>::NEW.private_method(1), "right1");
        assert_eq!(Repository::<Left>::associated(1), "left1");
        assert_eq!(Repository::<Right>::associated(1), "right1");
        assert_eq!(Repository::<Left>::private_associated(1), "left1");
        assert_eq!(Repository::<Right>::private_associated(1), "right1");
        assert_eq!(Repository::<Left>::NEW.generic_too::<Right, 1>(1), "leftright11");
        assert_eq!(Repository::<Right>::NEW.generic_too::<Left, 1>(1), "rightleft11");
        assert_eq!(Repository::<Right>::NEW.generic_too::<Left, 2>(1), "rightleft21");
    }
    let stats = Repository::<Left>::NEW.method_cache(&1).stats();
    assert_eq!((stats.misses, stats.hits), (2, 2), "of all instantiations together");
    Repository::<Left>::associated_cache(&1).invalidate().ignore();
    assert!(!Repository::<Left>::associated_cache(&1).contains());
    assert!(Repository::<Right>::associated_cache(&1).contains());
    assert!(Repository::<Right>::NEW.generic_too_cache::<Left, 2>(&1).contains());
    assert!(!Repository::<Right>::NEW.generic_too_cache::<Right, 2>(&1).contains());
}

trait Named {
    fn name(&self) -> String;

    /// A default method runs for every implementor, each with its own entries.
    #[cache(self = key(self.name()))]
    fn greeting(&self, times: u32) -> String {
        RUNS.add();
        format!("{} {}", self.name(), times)
    }

    #[cache(self = shared)]
    fn type_name(&self) -> String {
        RUNS.add();
        std::any::type_name::<Self>().rsplit("::").next().unwrap_or_default().to_owned()
    }

    #[cache(self = shared)]
    fn made(n: u32) -> String
    where
        Self: Sized,
    {
        RUNS.add();
        format!("{}{n}", std::any::type_name::<Self>().rsplit("::").next().unwrap_or_default())
    }
}

struct Dog(&'static str);
struct Cat;

impl Named for Dog {
    fn name(&self) -> String {
        self.0.to_owned()
    }
}

impl Named for Cat {
    #[cache(self = shared)]
    fn name(&self) -> String {
        RUNS.add();
        "cat".to_owned()
    }
}

impl<T: Named> Named for Vec<T> {
    #[cache(self = key(self.iter().map(Named::name).collect::<Vec<_>>()))]
    fn name(&self) -> String {
        RUNS.add();
        self.iter().map(Named::name).collect::<Vec<_>>().join("+")
    }
}

#[test]
fn methods_of_traits() {
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!(Cat.name(), "cat");
        assert_eq!(Dog("rex").greeting(1), "rex 1");
        assert_eq!(Dog("leo").greeting(1), "leo 1");
        assert_eq!(Cat.greeting(1), "cat 1");
        assert_eq!((Cat.type_name(), Dog("").type_name()), ("Cat".into(), "Dog".into()));
        assert_eq!((Cat::made(1), Dog::made(1)), ("Cat1".into(), "Dog1".into()));
        assert_eq!(vec![Dog("a"), Dog("b")].name(), "a+b");
        assert_eq!(vec![Cat, Cat].name(), "cat+cat");
    }
    // One run each: name, three greetings, two type names, two made, two of vectors.
    assert_eq!(RUNS.take(), 10);
}

#[test]
fn trait_objects() {
    let _test = isolate();
    // A cat called like the dog has entries of its own: the type of `Self` counts as well.
    struct Namesake;
    impl Named for Namesake {
        fn name(&self) -> String {
            "rex".to_owned()
        }
        #[cache(self = shared)]
        fn greeting(&self, times: u32) -> String {
            format!("meow {times}")
        }
    }
    let all: [&dyn Named; 3] = [&Dog("rex"), &Namesake, &Cat];
    for _ in 0..2 {
        assert_eq!(all.map(|named| named.greeting(2)), ["rex 2", "meow 2", "cat 2"]);
    }
}

#[test]
fn methods_with_impl_trait_arguments() {
    struct Printer;
    impl Printer {
        #[cache(self = shared)]
        pub(crate) fn shown(
            &self,
            value: impl Debug + ToString + cachekit::key::CacheKey<Owned: serde::Serialize>,
        ) -> String {
            RUNS.add();
            format!("{value:?}")
        }
    }
    let _test = isolate();
    assert_eq!(
        (Printer.shown(1), Printer.shown(1), Printer.shown("1")),
        ("1".into(), "1".into(), "\"1\"".into())
    );
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn set_values_whose_options_need_a_call_only_outdate() {
    struct Prices;
    impl Prices {
        #[cache(self = shared, skip(limit), ttl = limit * 2)]
        fn limited(&self, n: u32, limit: u64) -> u32 {
            n
        }
    }
    let _test = isolate();
    Prices.limited(1, 10);
    Prices.limited_cache(&1).set(70);
    assert_eq!(Prices.limited_cache(&1).peek(), None);
}
