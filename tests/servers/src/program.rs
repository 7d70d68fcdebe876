//! Which program is started.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;

/// Asks for Valkey instead of Redis.
const VARIABLE: &str = "CACHEKIT_TEST_SERVER";

/// The server to start; what to install if it is not there.
pub(crate) fn server() -> Result<PathBuf, String> {
    let wanted = env::var(VARIABLE).unwrap_or_default();
    let name = name(&wanted)?;
    find(name, env::var_os("PATH").as_deref())
}

fn name(wanted: &str) -> Result<&'static str, String> {
    match wanted {
        "" | "redis" => Ok("redis-server"),
        "valkey" => Ok("valkey-server"),
        other => Err(format!("{VARIABLE} is `{other}`: it can be `redis` or `valkey`")),
    }
}

fn find(name: &str, path: Option<&OsStr>) -> Result<PathBuf, String> {
    env::split_paths(path.unwrap_or_default())
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .ok_or_else(|| format!("{name} is not installed: apt-get install {name}"))
}

#[cfg(test)]
mod tests {
    use super::{find, name};

    #[test]
    fn a_missing_program_names_the_command_that_installs_it() {
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(
            find("redis-server", Some(empty.path().as_os_str())).unwrap_err(),
            "redis-server is not installed: apt-get install redis-server"
        );
        assert!(find("valkey-server", None).unwrap_err().contains("apt-get install valkey-server"));
    }

    #[test]
    fn the_variable_chooses_between_the_two() {
        assert_eq!(name("").unwrap(), "redis-server");
        assert_eq!(name("redis").unwrap(), "redis-server");
        assert_eq!(name("valkey").unwrap(), "valkey-server");
        assert!(name("memcached").unwrap_err().contains("CACHEKIT_TEST_SERVER"));
    }
}
