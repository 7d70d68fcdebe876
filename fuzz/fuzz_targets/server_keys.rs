//! What the server reads keys from: API keys as clients present them, and entries' keys as the disk store
//! keeps them.
#![no_main]

use cachekit_server::{ApiKey, EntryKey, KeyKind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // Whatever is read as an entry's key is exactly the key that would be written for its two parts.
    if let Some(key) = EntryKey::from_bytes(input) {
        assert_eq!(key.as_bytes(), input);
        assert_eq!(EntryKey::new(key.tenant(), key.key()), key);
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Some((tenant, key)) = text.split_once('\0') {
        let whole = EntryKey::new(tenant.get(..64).unwrap_or(tenant), key);
        assert_eq!(EntryKey::from_bytes(whole.as_bytes()).expect("as written"), whole);
        assert_eq!(whole.key(), key);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let prefix =
        ["ck_sdk_", "ck_api_", "ck_live_"].iter().find(|prefix| text.starts_with(**prefix));
    assert_eq!(KeyKind::of(text).map(KeyKind::prefix), prefix.copied());
    if let Ok(key) = ApiKey::parse(text) {
        assert_eq!(key.expose(), text);
        assert!(prefix.is_some() && text.len() <= 256 && text.bytes().all(plain));
        assert!(!format!("{key:?}").contains(&text[8..]), "the key was shown");
    }
});
