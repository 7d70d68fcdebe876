//! Settings of the client.

use super::address::{Login, ServerUrl, Shape};
use super::copies::Wanted;
use super::dial::{ClientCertificate, Credentials, Dialer, Tls, read_password};
use super::events::Events;
use super::keys::{MAX_PREFIX, Names, is_prefix};
use super::topology::Topology;
use super::{Redis, Shared};
use crate::runtime::Background;
use crate::tls::Roots;
use crate::{BackendError, BackendErrorKind, Operation};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);
const DEFAULT_FENCE_LIFE: Duration = Duration::from_secs(300);

/// A user and a password for [`RedisBuilder::credentials`]. `Debug` shows neither.
///
/// # Example
///
/// ```
/// use cachekit_io::redis::RedisCredentials;
///
/// let credentials = RedisCredentials::new("app", "s3cret");
/// assert_eq!(format!("{credentials:?}"), "RedisCredentials(..)");
/// ```
#[derive(Clone)]
pub struct RedisCredentials(Login);

impl RedisCredentials {
    /// An access control list user of the server, and the user's password.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self(Login { username: Some(username.into()), password: Some(password.into()) })
    }

    /// The password of the default user.
    pub fn password(password: impl Into<String>) -> Self {
        Self(Login { username: None, password: Some(password.into()) })
    }
}

impl fmt::Debug for RedisCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisCredentials(..)")
    }
}

/// Settings of [`Redis`]; [`build`](Self::build) checks them.
///
/// `Debug` shows no URL, since it may contain a password.
///
/// # Example
///
/// ```
/// use cachekit_io::Redis;
/// use std::time::Duration;
///
/// let redis = Redis::builder()
///     .url("redis://127.0.0.1:6379/1")
///     .prefix("shop:")
///     .timeout(Duration::from_millis(500))
///     .build()?;
/// assert_eq!(redis.timeout(), Duration::from_millis(500));
/// # Ok::<(), cachekit_io::BackendError>(())
/// ```
#[derive(Clone)]
pub struct RedisBuilder {
    pub(super) url: Option<String>,
    /// The name of the URL in errors.
    pub(super) url_name: &'static str,
    /// An error reported that the URL is missing or unreadable.
    pub(super) url_reported: bool,
    prefix: String,
    timeout: Duration,
    fence_life: Duration,
    replicas: u32,
    credentials: Option<Credentials>,
    password_file: Option<PathBuf>,
    roots: Roots,
    ca_files: Vec<PathBuf>,
    ca_pem: Vec<Vec<u8>>,
    pub(super) certificate_file: Option<PathBuf>,
    pub(super) key_file: Option<PathBuf>,
}

impl Default for RedisBuilder {
    fn default() -> Self {
        Self {
            url: None,
            url_name: "the Redis URL (CACHEKIT_REDIS_URL)",
            url_reported: false,
            prefix: String::new(),
            timeout: DEFAULT_TIMEOUT,
            fence_life: DEFAULT_FENCE_LIFE,
            replicas: 0,
            credentials: None,
            password_file: None,
            roots: Roots::Bundled,
            ca_files: Vec::new(),
            ca_pem: Vec::new(),
            certificate_file: None,
            key_file: None,
        }
    }
}

impl RedisBuilder {
    /// The location of Redis; see the [table of URLs](crate::redis#urls). Required.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// The prefix of all keys in Redis; empty by default. Up to 128 visible ASCII characters without
    /// `{`, `}` and `%`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long one operation may take, including connecting, reconnecting and redirects: 5 seconds by
    /// default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a fill may take: an older fence refuses it. 5 minutes by default.
    pub fn fence_life(mut self, life: Duration) -> Self {
        self.fence_life = life;
        self
    }

    /// How many replicas must have a write or a delete before it is confirmed; none by default.
    ///
    /// A confirmed operation is then not lost with the primary, if one of these replicas replaces it. If too
    /// few replicas confirm an operation within half of its time, and a second at most, it fails: it took
    /// effect at the primary, and may be lost. Locks and fences need no confirmation, because a failover
    /// voids them.
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// Calls this for the user and the password of each new connection, instead of using the URL.
    ///
    /// It is called on a thread that drives connections and must not block.
    pub fn credentials(
        mut self,
        provider: impl Fn() -> RedisCredentials + Send + Sync + 'static,
    ) -> Self {
        self.credentials = Some(Credentials::Provider(Arc::new(move || provider().0)));
        self
    }

