//! The location of Redis, as one URL.

use percent_encoding::percent_decode_str;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The default port of a server.
const PORT: u16 = 6379;
/// The default port of a Sentinel.
const SENTINEL_PORT: u16 = 26379;

/// What a valid URL looks like; the message prints it after the variable's name and does not show the URL.
pub(super) const ACCEPTED: &str = "must be redis://, rediss:// (TLS), unix://, redis-sentinel:// or \
                                   redis-cluster://, with `s` after `redis` for TLS";

/// One server.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Address {
    Tcp { host: Arc<str>, port: u16 },
    Unix(Arc<PathBuf>),
}

impl Address {
    pub(super) fn tcp(host: &str, port: u16) -> Self {
        Self::Tcp { host: host.into(), port }
    }
}

// It never contains a credential, but a host reveals more than a log needs.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp { .. } => "Address(tcp)",
            Self::Unix(_) => "Address(unix)",
        })
    }
}

/// How the servers are organized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Single(Address),
    Sentinel { sentinels: Vec<Address>, group: String },
    Cluster(Vec<Address>),
}

/// A name and a password. `Debug` shows neither.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

/// Everything in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerUrl {
    pub(super) shape: Shape,
    pub(super) tls: bool,
    pub(super) login: Login,
    pub(super) sentinel_login: Login,
    pub(super) database: u32,
    pub(super) resp3: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Single,
    Unix,
    Sentinel,
    Cluster,
}

impl ServerUrl {
    /// Parses a URL. The error says what is wrong without showing the URL. A URL does not end in white space: it comes
    /// from the file that a variable was read from, and is removed.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let url = url.trim_ascii_end();
        let (scheme, rest) = url.split_once("://").ok_or(ACCEPTED)?;
        let (kind, tls) = scheme_of(scheme).ok_or(ACCEPTED)?;
        if rest.contains('#') {
            return Err("must not have a fragment; write # in a password as %23".to_owned());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if path.contains('@') {
            return Err("has a / or ? in its password; write them as %2F and %3F".to_owned());
        }
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (login_of(login)?, hosts),
            None => (Login::default(), authority),
        };
        let mut options = Options::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            options.read(pair)?;
        }
        let port = if kind == Kind::Sentinel { SENTINEL_PORT } else { PORT };
        let mut addresses = Vec::new();
        if kind != Kind::Unix {
            for host in hosts.split(',').chain(options.nodes.iter().map(String::as_str)) {
                addresses.push(address_of(host, port)?);
            }
        }
        let (shape, database) = match kind {
            Kind::Single => match <[Address; 1]>::try_from(addresses) {
                Ok([address]) => (Shape::Single(address), database_of(path)?),
                Err(_) => {
                    return Err(
                        "names several hosts; a group is redis-sentinel://host,host/name or \
                                redis-cluster://host,host"
                            .to_owned(),
                    );
                }
            },
            Kind::Unix => {
                if !hosts.is_empty() || path.len() < 2 {
                    return Err(
                        "must give the socket's whole path: unix:///run/redis.sock".to_owned()
                    );
                }
                let path = PathBuf::from(decoded(path)?);
                (Shape::Single(Address::Unix(Arc::new(path))), None)
            }
            Kind::Sentinel => {
                let (group, database) = group_of(path, options.group.take())?;
                (Shape::Sentinel { sentinels: addresses, group }, database)
            }
            Kind::Cluster => (Shape::Cluster(addresses), database_of(path)?),
        };
        let database = database.or(options.database).unwrap_or(0);
        if kind == Kind::Cluster && database != 0 {
            return Err("names a database, but a Cluster has number 0 only".to_owned());
        }
        Ok(Self {
            shape,
            tls,
            login: Login {
                username: login.username.or(options.login.username),
                password: login.password.or(options.login.password),
            },
            sentinel_login: options.sentinel_login,
            database,
            resp3: options.resp3.unwrap_or(true),
        })
    }
}

impl ServerUrl {
    /// Whether the URL has a password in any of its possible positions.
    pub(super) fn has_password(&self) -> bool {
        [&self.login, &self.sentinel_login].iter().any(|login| login.password.is_some())
    }
}

