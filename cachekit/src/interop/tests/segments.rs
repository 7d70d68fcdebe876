use crate::interop::{ErrorKind, Namespace, Operation, key};

#[test]
fn names_are_checked_at_compile_time() {
    const USERS: Namespace<'static> = match Namespace::new("users.v2_x-y") {
        Ok(namespace) => namespace,
        Err(error) => panic!("{}", error.reason()),
    };
    const { assert!(Operation::new("a..b").is_err() && Operation::new("ns").is_ok()) }
    assert_eq!(USERS.to_string(), "users.v2_x-y");
}

#[test]
fn a_name_has_1_to_64_characters_of_the_alphabet() {
    for good in ["a", "0", "a.", "a.b.c", "a-_.b", "ns-api", "nsx", &"a".repeat(64)] {
        assert!(Namespace::new(good).is_ok() && Operation::new(good).is_ok(), "{good}");
    }
    for byte in 0..=u8::MAX {
        let name = format!("a{}", char::from(byte));
        let allowed = matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        assert_eq!(Operation::new(&name).is_ok(), allowed, "{name:?}");
        let first = char::from(byte).to_string();
        assert_eq!(
            Namespace::new(&first).is_ok(),
            matches!(byte, b'a'..=b'z' | b'0'..=b'9'),
            "{first:?}"
        );
    }
    for bad in ["", "a..b", "a..", "ns", "nsapi", "a\n", "\u{e9}", &"a".repeat(65)] {
        let error = Namespace::new(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Segment, "{bad}");
    }
}

#[test]
fn a_key_has_68_to_194_bytes_and_reads_as_text() {
    let shortest = key("a", "b", &()).unwrap();
    let longest = key(&"a".repeat(64), &"b".repeat(64), &()).unwrap();
    assert_eq!((shortest.len(), longest.len()), (68, 194));
    assert_eq!(shortest, "a:b:8064bf5f945dba521b017bb3f32b31a293a6e16944838d171ea9e77fab085e8e");
    assert_eq!(format!("{shortest}"), String::from(shortest));
    assert_eq!(format!("{shortest:?}"), format!("{:?}", shortest.as_str()));
}
