//! Functions of an `impl` or a `trait` whose tokens do not show that they are: no receiver, no `Self`, no `self = …`.

use std::marker::PhantomData;

use cachekit::cache;
use cachekit::testing::{isolate, settled};

trait Tag {
    const NAME: &'static str;

    /// A default: every type has its own entries.
    #[cache]
    fn tagged(n: u32) -> String {
        format!("some{n}")
    }

    fn required(n: u32) -> String;
}

struct Left;
struct Right;

impl Tag for Left {
    const NAME: &'static str = "left";

    #[cache(ttl = 60)]
    fn required(n: u32) -> String {
        format!("l{n}")
    }
}

#[allow(dead_code)]
impl Tag for Right {
    const NAME: &'static str = "right";

    #[cache]
    fn tagged(n: u32) -> String {
        format!("right{n}")
    }

    #[cache]
    fn required(n: u32) -> String {
        format!("r{n}")
    }
}

struct Of<T>(PhantomData<T>);

impl<T: Tag> Of<T> {
    #[cache]
    fn private(n: u32) -> String {
        format!("{}{n}", T::NAME)
    }

    #[cache(ttl = 60, skip(trace))]
    pub(crate) fn public(n: u32, trace: &str) -> String {
        let _ = trace;
        format!("{}{n}", T::NAME)
    }

    #[cache(ttl = 60, stale = 60)]
    async fn later(n: u32) -> String {
        format!("{}{n}", T::NAME)
    }

    #[cache]
    fn generic<U: Tag, const N: usize>(n: u32) -> String {
        format!("{}{}{N}{n}", T::NAME, U::NAME)
    }
}

#[test]
fn it_is_a_function_of_its_type() {
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!(Left::tagged(1), "some1");
        assert_eq!(Right::tagged(1), "right1");
        assert_eq!((Left::required(1), Right::required(1)), ("l1".into(), "r1".into()));
        assert_eq!(
            (Of::<Left>::private(1), Of::<Right>::private(1)),
            ("left1".into(), "right1".into())
        );
        assert_eq!(
            (Of::<Left>::public(1, ""), Of::<Right>::public(1, "")),
            ("left1".into(), "right1".into())
        );
        assert_eq!(Of::<Left>::generic::<Right, 2>(1), "leftright21");
        assert_eq!(Of::<Right>::generic::<Right, 3>(1), "rightright31");
    }
    let stats = Of::<Left>::private_cache(&1).stats();
    assert_eq!((stats.misses, stats.hits), (2, 2), "of all instantiations together");
}

#[test]
fn in_an_impl_of_a_type_it_has_the_companion_of_a_method() {
    let _test = isolate();
    Of::<Left>::public(1, "a");
    assert!(Of::<Left>::public_cache(&1).contains());
    assert!(!Of::<Right>::public_cache(&1).contains());
    assert!(Of::<Left>::public_cache(&1).invalidate().was_cached());
    assert_eq!(Of::<Left>::generic_cache::<Right, 2>(&1).peek(), None);
}

#[tokio::test]
async fn it_is_refreshed_as_a_function_of_its_type() {
    let test = isolate();
    assert_eq!(Of::<Left>::later(1).await, "left1");
    Of::<Left>::later_cache(&1).set("old".to_owned()).await;
    test.clock().advance(std::time::Duration::from_secs(61));
    assert_eq!(Of::<Left>::later(1).await, "old");
    settled().await;
    assert_eq!(Of::<Left>::later(1).await, "left1");
    assert_eq!(Of::<Right>::later(1).await, "right1");
}
