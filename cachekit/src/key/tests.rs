use std::borrow::Cow;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use super::via::Via as _;
use super::{CacheKey, Lookup, Part, hash_of};

/// Keys that are equal match and hash alike; others do not match.
fn check<A: CacheKey, B: CacheKey<Owned = A::Owned>>(a: &A, same: &B, other: &A) {
    let owned = a.to_owned_key();
    assert!(a.matches(&owned) && same.matches(&owned));
    assert_eq!(hash_of(a), hash_of(same));
    assert!(!other.matches(&owned));
    assert_ne!(hash_of(a), hash_of(other));
}

#[test]
fn borrowed_and_owned_forms_are_one_key() {
    check(&"a", &"a".to_owned(), &"b");
    check(&[1u64, 2].as_slice(), &vec![1u64, 2], &[1u64].as_slice());
    check(&["a", "b"].as_slice(), &vec!["a".to_owned(), "b".to_owned()], &["ab"].as_slice());
    check(&Some("a"), &Some("a".to_owned()), &None);
    check(&Cow::Borrowed("a"), &Cow::<str>::Owned("a".to_owned()), &Cow::Borrowed(""));
    check(&(1u8, "a"), &(1u8, Box::new("a".to_owned())), &(2u8, "a"));
    check(&Ok::<_, u8>("a"), &Ok::<_, u8>("a".to_owned()), &Err(1u8));
    check(&Err::<u8, _>("a"), &Err::<u8, _>("a".to_owned()), &Err("b"));
    check(&Arc::<str>::from("a"), &"a", &Arc::<str>::from("b"));
}

#[test]
fn floats_compare_by_value() {
    check(&0.0f64, &-0.0f64, &1.0f64);
    check(&f64::NAN, &-f64::NAN, &f64::INFINITY);
    check(&[0.5f32, f32::NAN], &[0.5f32, -f32::NAN], &[0.5f32, 0.5]);
    check(&Some(-0.0f32), &Some(0.0f32), &None);
}

#[test]
fn neighbouring_parts_do_not_run_together() {
    check(&("ab", "c"), &("ab", "c"), &("a", "bc"));
    check(&(vec![1u8], vec![2u8, 3]), &(vec![1u8], vec![2u8, 3]), &(vec![1u8, 2], vec![3u8]));
    check(&(Some(1u8), None::<u8>), &(Some(1u8), None::<u8>), &(None, Some(1u8)));
}

/// `in = cache` looks up by `CacheKey`, the cache's methods by `Hash`: they have to meet.
fn like_std<K: CacheKey<Owned: Hash + Debug>>(key: &K) {
    let owned = key.to_owned_key();
    assert_eq!(hash_of(key), Lookup(&owned).hash(), "{owned:?}");
}

#[test]
fn hashes_are_the_standard_ones() {
    like_std(&7u64);
    like_std(&true);
    like_std(&'x');
    like_std(&"text");
    like_std(&"text".to_owned());
    like_std(&Some("text"));
    like_std(&None::<u32>);
    like_std(&Ok::<_, u8>("text"));
    like_std(&Err::<u8, _>("text"));
    like_std(&vec![1u64, 2, 3]);
    like_std(&[1u8, 2].as_slice());
    like_std(&[1i16, 2]);
    like_std(&vec![true, false]);
    like_std(&["a", "b"].as_slice());
    like_std(&(1u64, "a", Some(2u8)));
    like_std(&vec![Some(1u8), None]);
    like_std(&std::path::Path::new("a/b"));
    like_std(&std::time::Duration::from_millis(5));
    like_std(&std::net::Ipv4Addr::LOCALHOST);
    like_std(&());
}

#[test]
fn equal_paths_are_kept_in_one_spelling() {
    use std::path::{Path, PathBuf};
    for spelled in ["a/b", "a//b", "a/./b", "a/b/", "a/b/."] {
        let path = Path::new(spelled);
        assert_eq!(path.to_owned_key().as_os_str(), "a/b", "{spelled}");
        assert_eq!(path.to_owned().to_owned_key().as_os_str(), "a/b", "{spelled}");
        assert_eq!(Some(path).to_owned_key(), Some(PathBuf::from("a/b")));
    }
    // These are other paths.
    for other in ["/a/b", "./a/b", "a/../a/b", ""] {
        assert_eq!(Path::new(other).to_owned_key().as_os_str(), other);
    }
}

#[test]
#[allow(clippy::needless_borrow)] // As generated: the references are the point.
fn copies_of_foreign_types_may_run_foreign_code() {
    fn plainly<K: CacheKey>(_key: K) -> bool {
        K::COPIES_PLAINLY
    }
    /// Nothing to drop, and a `Clone` of its own.
    #[derive(PartialEq, Eq, Hash)]
    struct Id(u32);
    impl Clone for Id {
        fn clone(&self) -> Self {
            Self(self.0)
        }
    }

    assert!(
        plainly(7u64) && plainly("a") && plainly(0.5) && plainly(()) && plainly(("a".to_owned(),))
    );
    assert!(plainly((1u8, Some(vec!["a"]), [2u8; 3], Arc::<str>::from("b"), Cow::Borrowed("c"))));
    let (id, number) = (Id(1), 1u64);
    assert!(plainly((&&&&Part(&number)).__cachekit_via()));
    assert!(!plainly((&&&&Part(&id)).__cachekit_via()));
    assert!(!plainly((1u8, (&&&&Part(&id)).__cachekit_via())));
    assert!(!plainly((&&&&Part(&Some(&id))).__cachekit_via()));
}

#[test]
#[allow(clippy::needless_borrow)] // As generated: the references are the point.
fn any_argument_finds_its_way() {
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Id(u32);

    let id = Id(1);
    assert!((&&&&Part(&id)).__cachekit_via().matches(&Id(1)));
    let reference = &id;
    assert!((&&&&Part(&reference)).__cachekit_via().matches(&Id(1)));
    let slice = std::slice::from_ref(&id);
    assert!((&&&&Part(&slice)).__cachekit_via().matches(&vec![Id(1)]));
    let optional = Some(&id);
    assert!((&&&&Part(&optional)).__cachekit_via().matches(&Some(Id(1))));
    let text = "a";
    assert!((&&&&Part(&text)).__cachekit_via().matches(&"a".to_owned()));
    let float = 0.5;
    assert!((&&&&Part(&float)).__cachekit_via().matches(&0.5.into()));
}
