//! The URL that is watched: what it may be, and which paths below it may have the figures.

use crate::failure::Failure;
use std::net::IpAddr;
use ureq::http::Uri;
use ureq::http::uri::Scheme;

const WANTED: &str = "top takes the URL of a server's admin listener, such as http://127.0.0.1:9090, or of a program's \
                      page, such as http://127.0.0.1:3000/cache";

/// A URL without user, query and fragment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Without a slash at its end.
    url: String,
    has_path: bool,
    /// Whether the connection is protected from eavesdroppers.
    is_private: bool,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, Failure> {
        // It is not repeated, because it may contain a secret.
        let wrong = || Failure::usage(WANTED);
        if url.contains(['?', '#', '@']) {
            return Err(Failure::usage(format!(
                "{WANTED}: without user, query and fragment, which stay in the shell's history; a token comes from \
                 CACHEKIT_TOP_TOKEN or --token-file"
            )));
        }
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let url = url.trim_end_matches('/').to_owned();
        let has_path = !uri.path().trim_end_matches('/').is_empty();
        Ok(Self { url, has_path, is_private: is_tls || is_this_machine(host) })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.url
    }

    /// Whether a token may be sent there.
    pub(super) fn is_private(&self) -> bool {
        self.is_private
    }

    /// Possible URLs of the figures, the likeliest first: a server has them at `/metrics`, a program next to its
    /// page.
    pub(super) fn candidates(&self) -> Vec<String> {
        let below = |path: &str| format!("{}/{path}", self.url);
        if self.has_path {
            vec![self.url.clone(), below("functions"), below("metrics")]
        } else {
            vec![below("metrics"), below("functions")]
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_where_figures_may_be() {
        for (url, wanted) in [
            ("http://h:1", vec!["http://h:1/metrics", "http://h:1/functions"]),
            ("http://h:1/", vec!["http://h:1/metrics", "http://h:1/functions"]),
            ("https://h/c", vec!["https://h/c", "https://h/c/functions", "https://h/c/metrics"]),
            ("http://h/c/", vec!["http://h/c", "http://h/c/functions", "http://h/c/metrics"]),
        ] {
            assert_eq!(Address::parse(url).expect(url).candidates(), wanted);
        }
    }

    #[test]
    fn what_is_no_such_url_is_refused_and_not_repeated() {
        for url in [
            "",
            "s3cret",
            "http://",
            "http:///s3cret",
            "127.0.0.1:9090",
            "redis://s3cret",
            "http://user:s3cret@host",
            "http://s3cret@host",
            "http://host/cache?token=s3cret",
            "http://host/cache#s3cret",
            "http://ho st/s3cret",
        ] {
            let failure = format!("{:?}", Address::parse(url).expect_err(url));
            assert!(!failure.contains("s3cret") && failure.contains("127.0.0.1:3000"), "{failure}");
        }
    }

    #[test]
    fn a_token_is_for_tls_and_for_this_machine() {
        let is_private = |url| Address::parse(url).expect(url).is_private();
        for url in
            ["https://example.org", "http://localhost:1", "http://127.0.0.9/c", "http://[::1]:3/c"]
        {
            assert!(is_private(url), "{url}");
        }
        for url in [
            "http://example.org",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://[fe80::1]",
        ] {
            assert!(!is_private(url), "{url}");
        }
    }
}
