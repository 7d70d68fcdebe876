//! What may stand on the command line. No option takes a secret: command lines are in shell histories and
//! process lists.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or found
  1  unavailable: a file, the network, the backend
  2  wrong command line, keys or settings
  3  refused: the entry, or by the backend (credentials, quota, size)
  4  there is no such entry";

/// Reads and writes entries of any backend, looks into sealed ones, makes and rotates master keys, and watches
/// servers and programs.
///
/// The backend is that of `--backend URL`, or that of the environment, as programs find it: `CACHEKIT_API_KEY`,
/// `CACHEKIT_REDIS_URL`, `CACHEKIT_FILE_CACHE_DIR` or `REDIS_URL`, each with its companions.
///
/// Keys come from a file, from standard input or from the environment (`CACHEKIT_MASTER_KEY`,
/// `CACHEKIT_PREVIOUS_MASTER_KEYS`), never from the command line. They are printed by `keygen`, and by `rotate`
/// into the file it is told to write; by nothing else.
#[derive(Parser)]
#[command(name = "cachekit", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// Prints results as JSON, and failures too, on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Reads an entry, and writes its value.
    Get(Get),
    /// Stores an entry; its value comes from a file or from standard input.
    Set(Set),
    /// Removes entries. One that is not there is no failure.
    Delete(Delete),
    /// Whether there is an entry: exit code 0, or 4.
    Exists(Exists),
    /// Prints how long an entry has left, and gives it more.
    Ttl(Ttl),
    /// Asks whether the backend works.
    Health(HealthOptions),
    /// Computes the key by which all languages find the entry of a call.
    Key(Key),
    /// Makes a master key: 32 random bytes in hex.
    Keygen(Keygen),
    /// Prints the public names of the keys, which say nothing about them.
    Fingerprint(Fingerprint),
    /// Says what a stored entry is, without any key.
    Inspect(Inspect),
    /// Opens a sealed entry, and writes its value.
    Open(Open),
    /// Leads through a change of the master key, and writes the key files for it.
    Rotate(Rotate),
    /// Watches a server (requests, hits, times, store) or a program (functions by the worst hit ratio, what runs take,
    /// breakers, the last failures): a table that is drawn anew until `q`.
    Top(Top),
    /// Prints what a shell needs to complete this command's options.
    Completions(Completions),
    /// Prints the manual page, or writes those of all commands.
    Man(Man),
}

/// Which backend.
#[derive(Args)]
pub(crate) struct BackendOptions {
    /// The backend's URL, without a password: `https://host`, `redis://host`, `rediss://host` (TLS),
    /// `redis-sentinel://host,host/name`, `redis-cluster://host,host`, `unix:///socket` or `file:///directory`.
    #[arg(long, short, value_name = "URL")]
    pub(crate) backend: Option<String>,
}

/// Where a sealed entry was sealed for, beside its storage key.
#[derive(Args)]
pub(crate) struct PlaceOptions {
    /// The value is sealed, in the native format or with --interop in that of all languages: opens it, or seals it.
    #[arg(long)]
    pub(crate) secure: bool,
    /// The entry is one that all languages share: `get` writes it as JSON, and `set` takes JSON. What JSON lacks is
    /// written `{"$bytes": "c0ffee"}`, `{"$set": […]}`, `{"$datetime": "2024-01-01T00:00:00+00:00"}`.
    #[arg(long, conflicts_with_all = ["codec", "fingerprint", "namespace"])]
    pub(crate) interop: bool,
    /// With --secure: the tenant.
    #[arg(long, default_value = "default")]
    pub(crate) tenant: String,
    /// With --secure: the namespace.
    #[arg(long, requires = "secure")]
    pub(crate) namespace: Option<String>,
    /// With --secure: the codec's name. Without it, `get` tries those of `#[cache::secure]`, and `set` names none.
    #[arg(long, value_name = "NAME", requires = "secure")]
    pub(crate) codec: Option<String>,
    /// With --secure: the fingerprint of the value's schema, in hex.
    #[arg(long, value_name = "HEX", requires = "secure")]
    pub(crate) fingerprint: Option<String>,
}

