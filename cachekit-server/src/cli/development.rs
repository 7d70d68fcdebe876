//! `--dev`: a temporary certificate and key, and the settings that a client needs for them.

use super::Failure;
use super::arguments::Serve;
use cachekit_server::{ApiKey, ApiKeys, DevAuthority, Identity, KeyKind, Scope, TenantLimits};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The only tenant of a development server.
const TENANT: &str = "dev";

/// Everything that a development server starts with.
pub(super) struct Development {
    pub(super) identity: Identity,
    pub(super) keys: ApiKeys,
    key: ApiKey,
    ca_file: PathBuf,
    host: Option<String>,
    /// Removed at the end.
    _directory: Option<TempDir>,
}

impl Development {
    pub(super) fn prepare(options: &Serve) -> Result<Self, Failure> {
        let (directory, kept) = if let Some(directory) = &options.dev_dir {
            make_private_directory(directory).map_err(|error| unwritable(directory, &error))?;
            (None, directory.clone())
        } else {
            let fresh = temporary_directory()
                .map_err(|error| Failure::runtime(format!("no temporary directory: {error}")))?;
            let path = fresh.path().to_owned();
            (Some(fresh), path)
        };
        let kept = fs::canonicalize(&kept).map_err(|error| unwritable(&kept, &error))?;
        let reuse = directory.is_none();
        let (authority, key) = material(&kept, reuse)?;
        let identity = authority.issue(&options.dev_hosts).map_err(Failure::usage)?;
        let mut keys = ApiKeys::new();
        keys.add(&key, TENANT, &Scope::ALL, TenantLimits::default()).map_err(Failure::runtime)?;
        let ca_file = kept.join("ca.pem");
        let host = options.dev_hosts.first().cloned();
        Ok(Self { identity, keys, key, ca_file, host, _directory: directory })
    }

    /// The settings for a client's environment, as lines for a shell.
    pub(super) fn environment(&self, listens: SocketAddr) -> String {
        let host = match (&self.host, listens.ip()) {
            (Some(name), _) => name.clone(),
            (None, ip) if ip.is_loopback() || ip.is_unspecified() => "localhost".to_owned(),
            (None, std::net::IpAddr::V4(ip)) => ip.to_string(),
            (None, std::net::IpAddr::V6(ip)) => format!("[{ip}]"),
        };
        let url = format!("https://{host}:{}", listens.port());
        format!(
            "export CACHEKIT_API_URL={}\nexport CACHEKIT_API_KEY={}\nexport CACHEKIT_CA_FILE={}\n\
             export CACHEKIT_ALLOW_CUSTOM_HOST=1\nexport CACHEKIT_ALLOW_PRIVATE_ADDRESSES=1\n",
            quoted(&url),
            quoted(self.key.expose()),
            quoted(&self.ca_file.display().to_string()),
        )
    }
}

/// The authority and the key: the previous ones, if they were kept, or new ones.
fn material(directory: &Path, keep: bool) -> Result<(DevAuthority, ApiKey), Failure> {
    let file = |name: &str| directory.join(name);
    let read = |name: &str| fs::read_to_string(file(name)).ok();
    let kept = (read("ca.pem"), read("ca-key.pem"), read("api-key"));
    if let (true, (Some(certificate), Some(key), Some(api_key))) = (keep, kept) {
        let failed = |what: &str| {
            let directory = directory.display();
            Failure::usage(format!("{directory} has no usable {what}: remove the directory"))
        };
        let authority =
            DevAuthority::from_pem(&certificate, &key).map_err(|_| failed("authority"))?;
        let api_key = ApiKey::parse(api_key.trim()).map_err(|_| failed("API key"))?;
        return Ok((authority, api_key));
    }
    let authority = DevAuthority::new().map_err(Failure::runtime)?;
    let api_key = ApiKey::generate(KeyKind::Live).map_err(Failure::runtime)?;
    let write = |name: &str, text: &str| {
        write_private(&file(name), text).map_err(|error| unwritable(&file(name), &error))
    };
    write("ca.pem", authority.certificate_pem())?;
    if keep {
        // Without a directory to keep it in, the authority's key never touches the disk.
        write("ca-key.pem", &authority.key_pem())?;
        write("api-key", api_key.expose())?;
    }
    Ok((authority, api_key))
}

/// Writes a file that only its owner can read, replacing any existing file. A process that reads it
/// meanwhile sees the old file or the new one.
pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Created with access for the owner only.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// A new file is readable for its owner only.
#[cfg(unix)]
pub(super) fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

/// On other systems the directory decides.
#[cfg(not(unix))]
pub(super) fn private(_: &mut OpenOptions) {}

fn temporary_directory() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("cachekit-dev-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o700));
    }
    builder.tempdir()
}

fn make_private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot write {}: {error}", path.display()))
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:[]".contains(&byte);
    if word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
