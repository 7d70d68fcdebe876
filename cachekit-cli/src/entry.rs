//! The source of an entry.

use crate::arguments::EntryOptions;
use crate::failure::Failure;
use cachekit_io::CachekitIo;
use cachekit_io::blocking::Blocking;
use cachekit_io::envelope::{MAX_VALUE_LEN, OVERHEAD};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

impl EntryOptions {
    pub(crate) fn is_on_stdin(&self) -> bool {
        self.file.as_deref().is_some_and(|path| path == Path::new("-"))
    }

    /// The bytes as they are stored. The key is needed if they come from the service.
    pub(crate) fn read(&self, storage_key: Option<&str>) -> Result<Vec<u8>, Failure> {
        match (&self.file, storage_key) {
            (Some(path), _) if self.is_on_stdin() => read(io::stdin().lock(), path),
            (Some(path), _) => {
                let file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
                read(file, path)
            }
            (None, Some(key)) => self.fetch(key),
            (None, None) => Err(Failure::usage("--from-service needs --storage-key")),
        }
    }

    fn fetch(&self, key: &str) -> Result<Vec<u8>, Failure> {
        let mut builder = CachekitIo::builder_from_env()?;
        if let Some(url) = &self.url {
            builder = builder.api_url(url);
        }
        let service = Blocking::new(builder.build()?);
        let found = service.get(key)?;
        let found = found.ok_or_else(|| {
            Failure::not_found("the service has no entry under this storage key (or no longer)")
        })?;
        Ok(found.value().to_vec())
    }
}

fn read(from: impl Read, path: &Path) -> Result<Vec<u8>, Failure> {
    let most = u64::try_from(2 * MAX_VALUE_LEN + OVERHEAD).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = from.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::file("read", path, &error))?;
    if bytes.len() as u64 > most {
        return Err(Failure::usage(format!("{}: larger than any entry", path.display())));
    }
    Ok(bytes)
}