#[derive(Args)]
pub(crate) struct Get {
    /// The key, as the backend has it: for a function with `interop` or `#[cache::secure]` what its `key` companion
    /// prints.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) backend: BackendOptions,
    #[command(flatten)]
    pub(crate) place: PlaceOptions,
    #[command(flatten)]
    pub(crate) keys: KeyOptions,
    /// Writes the value as JSON; it has to be `MessagePack`.
    #[arg(long, conflicts_with = "interop")]
    pub(crate) decode: bool,
    /// Writes the whole entry, with the frame that annotated functions put before a value.
    #[arg(long, conflicts_with_all = ["decode", "interop"])]
    pub(crate) raw: bool,
    /// Writes to this new file, readable by its owner alone, instead of to standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Key {
    /// The arguments of the call in the order of its parameters, as a JSON array: `'[42, {"a": 1}]'`. What JSON lacks
    /// is written `{"$bytes": "c0ffee"}`, `{"$set": […]}`, `{"$datetime": "2024-01-01T00:00:00+00:00"}`.
    #[arg(value_name = "ARGUMENTS", default_value = "[]")]
    pub(crate) arguments: String,
    /// The namespace, as `namespace = "users"` on the function.
    #[arg(long)]
    pub(crate) namespace: String,
    /// The operation, as `interop = "get_user"` on the function.
    #[arg(long)]
    pub(crate) operation: String,
}

#[derive(Args)]
pub(crate) struct Set {
    /// The key.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// The file with the value; without it, or as `-`, standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) backend: BackendOptions,
    #[command(flatten)]
    pub(crate) place: PlaceOptions,
    #[command(flatten)]
    pub(crate) keys: KeyOptions,
    /// Time to live: `90s`, `5m`, `1h 30m`, `2days`; without a unit in seconds. Without it the entry does not expire.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) ttl: Option<Duration>,
    /// For how long after its time to live the value may be served stale.
    #[arg(long, value_name = "TIME", value_parser = time, requires = "ttl")]
    pub(crate) stale: Option<Duration>,
}

#[derive(Args)]
pub(crate) struct Delete {
    /// The keys.
    #[arg(value_name = "KEY", required = true)]
    pub(crate) entries: Vec<String>,
    #[command(flatten)]
    pub(crate) backend: BackendOptions,
}

#[derive(Args)]
pub(crate) struct Exists {
    /// The key.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) backend: BackendOptions,
}

#[derive(Args)]
pub(crate) struct Ttl {
    /// The key.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) backend: BackendOptions,
    /// Gives a fresh entry this time to live, from now on.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) set: Option<Duration>,
}

#[derive(Args)]
pub(crate) struct HealthOptions {
    #[command(flatten)]
    pub(crate) backend: BackendOptions,
}

#[derive(Args)]
pub(crate) struct Top {
    /// The URL of the server's admin listener (`--admin` of the server), or of the page of a program (feature `axum` of
    /// cachekit), such as `http://127.0.0.1:3000/cache`. Which of the two it is shows in its answer.
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub(crate) url: String,
    /// Sends the first line of this file as a bearer token. Without the option: `CACHEKIT_TOP_TOKEN`, or the file that
    /// `CACHEKIT_TOP_TOKEN_FILE` names. Over http:// to this machine only.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// How often the table is drawn anew.
    #[arg(long, short = 'n', value_name = "TIME", value_parser = time, default_value = "2s")]
    pub(crate) interval: Duration,
    /// Prints the numbers since the start, once. So it is with --json, and where standard output is no
    /// terminal.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args)]
pub(crate) struct Man {
    /// Writes a page for each command into this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) out_dir: Option<PathBuf>,
}

/// A time as people write it; without a unit in seconds.
fn time(text: &str) -> Result<Duration, String> {
    let time = match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text),
    };
    match time {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => {
            Err("a time is a positive number of seconds, or such as 90s, 5m, 1h 30m, 2days".into())
        }
    }
}

#[derive(Args)]
pub(crate) struct Keygen {
    /// Writes the key to this new file, readable by its owner alone, instead of to standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How the key is written.
    #[arg(long, value_enum, default_value = "lines")]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One key in each line, the current one first: for `FileKeySource` and `--key-file`.
    Lines,
    /// The lines of an environment file, as systemd, Docker and shells read them.
    Env,
}

