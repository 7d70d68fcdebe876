//! The token for a page that requires one: from the environment or from a file, never from the command
//! line.

use crate::failure::Failure;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use ureq::http::HeaderValue;
use zeroize::Zeroizing;

const VARIABLE: &str = "CACHEKIT_TOP_TOKEN";
const FILE_VARIABLE: &str = "CACHEKIT_TOP_TOKEN_FILE";
/// Far longer than any token.
const MOST: u64 = 16 * 1024;

/// The value of `Authorization`, if there is a token. It is neither printed nor logged.
pub(super) fn authorization(file: Option<&Path>) -> Result<Option<HeaderValue>, Failure> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let token = match (file, variable(VARIABLE), variable(FILE_VARIABLE)) {
        (Some(file), _, _) => read(file)?,
        (None, Some(_), Some(_)) => {
            return Err(Failure::usage(format!(
                "{VARIABLE} and {FILE_VARIABLE} are set at once: keep one"
            )));
        }
        (None, Some(token), None) => {
            let token = token.into_string();
            Zeroizing::new(token.map_err(|_| wrong(VARIABLE))?)
        }
        (None, None, Some(file)) => read(&PathBuf::from(file))?,
        (None, None, None) => return Ok(None),
    };
    header(&token).map(Some)
}

/// The first line of a file.
fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error| Failure::file("read", path, &error);
    let mut text = Zeroizing::new(String::with_capacity(1024));
    File::open(path).map_err(failed)?.take(MOST).read_to_string(&mut text).map_err(failed)?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

fn header(token: &str) -> Result<HeaderValue, Failure> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("the token"));
    }
    let text = Zeroizing::new(format!("Bearer {token}"));
    let mut header = HeaderValue::from_str(&text).map_err(|_| wrong("the token"))?;
    header.set_sensitive(true);
    Ok(header)
}

fn wrong(what: &str) -> Failure {
    Failure::usage(format!("{what} has to be visible ASCII without spaces, one character at least"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_no_header_can_hold_is_refused_without_a_word_of_it() {
        assert_eq!(header("s3cret").expect("a token"), "Bearer s3cret");
        assert_eq!(format!("{:?}", header("s3cret").expect("a token")), "Sensitive");
        for wrong in ["", " ", "s3cret s3cret", "s3cret\r\nx: y", "s3crét", "s3cret\u{7f}"] {
            let failure = format!("{:?}", header(wrong).expect_err(wrong));
            assert!(!failure.contains("s3cr"), "{failure}");
        }
    }
}
