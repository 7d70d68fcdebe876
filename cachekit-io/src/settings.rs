//! Reading settings from the environment, for any backend.

use std::time::Duration;

/// The value of a variable; `None` if it is not set, an error if it is not Unicode.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Result<Option<String>, NotUnicode>;

/// A variable contains bytes that are not text.
#[derive(Debug)]
pub(crate) struct NotUnicode;

/// The process's own environment.
pub(crate) fn process(name: &str) -> Result<Option<String>, NotUnicode> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(NotUnicode),
    }
}

/// What is wrong with a timeout.
pub(crate) const TIMEOUT: &str = "CACHEKIT_TIMEOUT must be a number of seconds such as 5 or 0.5, more than \
                                  0 and at most 3600";

/// A number of seconds, as `CACHEKIT_TIMEOUT` accepts it.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    // Digits and one point: neither `inf` nor `1e9` nor `+5`.
    if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let timeout = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
    (!timeout.is_zero() && timeout <= Duration::from_secs(3600)).then_some(timeout)
}

/// A switch; a bad value is recorded.
#[cfg(feature = "http")]
pub(crate) fn switch(name: &str, text: Option<String>, wrong: &mut Vec<String>) -> Option<bool> {
    match text?.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => {
            wrong.push(format!("{name} must be true or false (also 1, 0, yes, no, on, off)"));
            None
        }
    }
}
