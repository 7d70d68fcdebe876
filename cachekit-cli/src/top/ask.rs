//! One request for figures, and its result.

use super::address::Address;
use crate::escape::escape;
use crate::failure::Failure;
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{HeaderValue, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Far longer than a healthy server takes for its page.
const PATIENCE: Duration = Duration::from_secs(5);
/// Far more than the page of a server has; a program's have some 2 KiB for each function.
const MOST: u64 = 32 << 20;
/// The authorities to trust instead of Mozilla's list. It has its own name, because `CACHEKIT_CA_FILE` adds to
/// that list.
const CA_FILE: &str = "CACHEKIT_TOP_CA_FILE";

pub(super) enum Answer {
    Body(String),
    /// Neither a success nor a problem with the token.
    Status(u16),
}

pub(super) struct Ask {
    agent: ureq::Agent,
    authorization: Option<HeaderValue>,
}

impl Ask {
    pub(super) fn new(
        address: &Address,
        authorization: Option<HeaderValue>,
    ) -> Result<Self, Failure> {
        if authorization.is_some() && !address.is_private() {
            return Err(Failure::usage(
                "http:// would show the token to the network: use https://, or a tunnel to this machine",
            ));
        }
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            // The token is for the named server, not for the target of a redirect.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            // The operator's network is not behind a proxy.
            .proxy(None)
            .tls_config(TlsConfig::builder().root_certs(roots()?).build())
            .build();
        Ok(Self { agent: config.into(), authorization })
    }

    /// Fetches this URL. A failure means that other paths below it need not be tried.
    pub(super) fn get(&self, url: &str) -> Result<Answer, Failure> {
        let unreached = |error: &ureq::Error| {
            let error = escape(&error.to_string());
            Failure::environment(format!("cannot read {}: {error}", escape(url)))
        };
        let mut request = self.agent.get(url);
        if let Some(token) = &self.authorization {
            request = request.header("authorization", token);
        }
        let mut answer = request.call().map_err(|error| unreached(&error))?;
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let why = match self.authorization {
                    Some(_) => "does not take the token",
                    None => "wants a token: set CACHEKIT_TOP_TOKEN, or give --token-file",
                };
                return Err(Failure::refused(format!("{} {why}", escape(url))));
            }
            status => return Ok(Answer::Status(status.as_u16())),
        }
        let body = answer.body_mut().with_config().limit(MOST).read_to_string();
        body.map(Answer::Body).map_err(|error| unreached(&error))
    }
}

fn roots() -> Result<RootCerts, Failure> {
    let Some(path) = std::env::var_os(CA_FILE).filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let pem = fs::read(&path).map_err(|error| Failure::file("read", path.as_ref(), &error))?;
    let items: Result<Vec<_>, _> = parse_pem(&pem).collect();
    let items = items.map_err(|_| Failure::usage(format!("{CA_FILE} is not valid PEM")))?;
    let certificate = |item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    };
    let certificates: Vec<Certificate<'static>> =
        items.into_iter().filter_map(certificate).collect();
    if certificates.is_empty() {
        return Err(Failure::usage(format!("{CA_FILE} holds no certificate in PEM form")));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}
