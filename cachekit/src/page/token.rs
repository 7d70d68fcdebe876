//! The token that changes require.

use axum::http::{HeaderMap, header};
use subtle::ConstantTimeEq;

/// The shortest token.
const SHORTEST: usize = 16;

/// The token that changes require. It is neither printed nor logged.
pub(super) struct Token(String);

impl Token {
    pub(super) fn new(token: String) -> Self {
        assert!(
            token.len() >= SHORTEST,
            "the token of a page has to have {SHORTEST} bytes at least"
        );
        assert!(
            token.bytes().all(|byte| byte.is_ascii_graphic()),
            "the token of a page has to be visible ASCII without spaces"
        );
        Self(token)
    }

    /// Whether a request has it. The duration only reveals whether the lengths are the same.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return false };
        let Some((scheme, token)) = value.as_bytes().split_at_checked("Bearer ".len()) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"Bearer ") && token.ct_eq(self.0.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn has(token: &Token, value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
        token.is_in(&headers)
    }

    #[test]
    fn only_the_whole_token_counts() {
        let token = Token::new("0123456789abcdef".to_owned());
        assert!(has(&token, "Bearer 0123456789abcdef"));
        assert!(has(&token, "bearer 0123456789abcdef"));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdeF",
            "Bearer 0123456789abcdef0",
            "Bearer  0123456789abcdef",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
        ] {
            assert!(!has(&token, wrong), "{wrong}");
        }
        assert!(!token.is_in(&HeaderMap::new()));
    }

    #[test]
    #[should_panic(expected = "16 bytes at least")]
    fn a_short_token_is_refused() {
        Token::new("short".to_owned());
    }

    #[test]
    #[should_panic(expected = "visible ASCII")]
    fn a_token_that_no_header_can_hold_is_refused() {
        Token::new("0123456789 abcdef".to_owned());
    }
}
