//! Keys that got where they do not belong: into an argument, a file's name, a URL.

/// Hex digits in a row from which on they are hidden. A master key has 64 at least; key ids and fingerprints,
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

/// Whether there is something to hide.
pub(crate) fn hides(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_hexdigit()).any(|run| run.len() > LONGEST_SHOWN)
}

#[cfg(test)]
mod tests {
    use super::{hides, redact};

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
            assert_eq!(hides(&text), text != shown);
        }
    }
}