/// Where the keys come from.
#[derive(Args)]
pub(crate) struct KeyOptions {
    /// The keys, in hex: the current one on the first line, previous ones after it; `-` is standard input.
    /// Without it: the variables `CACHEKIT_MASTER_KEY` and `CACHEKIT_PREVIOUS_MASTER_KEYS`.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// Whose keys are named.
#[derive(Args)]
pub(crate) struct ScopeOptions {
    /// The tenant.
    #[arg(long, default_value = "default")]
    pub(crate) tenant: String,
    /// The namespace: key ids of the native format are different in each. Without it, only the fingerprints
    /// of the interop format are printed.
    #[arg(long)]
    pub(crate) namespace: Option<String>,
}

#[derive(Args)]
pub(crate) struct Fingerprint {
    #[command(flatten)]
    pub(crate) keys: KeyOptions,
    #[command(flatten)]
    pub(crate) scope: ScopeOptions,
}

/// Where the entry comes from: one of two.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub(crate) struct EntryOptions {
    /// A file with the entry's bytes; `-` is standard input.
    #[arg(value_name = "FILE", conflicts_with = "from_service")]
    pub(crate) file: Option<PathBuf>,
    /// Reads the entry from the service that the variables `CACHEKIT_API_KEY`, `CACHEKIT_API_URL` and so on
    /// name.
    #[arg(long)]
    pub(crate) from_service: bool,
    /// The service's base URL, in place of `CACHEKIT_API_URL`.
    #[arg(long, requires = "from_service")]
    pub(crate) url: Option<String>,
}

#[derive(Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) entry: EntryOptions,
    /// The key under which the service has the entry.
    #[arg(
        long,
        value_name = "KEY",
        requires = "from_service",
        required_if_eq("from_service", "true")
    )]
    pub(crate) storage_key: Option<String>,
}

#[derive(Args)]
pub(crate) struct Open {
    #[command(flatten)]
    pub(crate) entry: EntryOptions,
    #[command(flatten)]
    pub(crate) keys: KeyOptions,
    /// The key under which the entry is stored, as the backend sees it.
    #[arg(long, value_name = "KEY")]
    pub(crate) storage_key: String,
    /// The tenant that the entry was sealed for.
    #[arg(long, default_value = "default")]
    pub(crate) tenant: String,
    /// The namespace that the entry was sealed for. Interop entries have theirs in the storage key.
    #[arg(long, required_unless_present = "interop", conflicts_with = "interop")]
    pub(crate) namespace: Option<String>,
    /// The codec that the entry was sealed for. Without it, those of `#[cache::secure]` are tried.
    #[arg(long, value_name = "NAME", conflicts_with = "interop")]
    pub(crate) codec: Option<String>,
    /// The fingerprint of the value's schema that the entry was sealed for, in hex.
    #[arg(long, value_name = "HEX", conflicts_with = "interop")]
    pub(crate) fingerprint: Option<String>,
    /// The entry has the format that all SDKs of the ecosystem share.
    #[arg(long)]
    pub(crate) interop: bool,
    /// Writes the value as JSON; it has to be `MessagePack`.
    #[arg(long)]
    pub(crate) decode: bool,
    /// Writes everything that was sealed, with the frame that `#[cache::secure]` puts before a value.
    #[arg(long, conflicts_with = "decode")]
    pub(crate) raw: bool,
    /// Writes to this new file, readable by its owner alone, instead of to standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Without `--out` and `--next`: prints where the keys stand, and the steps.
#[derive(Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) keys: KeyOptions,
    #[command(flatten)]
    pub(crate) scope: ScopeOptions,
    /// Writes the next keys to this new file, readable by its owner alone: a new current key, and today's as
    /// the first of the previous ones.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// With --out: no new key; the oldest previous key is left out.
    #[arg(long, requires = "out")]
    pub(crate) drop_oldest: bool,
    /// How --out is written.
    #[arg(long, value_enum, default_value = "lines", requires = "out")]
    pub(crate) format: Format,
    /// Checks that these keys may follow the present ones.
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    pub(crate) next: Option<PathBuf>,
}
