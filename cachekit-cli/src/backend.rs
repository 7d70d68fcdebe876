//! Which backend a command uses: that of a URL, or that of the environment, as in a program.

use crate::arguments::BackendOptions;
use crate::failure::Failure;
use cachekit_io::blocking::Blocking;
use cachekit_io::env::{self, Refused, Source};
use cachekit_io::{Backend, CachekitIo, Redis};
use std::ffi::OsString;
use std::sync::Arc;

/// A backend, without async.
pub(crate) type Store = Blocking<dyn Backend>;

const SCHEMES: &str = "https://host, redis://host, rediss://host, redis-sentinel://host,host/name, \
                       redis-cluster://host,host, unix:///socket or file:///directory";

impl BackendOptions {
    pub(crate) fn connect(&self) -> Result<Store, Failure> {
        let backend: Arc<dyn Backend> = match &self.backend {
            Some(url) => by_url(url)?,
            None => match asked_for(|name| std::env::var_os(name))? {
                Source::CachekitIo => Arc::new(CachekitIo::from_env()?),
                Source::Redis => Arc::new(Redis::from_env()?),
                Source::File => directory(None)?,
            },
        };
        Ok(Store::from(backend))
    }
}

/// The backend that the variables ask for, by the same rule as for annotated functions, with messages for a command
/// line.
fn asked_for(variable: impl Fn(&str) -> Option<OsString>) -> Result<Source, Failure> {
    let is_built = |source| cfg!(unix) || source != Source::File;
    match env::asked_for(is_built, variable) {
        Ok(Some(source)) => Ok(source),
        Ok(None) => {
            let names = Source::ALL.map(Source::variable).join(", ");
            Err(Failure::usage(format!(
                "no backend: give --backend with {SCHEMES}, or set one of {names}, {}",
                env::FALLBACK
            )))
        }
        Err(refused @ Refused::Conflict(_)) => {
            Err(Failure::usage(format!("{refused}, or give --backend")))
        }
        Err(refused @ Refused::NotBuilt(_)) => {
            Err(Failure::usage(format!("{refused}: give --backend")))
        }
    }
}

/// The backend at a URL. Its other settings come from the variables of its kind.
fn by_url(url: &str) -> Result<Arc<dyn Backend>, Failure> {
    let (scheme, rest) = url.split_once("://").ok_or_else(unknown)?;
    // Command lines are in shell histories and in process lists.
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let in_front = user.is_some_and(|user| user.contains(':') || scheme.starts_with("http"));
    // Text that is not a URL of a Redis has no positions after the host that could contain one.
    if in_front || Redis::url_has_password(url).unwrap_or(false) {
        return Err(Failure::usage(
            "a URL with a password does not belong on the command line, which stays in the shell's history: set \
             CACHEKIT_REDIS_URL, or CACHEKIT_REDIS_PASSWORD_FILE beside --backend. Change the password",
        ));
    }
    match scheme {
        "https" => Ok(Arc::new(CachekitIo::builder_from_env()?.api_url(url).build()?)),
        "redis" | "rediss" | "redis-sentinel" | "rediss-sentinel" | "redis-cluster"
        | "rediss-cluster" | "unix" => {
            Ok(Arc::new(Redis::from_env_with(|builder| builder.url(url))?))
        }
        "file" if rest.starts_with('/') => directory(Some(rest)),
        "file" => Err(Failure::usage("file:///directory: three slashes, and the whole path")),
        "http" => Err(Failure::usage(
            "http:// would show the API key to the network: the service speaks https:// only",
        )),
        _ => Err(unknown()),
    }
}

fn unknown() -> Failure {
    Failure::usage(format!("--backend takes a URL: {SCHEMES}"))
}

/// The directory, or that of the variable; with the limits of the environment, because a writer with other limits
/// would evict entries that the programs keep.
#[cfg(unix)]
fn directory(path: Option<&str>) -> Result<Arc<dyn Backend>, Failure> {
    let complete = |builder: cachekit_io::FileBackendBuilder| match path {
        Some(path) => builder.directory(path),
        None => builder,
    };
    Ok(Arc::new(cachekit_io::FileBackend::from_env_with(complete)?))
}

#[cfg(not(unix))]
fn directory(_: Option<&str>) -> Result<Arc<dyn Backend>, Failure> {
    Err(Failure::usage("a shared directory needs Unix"))
}

#[cfg(test)]
mod tests {
    use super::{asked_for, by_url};
    use cachekit_io::env::Source;
    use std::ffi::OsString;

    #[test]
    fn what_to_do_is_said_without_what_is_set() {
        let asked = |set: &[&str]| {
            asked_for(|name| set.contains(&name).then(|| OsString::from("5ecret")))
                .map_err(|failure| failure.to_string())
        };
        assert_eq!(asked(&["REDIS_URL", "CACHEKIT_FILE_CACHE_DIR"]), Ok(Source::File));
        let twice = "CACHEKIT_API_KEY and CACHEKIT_FILE_CACHE_DIR are set at once: keep one, or give --backend";
        let both = asked(&["CACHEKIT_API_KEY", "CACHEKIT_FILE_CACHE_DIR"]);
        assert_eq!(both, Err(twice.to_owned()));
        let none = asked(&[]).unwrap_err();
        let names =
            "set one of CACHEKIT_API_KEY, CACHEKIT_REDIS_URL, CACHEKIT_FILE_CACHE_DIR, REDIS_URL";
        assert!(none.starts_with("no backend: give --backend") && none.ends_with(names), "{none}");
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        for url in [
            "redis://user:s3cret@host",
            "redis://:s3cret@host/0",
            "rediss-cluster://a:s3cret@host,host",
            "redis://a:s3c@ret@host",
            "https://s3cret@host",
            "nonsense://a:s3cret@host",
            "redis://host?pass=s3cret",
            "redis://host?db=1&password=s3cret",
            "unix:///run/redis.sock?pass=s3cret",
            "redis-cluster://host,host?password=s3cret",
            "redis-sentinel://host/main?sentinel_password=s3cret",
            "redis-sentinel://host/main?sentinelPassword=s3cret",
            "s3cret",
            "http://s3cret.example",
            "ftp://s3cret",
            "file://s3cret",
        ] {
            let failure = format!("{:?}", by_url(url).map(drop).expect_err(url));
            assert!(!failure.contains("s3c"), "{failure}");
            let is_redis = url.starts_with("redis") || url.starts_with("unix");
            assert!(
                !is_redis || failure.contains("does not belong on the command line"),
                "{failure}"
            );
        }
    }
}
