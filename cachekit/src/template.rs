//! Strings with `{…}` in the options `key`, `tenant` and `self = key(…)`, as generated code fills them in.

use std::fmt::{self, Write};

/// Fills in a template: each string with the value after it, then the end.
///
/// With several values, `markers` contains one character of each string between two of them. Within values
/// these characters are written as `%` and two digits, and so is `%` itself. So the content of a value is
/// never mistaken for the string that follows it, and different values give different texts.
#[must_use]
pub fn template(markers: &str, parts: &[(&str, fmt::Arguments<'_>)], end: &str) -> String {
    let mut filled = String::new();
    for (text, value) in parts {
        filled.push_str(text);
        push(&mut filled, markers, value);
    }
    filled.push_str(end);
    filled
}

fn push(filled: &mut String, markers: &str, value: &fmt::Arguments<'_>) {
    let value = value.to_string();
    if markers.is_empty() {
        filled.push_str(&value);
        return;
    }
    for sign in value.chars() {
        if sign != '%' && !markers.contains(sign) {
            filled.push(sign);
            continue;
        }
        for byte in sign.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a `String` does not fail.
            let _ = write!(filled, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests;
