//! Whether results and failures are for people or for programs.

use serde_json::Value;
use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt::Write as _;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Style {
    /// What these arguments ask for, also if something is wrong with them.
    pub(crate) fn asked_for(arguments: impl Iterator<Item = OsString>) -> Self {
        let mut options = arguments.take_while(|argument| argument != "--");
        if options.any(|argument| argument == "--json") { Self::Json } else { Self::Text }
    }
}

/// JSON in one line.
pub(crate) fn line(value: &Value) -> Vec<u8> {
    format!("{}\n", escaped(&value.to_string())).into_bytes()
}

/// JSON whose texts tell a terminal nothing: writers escape the control characters of ASCII, and neither DEL nor U+0080 to
/// U+009F, which terminals take for the beginning of a command. Such a character is a part of a text.
pub(crate) fn escaped(json: &str) -> Cow<'_, str> {
    let is_left = |c: char| c.is_control() && !c.is_ascii_control() || c == '\u{7f}';
    if !json.contains(is_left) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if is_left(c) {
            // It has four hex digits at most.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::{Style, escaped, line};
    use serde_json::{Value, json};

    #[test]
    fn no_text_in_json_tells_a_terminal_anything() {
        let all: String = ('\0'..='\u{ff}').collect();
        let value = json!({ "name": all });
        let written = String::from_utf8(line(&value)).expect("text");
        let controls: String = written.chars().filter(|c| c.is_control()).collect();
        assert_eq!(controls, "\n", "the end of the line");
        assert_eq!(serde_json::from_str::<Value>(&written).expect("JSON"), value);
        assert_eq!(escaped("\"\u{9b}2J\""), r#""\u009b2J""#);
        assert!(matches!(escaped("{\n  \"\u{e4}\": 1\n}"), std::borrow::Cow::Borrowed(_)));
    }

    #[test]
    fn the_style_of_a_wrong_command_line_is_the_one_that_it_asks_for() {
        let asked = |words: &str| Style::asked_for(words.split(' ').map(Into::into));
        assert_eq!(asked("get --nonsense --json"), Style::Json);
        assert_eq!(asked("get --jsonish"), Style::Text);
        assert_eq!(asked("get -- --json"), Style::Text);
    }
}
