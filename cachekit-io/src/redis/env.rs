//! Settings from the environment.

use super::Redis;
use super::builder::{RedisBuilder, configuration};
use crate::BackendError;
use crate::settings::{Lookup, NotUnicode, TIMEOUT, seconds};

/// The variables with a URL; the first that is set counts.
const URLS: [(&str, &str); 2] =
    [("CACHEKIT_REDIS_URL", "CACHEKIT_REDIS_URL"), ("REDIS_URL", "REDIS_URL")];

/// A client from variables and from code; all mistakes in any of them are reported at once.
pub(super) fn client_with(
    lookup: Lookup<'_>,
    complete: impl FnOnce(RedisBuilder) -> RedisBuilder,
) -> Result<Redis, BackendError> {
    let mut wrong = Vec::new();
    let builder = complete(builder(lookup, &mut wrong));
    match builder.try_build(&mut wrong) {
        Some(client) if wrong.is_empty() => Ok(client),
        _ => Err(configuration(&wrong)),
    }
}

fn builder(lookup: Lookup<'_>, wrong: &mut Vec<String>) -> RedisBuilder {
    let mut builder = RedisBuilder::default();
    let mut read = |name: &'static str, wrong: &mut Vec<String>| {
        let value = lookup(name).unwrap_or_else(|NotUnicode| {
            wrong.push(format!("{name} is not Unicode"));
            builder.url_reported |= URLS.iter().any(|(url, _)| *url == name);
            None
        });
        // Deployment tools set unset variables to an empty value.
        value.filter(|value| !value.is_empty())
    };
    let url = URLS.iter().find_map(|&(name, called)| Some((read(name, wrong)?, called)));
    let timeout = read("CACHEKIT_TIMEOUT", wrong);
    let prefix = read("CACHEKIT_REDIS_PREFIX", wrong);
    let password_file = read("CACHEKIT_REDIS_PASSWORD_FILE", wrong);
    let ca_file = read("CACHEKIT_CA_FILE", wrong);
    let certificate = read("CACHEKIT_REDIS_CERT_FILE", wrong);
    let key = read("CACHEKIT_REDIS_KEY_FILE", wrong);

    if let Some((url, called)) = url {
        builder.url_name = called;
        builder = builder.url(url);
    }
    match timeout.as_deref().map(seconds) {
        Some(Some(timeout)) => builder = builder.timeout(timeout),
        Some(None) => wrong.push(TIMEOUT.to_owned()),
        None => {}
    }
    if let Some(prefix) = prefix {
        builder = builder.prefix(prefix);
    }
    if let Some(path) = password_file {
        builder = builder.password_file(path);
    }
    if let Some(path) = ca_file {
        builder = builder.ca_file(path);
    }
    builder.certificate_file = certificate.map(Into::into);
    builder.key_file = key.map(Into::into);
    builder
}