fn scheme_of(scheme: &str) -> Option<(Kind, bool)> {
    let scheme = scheme.to_ascii_lowercase();
    let scheme = match scheme.strip_prefix("valkey") {
        Some(rest) => format!("redis{rest}"),
        None => scheme,
    };
    let scheme = scheme.replace('+', "-");
    Some(match scheme.as_str() {
        "redis" => (Kind::Single, false),
        "rediss" => (Kind::Single, true),
        "unix" | "redis-unix" => (Kind::Unix, false),
        "redis-sentinel" => (Kind::Sentinel, false),
        "rediss-sentinel" => (Kind::Sentinel, true),
        "redis-cluster" => (Kind::Cluster, false),
        "rediss-cluster" => (Kind::Cluster, true),
        _ => return None,
    })
}

fn decoded(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| "has percent escapes that are not UTF-8".to_owned())
}

/// `None` for an empty text.
fn given(text: &str) -> Result<Option<String>, String> {
    Ok(Some(decoded(text)?).filter(|text| !text.is_empty()))
}

fn login_of(text: &str) -> Result<Login, String> {
    let (username, password) = text.split_once(':').unwrap_or((text, ""));
    Ok(Login { username: given(username)?, password: given(password)? })
}

fn address_of(text: &str, port: u16) -> Result<Address, String> {
    let wrong = || "must give hosts as name, name:port or [IPv6]:port".to_owned();
    let (host, given) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(wrong()),
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || !host.chars().all(is_plain) {
        return Err(wrong());
    }
    let port = match given {
        None => port,
        Some(text) => match text.parse() {
            Ok(port @ 1..) if text.bytes().all(|byte| byte.is_ascii_digit()) => port,
            _ => return Err("must give ports as numbers from 1 to 65535".to_owned()),
        },
    };
    Ok(Address::tcp(host, port))
}

fn number(text: &str) -> Result<u32, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| "must give the database as a number, such as redis://host/0".to_owned())
}

fn database_of(path: &str) -> Result<Option<u32>, String> {
    match path.strip_prefix('/').unwrap_or(path) {
        "" => Ok(None),
        text => number(text).map(Some),
    }
}

/// `/name`, `/name/database`; only `/database` if an option names the group.
fn group_of(path: &str, group: Option<String>) -> Result<(String, Option<u32>), String> {
    if let Some(group) = group {
        return Ok((group, database_of(path)?));
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    let (group, database) = path.split_once('/').unwrap_or((path, ""));
    let group = given(group)?.ok_or(
        "must name the group that the Sentinels watch: redis-sentinel://host,host/name/database",
    )?;
    Ok((group, database_of(database)?))
}

#[derive(Default)]
struct Options {
    login: Login,
    sentinel_login: Login,
    database: Option<u32>,
    resp3: Option<bool>,
    group: Option<String>,
    nodes: Vec<String>,
}

impl Options {
    fn read(&mut self, pair: &str) -> Result<(), String> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "db" | "database" => self.database = Some(number(value)?),
            "user" | "username" => self.login.username = given(value)?,
            "pass" | "password" => self.login.password = given(value)?,
            "sentinel_username" | "sentinelUsername" => {
                self.sentinel_login.username = given(value)?;
            }
            "sentinel_password" | "sentinelPassword" => {
                self.sentinel_login.password = given(value)?;
            }
            "sentinelServiceName" | "sentinelMasterId" => self.group = given(value)?,
            "node" => self.nodes.push(decoded(value)?),
            "protocol" => {
                self.resp3 = Some(match value {
                    "3" | "resp3" => true,
                    "2" | "resp2" => false,
                    _ => return Err("must give protocol as resp3 or resp2".to_owned()),
                });
            }
            // The unknown name might be part of a password that contains an &.
            _ => {
                return Err(
                    "has an unknown option after ?; known are db, user, password, protocol, \
                            sentinel_username, sentinel_password, sentinelServiceName and node"
                        .to_owned(),
                );
            }
        }
        Ok(())
    }
}
