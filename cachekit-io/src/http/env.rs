//! Settings from the environment.

use super::CachekitIo;
use super::builder::{CachekitIoBuilder, configuration};
use crate::BackendError;
use crate::settings::{Lookup, NotUnicode, TIMEOUT, seconds, switch};

/// A client from variables alone.
#[cfg(test)]
pub(super) fn client(lookup: Lookup<'_>) -> Result<CachekitIo, BackendError> {
    client_with(lookup, |builder| builder)
}

/// A client from variables and from code; all mistakes in any of them are reported at once.
pub(super) fn client_with(
    lookup: Lookup<'_>,
    complete: impl FnOnce(CachekitIoBuilder) -> CachekitIoBuilder,
) -> Result<CachekitIo, BackendError> {
    let mut wrong = Vec::new();
    let builder = complete(builder(lookup, &mut wrong));
    match builder.try_build(&mut wrong) {
        Some(client) if wrong.is_empty() => Ok(client),
        _ => Err(configuration(&wrong)),
    }
}

/// The settings from variables; all mistakes in them are reported at once.
pub(super) fn settings(lookup: Lookup<'_>) -> Result<CachekitIoBuilder, BackendError> {
    let mut wrong = Vec::new();
    let builder = builder(lookup, &mut wrong);
    if wrong.is_empty() { Ok(builder) } else { Err(configuration(&wrong)) }
}

pub(super) fn builder(lookup: Lookup<'_>, wrong: &mut Vec<String>) -> CachekitIoBuilder {
    // So that it is not also reported as missing.
    let mut unreadable = false;
    let mut read = |name: &'static str| {
        let value = lookup(name).unwrap_or_else(|NotUnicode| {
            wrong.push(format!("{name} is not Unicode"));
            unreadable |= name == "CACHEKIT_API_KEY";
            None
        });
        // Deployment tools set unset variables to an empty value.
        value.filter(|value| !value.is_empty())
    };
    let api_key = read("CACHEKIT_API_KEY");
    let api_url = read("CACHEKIT_API_URL");
    let timeout = read("CACHEKIT_TIMEOUT");
    let max_retries = read("CACHEKIT_MAX_RETRIES");
    let pool_size = read("CACHEKIT_CONNECTION_POOL_SIZE");
    let custom_host = read("CACHEKIT_ALLOW_CUSTOM_HOST");
    let ca_file = read("CACHEKIT_CA_FILE");
    let private = read("CACHEKIT_ALLOW_PRIVATE_ADDRESSES");

    let mut builder = CachekitIoBuilder::default();
    builder.api_key_reported = unreadable;
    if let Some(key) = api_key {
        builder = builder.api_key(key);
    }
    if let Some(url) = api_url {
        builder = builder.api_url(url);
    }
    if let Some(path) = ca_file {
        builder = builder.ca_file(path);
    }
    if let Some(text) = timeout {
        match seconds(&text) {
            Some(timeout) => builder = builder.timeout(timeout),
            None => wrong.push(TIMEOUT.to_owned()),
        }
    }
    if let Some(text) = max_retries {
        match text.parse() {
            Ok(retries @ 0..=100) => builder = builder.max_retries(retries),
            _ => wrong.push("CACHEKIT_MAX_RETRIES must be a whole number from 0 to 100".to_owned()),
        }
    }
    if let Some(text) = pool_size {
        match text.parse() {
            Ok(size @ 1..=1000) => builder = builder.pool_size(size),
            _ => wrong.push(
                "CACHEKIT_CONNECTION_POOL_SIZE must be a whole number from 1 to 1000".to_owned(),
            ),
        }
    }
    if let Some(allow) = switch("CACHEKIT_ALLOW_CUSTOM_HOST", custom_host, wrong) {
        builder = builder.allow_custom_host(allow);
    }
    if let Some(allow) = switch("CACHEKIT_ALLOW_PRIVATE_ADDRESSES", private, wrong) {
        builder = builder.allow_private_addresses(allow);
    }
    builder
}
