//! What may stand on the command line.

use cachekit_server::{KeyKind, Scope};
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// A server for the HTTP API of cachekit.io.
///
/// `cachekit-server --dev` starts at once, with a certificate and an API key of its own. In production give
/// it `--tls-cert`, `--tls-key` and `--api-keys`; all three are read again on SIGHUP. SIGTERM and ctrl-c end
/// it in an orderly way.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) serve: Serve,
}

impl Arguments {
    /// Those of this process. Ends it where they are wrong, or ask for help.
    pub(super) fn of_process() -> Self {
        let matches = Self::command().get_matches();
        let mut arguments = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        let source = matches.value_source("store");
        arguments.serve.store_is_shown = source == Some(ValueSource::CommandLine);
        arguments
    }
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Makes and lists API keys.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
}

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Makes an API key. It is printed once, alone on standard output; what is kept is a salted hash.
    New(NewKey),
    /// Lists the keys of a file: class and id, tenant, scopes, limits.
    List {
        /// The key file.
        file: PathBuf,
    },
}

#[derive(Args)]
pub(super) struct NewKey {
    /// Whose entries the key opens: 1 to 64 letters, digits, `.`, `_` and `-`.
    #[arg(long)]
    pub(super) tenant: String,
    /// The key's class: `sdk` writes to `ns:` and unprefixed keys, `api` to `nsapi:` and unprefixed keys,
    /// `live` everywhere.
    #[arg(long, default_value = "live")]
    pub(super) kind: KeyKind,
    /// What the key may do; repeat it or separate by commas. Without it: everything.
    #[arg(long = "scope", value_name = "read|write|delete|lock", value_delimiter = ',')]
    pub(super) scopes: Vec<Scope>,
    /// Appends the key's line to this file, which is made if it is not there. Without it the line goes to
    /// standard error.
    #[arg(long, value_name = "FILE")]
    pub(super) append: Option<PathBuf>,
    #[command(flatten)]
    pub(super) limits: LimitOptions,
}

/// Limits of a tenant, all its keys together.
#[derive(Args, Clone, Copy)]
pub(super) struct LimitOptions {
    /// Requests per second of one tenant; more are answered 429 with Retry-After.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) rate_limit: Option<u32>,
    /// Requests of one tenant at once, on top of the rate. Without it, a second's worth.
    #[arg(long, value_name = "N", requires = "rate_limit",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) rate_burst: Option<u32>,
    /// Requests of one tenant per day (UTC); more are answered 429 with X-CacheKit-Deny-Reason.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) quota_requests: Option<u64>,
    /// Bytes one tenant may have stored; more are answered 429 with X-CacheKit-Deny-Reason.
    #[arg(long, value_name = "SIZE")]
    pub(super) quota_bytes: Option<Size>,
}

#[derive(Args)]
#[allow(clippy::struct_excessive_bools)] // One for each switch of the command line.
pub(super) struct Serve {
    /// For development: makes a certificate and an API key, and prints what a client needs.
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key", "api_keys", "cleartext"])]
    pub(super) dev: bool,
    /// With --dev: one more name or address the certificate is for; repeatable. `localhost`, `127.0.0.1`
    /// and `::1` are always in it.
    #[arg(long = "dev-host", value_name = "NAME", requires = "dev")]
    pub(super) dev_hosts: Vec<String>,
    /// With --dev: keeps the authority and the API key in this directory and uses them again next time.
    /// Without it: a fresh temporary directory with the authority's certificate, removed at the end.
    #[arg(long, value_name = "DIR", requires = "dev")]
    pub(super) dev_dir: Option<PathBuf>,
    /// With --dev: also writes the environment of a client to this file, once the server is ready.
    #[arg(long, value_name = "FILE", requires = "dev")]
    pub(super) env_file: Option<PathBuf>,

    /// Where to listen. Port 0 is a free port.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    pub(super) listen: SocketAddr,
    /// The certificate chain as PEM, leaf first. Read again on SIGHUP.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The private key of the certificate as PEM. Read again on SIGHUP.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// No TLS. Only on a loopback address, for a proxy on the same machine.
    #[arg(long, conflicts_with = "tls_cert")]
    pub(super) cleartext: bool,
    /// The API keys, as `cachekit-server key new --append` wrote them. Read again on SIGHUP.
    #[arg(long, value_name = "FILE")]
    pub(super) api_keys: Option<PathBuf>,
    /// Where to listen for /healthz, /readyz and /metrics, in cleartext and without keys.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) admin: Option<SocketAddr>,