    /// Reads the password of each new connection from the first line of this file; the user is the URL's.
    pub fn password_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.password_file = Some(path.into());
        self
    }

    /// Trusts what the operating system trusts, instead of Mozilla's list, which is compiled in.
    pub fn native_roots(mut self, native: bool) -> Self {
        self.roots = if native { Roots::Native } else { Roots::Bundled };
        self
    }

    /// Also trusts the certificates in this PEM file. It is read again for each connection.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_files.push(path.into());
        self
    }

    /// Also trusts these PEM certificates.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_pem.push(pem.into());
        self
    }

    /// Presents this certificate to the server: PEM files with the certificate and with its key. They are
    /// read again for each connection.
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.certificate_file = Some(certificate.into());
        self.key_file = Some(key.into());
        self
    }

    /// Checks the settings and creates the client. Nothing is connected yet, and Redis need not be up.
    ///
    /// # Errors
    ///
    /// [`Configuration`](BackendErrorKind::Configuration) names every wrong setting and what it
    /// accepts; never the value of a URL or a password.
    pub fn build(self) -> Result<Redis, BackendError> {
        let mut wrong = Vec::new();
        let redis = self.try_build(&mut wrong);
        match redis {
            Some(redis) if wrong.is_empty() => Ok(redis),
            _ => Err(configuration(&wrong)),
        }
    }

    pub(super) fn try_build(self, wrong: &mut Vec<String>) -> Option<Redis> {
        let url_name = self.url_name;
        let server_url = match self.url.as_deref().map(ServerUrl::parse) {
            Some(Ok(server_url)) => Some(server_url),
            Some(Err(why)) => note(wrong, format!("{url_name} {why}")),
            None if self.url_reported => None,
            None => note(wrong, "the Redis URL (CACHEKIT_REDIS_URL) is missing".to_owned()),
        };
        if !is_prefix(&self.prefix) {
            wrong.push(format!(
                "the prefix (CACHEKIT_REDIS_PREFIX) must be at most {MAX_PREFIX} visible ASCII \
                 characters without {{, }} and %"
            ));
        }
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            wrong.push(
                "the timeout (CACHEKIT_TIMEOUT) must be more than 0 and at most 3600 seconds"
                    .to_owned(),
            );
        }
        if self.fence_life < Duration::from_secs(1) {
            wrong.push("the life of fences must be at least one second".to_owned());
        }
        let client = match (self.certificate_file, self.key_file) {
            (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
            (None, None) => None,
            _ => note(
                wrong,
                "CACHEKIT_REDIS_CERT_FILE and CACHEKIT_REDIS_KEY_FILE need each other".to_owned(),
            ),
        };
        let tls = Tls { roots: self.roots, ca_files: self.ca_files, ca_pem: self.ca_pem, client };
        let uses_tls = server_url.as_ref().is_none_or(|server_url| server_url.tls);
        // Files may change later, but a path that does not exist now is a mistake.
        if uses_tls && let Err(why) = tls.read() {
            wrong.push(why);
        }
        let login =
            server_url.as_ref().map(|server_url| server_url.login.clone()).unwrap_or_default();
        let credentials = match (self.credentials, self.password_file) {
            (Some(provider), _) => provider,
            (None, Some(path)) => {
                if let Err(why) = read_password(&path) {
                    wrong.push(why.to_owned());
                }
                Credentials::File(login.username, path)
            }
            (None, None) if login.username.is_some() && login.password.is_none() => {
                wrong.push(format!("{url_name} has a user but no password"));
                Credentials::Fixed(login)
            }
            (None, None) => Credentials::Fixed(login),
        };
        let background = match Background::start() {
            Ok(background) => background,
            Err(error) => return note(wrong, format!("the background thread: {error}")),
        };
        let server_url = server_url?;
        let is_group = matches!(server_url.shape, Shape::Sentinel { .. });
        // In a group another server may have taken over, so some time must be left to reach it.
        let connect_timeout = match server_url.shape {
            Shape::Single(_) => self.timeout,
            _ => (self.timeout / 3).max(Duration::from_secs(1)).min(self.timeout),
        };
        let dialer = |credentials, database, primary_only| Dialer {
            tls: server_url.tls.then(|| tls.clone()),
            credentials,
            database,
            resp3: server_url.resp3,
            connect_timeout,
            background,
            primary_only,
            watcher: OnceLock::new(),
        };
        let sentinels = dialer(Credentials::Fixed(server_url.sentinel_login.clone()), 0, false);
        let servers = dialer(credentials, server_url.database, is_group);
        let names = Names::new(&self.prefix, matches!(server_url.shape, Shape::Cluster(_)));
        let events = Events::new(names.clone(), background);
        // Set only here.
        let _ = servers.watcher.set(events.watcher());
        let topology = Topology::new(server_url.shape, Arc::new(servers), &Arc::new(sentinels));
        let shared = Arc::new(Shared {
            names,
            topology,
            events,
            background,
            fence_life: self.fence_life,
            copies: Wanted::new(self.replicas, self.timeout),
            despairs: AtomicBool::new(false),
        });
        shared.events.belongs_to(Arc::downgrade(&shared));
        Some(Redis { shared, timeout: self.timeout })
    }
}

fn note<T>(wrong: &mut Vec<String>, what: String) -> Option<T> {
    wrong.push(what);
    None
}

pub(super) fn configuration(wrong: &[String]) -> BackendError {
    BackendError::new(BackendErrorKind::Configuration, Operation::Connect)
        .with_context(wrong.join("; "))
}

impl fmt::Debug for RedisBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBuilder")
            .field("url", &self.url.is_some())
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
