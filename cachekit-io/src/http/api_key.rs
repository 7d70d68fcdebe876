//! The API key, kept out of every output.

use bytes::Bytes;
use http::HeaderValue;
use std::fmt;
use zeroize::Zeroizing;

const SCHEME: &str = "Bearer ";

/// A checked API key. Its memory is wiped when its last user is gone.
#[derive(Clone)]
pub(super) struct ApiKey {
    /// `Bearer ` and the key, as in the header.
    header: Bytes,
}

/// Bytes that are wiped when they are dropped.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl ApiKey {
    /// Checks a key: a `b64token` of RFC 6750 and nothing around it. The error does not show it.
    pub(super) fn parse(key: &str) -> Result<Self, &'static str> {
        if key.is_empty() {
            return Err("must not be empty");
        }
        let token = key.trim_end_matches('=');
        let is_token = !token.is_empty()
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
        if !is_token {
            return Err(
                "must consist of the characters A-Z a-z 0-9 - . _ ~ + / with = only at the \
                        end; look for spaces, quotes or a line break around it",
            );
        }
        let mut header = Vec::with_capacity(SCHEME.len() + key.len());
        header.extend_from_slice(SCHEME.as_bytes());
        header.extend_from_slice(key.as_bytes());
        Ok(Self { header: Bytes::from_owner(Wiped(Zeroizing::new(header))) })
    }

    /// The value of `Authorization`, marked as sensitive.
    pub(super) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_maybe_shared(self.header.clone())
            .expect("a token holds nothing that a header cannot");
        value.set_sensitive(true);
        value
    }

    /// The text with every occurrence of the key replaced.
    pub(super) fn redact(&self, text: &str) -> String {
        match std::str::from_utf8(&self.header[SCHEME.len()..]) {
            Ok(key) => text.replace(key, "***"),
            // Cannot happen: the key is ASCII.
            Err(_) => String::new(),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}
