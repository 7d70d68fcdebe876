//! Keys that appear where they do not belong: in an argument, a file name, a URL.

/// Longer runs of hex digits are hidden. A master key has at least 64; key ids and fingerprints,
/// which may be shown, have 32.
const LONGEST_SHOWN: usize = 32;

const HIDDEN: &str = "[hidden]";

/// The text without anything in it that could be a master key, or most of one.
pub(crate) fn redact(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        shown.push_str(if run > LONGEST_SHOWN { HIDDEN } else { &rest[..run] });
        rest = &rest[run..];
        let next = rest.find(|c: char| c.is_ascii_hexdigit()).unwrap_or(rest.len());
        shown.push_str(&rest[..next]);
        rest = &rest[next..];
    }
    shown
}

/// Whether something in it could be a master key, which is hidden in any case. The end of a storage key is a hash,
/// and no reason for an alarm.
pub(crate) fn could_hold_a_key(text: &str) -> bool {
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let run = rest[start..].bytes().take_while(u8::is_ascii_hexdigit).count();
        let before = &text[..text.len() - rest.len() + start];
        if run > LONGEST_SHOWN && !(run == HASH && ends_like_a_storage_key(before)) {
            return true;
        }
        rest = &rest[start + run..];
    }
    false
}

/// Hex digits of a hash.
const HASH: usize = 64;

/// Whether this ends with the part of a storage key before the hash: `namespace:operation:`, `…:args:` or `s1:`.
fn ends_like_a_storage_key(text: &str) -> bool {
    let last_segment = |text: &str| {
        let text = text.strip_suffix(':')?;
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let before = text.trim_end_matches(is_part).len();
        (before < text.len()).then_some(before)
    };
    let Some(start) = last_segment(text) else { return false };
    &text[start..] == "s1:" || last_segment(&text[..start]).is_some()
}

#[cfg(test)]
mod tests {
    use super::{could_hold_a_key, redact};

    #[test]
    fn long_runs_of_hex_digits_are_hidden_and_nothing_else() {
        let key = "0123456789abcdef".repeat(4);
        for (text, shown) in [
            (format!("cannot open {key}: no"), "cannot open [hidden]: no".to_owned()),
            (key.to_uppercase(), "[hidden]".to_owned()),
            (format!("0x{key}zz{key}"), "0x[hidden]zz[hidden]".to_owned()),
            (key[..33].to_owned(), "[hidden]".to_owned()),
            (key[..32].to_owned(), key[..32].to_owned()),
            ("Schlüssel déjà-vu für face".to_owned(), "Schlüssel déjà-vu für face".to_owned()),
            (String::new(), String::new()),
        ] {
            assert_eq!(redact(&text), shown);
            assert_eq!(could_hold_a_key(&text), text != shown);
        }
    }

    #[test]
    fn a_storage_key_is_no_master_key() {
        let hash = "0123456789abcdef".repeat(4);
        for key in [
            format!("users:get_user.v2:{hash}"),
            format!("ns:default:func:my_crate.User:args:{hash}:m"),
            format!("s1:{hash}"),
            format!("ns:app:s1:{hash}"),
        ] {
            assert!(
                !could_hold_a_key(&format!("error: unexpected argument '{key}' found")),
                "{key}"
            );
            assert!(could_hold_a_key(&format!("'{key}' '{hash}'")), "{key}");
            assert!(redact(&key).contains("[hidden]"), "{key}");
        }
        for text in [
            format!("users:{hash}"),
            format!("a::{hash}"),
            format!("a:b: {hash}"),
            format!("a:b:{hash}0"),
            format!("a:b:{}", &hash[..40]),
            format!("--key=a:b:0x{hash}"),
            format!(":b:{hash}"),
        ] {
            assert!(could_hold_a_key(&text), "{text}");
        }
    }
}
