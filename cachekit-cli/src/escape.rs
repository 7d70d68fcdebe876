//! Foreign text on a terminal: characters that the terminal would obey, or show as something else, are escaped.

/// The text with control characters, and with characters that hide or reverse their neighbours, written as
/// `\u{…}`.
///
/// A name such as `\u{1b}]0;…` would set the window's title; U+202E makes `gpj.exe` look like `exe.jpg`.
pub(crate) fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unseen(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The same for text of several lines.
pub(crate) fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// JSON without such characters. Its meaning is the same: within its strings they are written as `\uXXXX`, and
/// elsewhere only line breaks occur, which stay.
pub(crate) fn escape_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unseen(character) && character != '\n' {
            let units = character.encode_utf16(&mut [0; 2]).to_vec();
            shown.extend(units.into_iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Control characters (ASCII and C1, which some terminals also obey), and Unicode's format characters.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_for_a_terminal_to_obey() {
        assert_eq!(escape("shop::user<\"é\">\\ 日本"), "shop::user<\"é\">\\ 日本");
        assert_eq!(escape("a\u{1b}[2Jb\r\n\u{7f}"), "a\\u{1b}[2Jb\\u{d}\\u{a}\\u{7f}");
        assert_eq!(escape("\u{9b}31m\u{202e}gpj"), "\\u{9b}31m\\u{202e}gpj");
        assert_eq!(escape_lines("a\nb\u{7}\n"), "a\nb\\u{7}\n");
        for code in (0..0x20).chain(0x7f..0xa0) {
            let character = char::from_u32(code).expect("a character");
            assert!(!escape(&character.to_string()).contains(character), "{code:x}");
        }
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "na\u{9b}me": "a\u{1b}\u{7f}\u{202e}\u{e0041}\"\\ é" });
        let escaped = escape_json(&value.to_string());
        assert!(escaped.chars().all(|character| !is_unseen(character)), "{escaped}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).expect("JSON"), value);
        assert_eq!(escape_json("{\n  \"\u{e4}\": 1\n}"), "{\n  \"\u{e4}\": 1\n}", "for people");
    }
}