    /// Where entries live: `memory`, `disk:DIR`, or the URL of a Redis that several nodes share, such as
    /// `redis://host`, `rediss://host` (TLS), `redis-sentinel://host,host/name`, `redis-cluster://host,host`.
    /// A URL with a password is taken from the variable only, since other users of the machine see command lines; or give
    /// --store-password-file.
    #[arg(
        long,
        value_name = "memory|disk:DIR|URL",
        env = "CACHEKIT_SERVER_STORE",
        hide_env_values = true,
        default_value = "memory"
    )]
    pub(super) store: StoreChoice,
    /// It stands on the command line, and not in the variable.
    #[arg(skip)]
    pub(super) store_is_shown: bool,
    #[command(flatten)]
    pub(super) redis: RedisOptions,
    /// Room for entries, 1GiB without it: keys, values and book-keeping. Beyond it, entries are evicted. Not
    /// over Redis, which has `maxmemory`.
    #[arg(long, value_name = "SIZE")]
    pub(super) max_bytes: Option<Size>,
    /// The largest value.
    #[arg(long, value_name = "SIZE", default_value = "25MiB")]
    pub(super) max_value_bytes: Size,
    /// Accepts keys of any characters, up to 1,024 bytes, instead of those of cachekit.io.
    #[arg(long)]
    pub(super) any_key: bool,

    /// Connections at the same time. Without it: 1024, or fewer where the system allows the process fewer open files
    /// than two for each and 128 beside them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) max_connections: Option<u32>,
    /// Connections on which requests of one tenant run at the same time; a request on one more is answered
    /// 429. Without it: three quarters of --max-connections.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) max_connections_per_tenant: Option<u32>,
    /// Connections of one peer address (of IPv6, of its /64 network). Without it: half of --max-connections,
    /// and no limit for loopback addresses.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) max_connections_per_address: Option<u32>,
    /// What all bodies that are being received may take together; beyond it, 503.
    #[arg(long, value_name = "SIZE", default_value = "512MiB")]
    pub(super) max_receiving_bytes: Size,
    /// What the bodies of one tenant may take of that; beyond it, 429. Without it: a quarter.
    #[arg(long, value_name = "SIZE")]
    pub(super) max_receiving_bytes_per_tenant: Option<Size>,
    /// What peers may have sent over all HTTP/2 connections together before it is read. 128 KiB times
    /// --max-connections are set aside, so that each can have 64 KiB; the first connections get more of the
    /// rest. Without it: 256 MiB, or twice what is set aside if that is more.
    #[arg(long, value_name = "SIZE")]
    pub(super) max_unread_bytes: Option<Size>,
    /// What all answers that were not taken yet may hold together; others wait.
    #[arg(long, value_name = "SIZE", default_value = "512MiB")]
    pub(super) max_sending_bytes: Size,
    /// What the answers to one tenant may hold of that. Without it: a quarter.
    #[arg(long, value_name = "SIZE")]
    pub(super) max_sending_bytes_per_tenant: Option<Size>,
    /// What the answers on one connection may hold of that.
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    pub(super) max_sending_bytes_per_connection: Size,
    /// Locks that one tenant holds at the same time; a request for one more is answered 429.
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub(super) max_locks_per_tenant: u32,
    /// Requests at the same time on one HTTP/2 connection.
    #[arg(long, value_name = "N", default_value_t = 1000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) max_streams: u32,
    /// All header lines of a request together.
    #[arg(long, value_name = "SIZE", default_value = "16KiB")]
    pub(super) max_header_bytes: Size,
    /// Seconds for the TLS handshake.
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub(super) handshake_timeout: Seconds,
    /// Seconds for the head of a request.
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub(super) header_timeout: Seconds,
    /// Seconds for the body of a request; every 64 KiB received add one.
    #[arg(long, value_name = "SECONDS", default_value = "20")]
    pub(super) body_timeout: Seconds,
    /// Seconds without a request after which a connection is closed.
    #[arg(long, value_name = "SECONDS", default_value = "400")]
    pub(super) idle_timeout: Seconds,
    /// Seconds without progress of a running request after which its connection is cut. While answers wait
    /// for the peer, progress is what the peer takes of them.
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub(super) stall_timeout: Seconds,
    /// What a peer has to take of its answers in each second, in the long run.
    #[arg(long, value_name = "SIZE", default_value = "16KiB")]
    pub(super) min_answer_rate: Size,
    /// Seconds at the end for which /readyz is 503 and connections are still accepted: for a load balancer that has to
    /// notice. Without it: none.
    #[arg(long, value_name = "SECONDS")]
    pub(super) drain_delay: Option<Seconds>,
    /// Seconds that running requests get at the end, after --drain-delay.
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    pub(super) drain_timeout: Seconds,

    #[command(flatten)]
    pub(super) limits: LimitOptions,

    /// How the log is written, to standard error. What is logged is chosen by `RUST_LOG` (`info` without
    /// it). Keys, values and API keys are never logged.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) log: LogFormat,
}

