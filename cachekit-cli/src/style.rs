//! Whether results and failures are for humans or for programs.

use crate::escape::escape_json;
use serde_json::Value;
use std::ffi::OsString;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// For humans.
    Text,
    /// For programs.
    Json,
}

impl Style {
    /// The style that these arguments ask for, even if something is wrong with them.
    pub(crate) fn asked_for(arguments: impl Iterator<Item = OsString>) -> Self {
        let mut options = arguments.take_while(|argument| argument != "--");
        if options.any(|argument| argument == "--json") { Self::Json } else { Self::Text }
    }
}

/// JSON in one line.
pub(crate) fn line(value: &Value) -> Vec<u8> {
    format!("{}\n", escape_json(&value.to_string())).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Style, line};
    use serde_json::{Value, json};

    #[test]
    fn no_text_in_json_tells_a_terminal_anything() {
        let all: String = ('\0'..='\u{ff}').collect();
        let value = json!({ "name": all });
        let written = String::from_utf8(line(&value)).expect("text");
        let controls: String = written.chars().filter(|c| c.is_control()).collect();
        assert_eq!(controls, "\n", "the end of the line");
        assert_eq!(serde_json::from_str::<Value>(&written).expect("JSON"), value);
    }

    #[test]
    fn the_style_of_a_wrong_command_line_is_the_one_that_it_asks_for() {
        let asked = |words: &str| Style::asked_for(words.split(' ').map(Into::into));
        assert_eq!(asked("get --nonsense --json"), Style::Json);
        assert_eq!(asked("get --jsonish"), Style::Text);
        assert_eq!(asked("get -- --json"), Style::Text);
    }
}