/// What only a store in Redis needs.
#[derive(Args, Clone)]
#[allow(clippy::struct_field_names)] // As the options are called.
pub(super) struct RedisOptions {
    /// Over Redis: seconds for one operation, of which a request needs one to three. A request that is late is
    /// answered 503. Without it: 2.
    #[arg(long, value_name = "SECONDS")]
    pub(super) store_timeout: Option<Seconds>,
    /// Over Redis: how many replicas must have a PUT or a DELETE before it is answered 200. With fewer it is
    /// answered 503. Without it: none, and a primary that dies may take the last of them with it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) store_replicas: Option<u32>,
    /// Over Redis: what all names begin with, before `cachekit-server:`. Nodes with the same one share
    /// their entries.
    #[arg(long, value_name = "TEXT")]
    pub(super) store_prefix: Option<String>,
    /// Over Redis: a file with the password, its first line; read again for each connection.
    #[arg(long, value_name = "FILE")]
    pub(super) store_password_file: Option<PathBuf>,
    /// Over Redis: a PEM file with authorities to trust as well; read again for each connection.
    #[arg(long, value_name = "FILE")]
    pub(super) store_ca_file: Option<PathBuf>,
    /// Over Redis: the certificate to show, as PEM.
    #[arg(long, value_name = "FILE", requires = "store_tls_key")]
    pub(super) store_tls_cert: Option<PathBuf>,
    /// Over Redis: the private key of that certificate, as PEM.
    #[arg(long, value_name = "FILE", requires = "store_tls_cert")]
    pub(super) store_tls_key: Option<PathBuf>,
}

impl RedisOptions {
    /// The first of them that was given.
    pub(super) fn given(&self) -> Option<&'static str> {
        let given = [
            (self.store_timeout.is_some(), "--store-timeout"),
            (self.store_replicas.is_some(), "--store-replicas"),
            (self.store_prefix.is_some(), "--store-prefix"),
            (self.store_password_file.is_some(), "--store-password-file"),
            (self.store_ca_file.is_some(), "--store-ca-file"),
            (self.store_tls_cert.is_some(), "--store-tls-cert"),
        ];
        given.into_iter().find_map(|(is_given, name)| is_given.then_some(name))
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object in each line.
    Json,
}

/// Where entries live.
#[derive(Clone)]
pub(super) enum StoreChoice {
    Memory,
    Disk(PathBuf),
    /// A URL, or a mistake, which may be one with a password: none of it is ever shown.
    Other(String),
}

impl FromStr for StoreChoice {
    type Err = Infallible;

    /// Takes everything: the report of a value that is refused here would show it. White space at the end is that of the
    /// file that the variable was read from.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim_ascii_end();
        Ok(match text.split_once(':') {
            None if text == "memory" => Self::Memory,
            Some(("disk", directory)) if !directory.is_empty() => Self::Disk(directory.into()),
            _ => Self::Other(text.to_owned()),
        })
    }
}

/// A number of bytes.
#[derive(Clone, Copy)]
pub(super) struct Size(pub(super) u64);

impl Size {
    pub(super) fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a size is a positive number of bytes, or one with KiB, MiB or GiB";
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let factor: u64 = match &text[digits.len()..] {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(WRONG),
        };
        let number: u64 = digits.trim_end().parse().map_err(|_| WRONG)?;
        number.checked_mul(factor).filter(|bytes| *bytes > 0).map(Self).ok_or(WRONG)
    }
}

/// A time of up to a day.
#[derive(Clone, Copy)]
pub(super) struct Seconds(pub(super) std::time::Duration);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a time is a number of seconds from 0.001 to 86400";
        let seconds: f64 = text.parse().map_err(|_| WRONG)?;
        let formed = (0.001..=86_400.0).contains(&seconds);
        let time = std::time::Duration::try_from_secs_f64(seconds).map_err(|_| WRONG)?;
        if formed { Ok(Self(time)) } else { Err(WRONG) }
    }
}
