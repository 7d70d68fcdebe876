//! `cachekit keygen`.

use crate::arguments::Keygen;
use crate::failure::Failure;
use crate::keys;
use crate::output::{deliver, note};
use cachekit_io::envelope::MasterKey;

pub(crate) fn run(options: &Keygen) -> Result<(), Failure> {
    let key = MasterKey::generate().map_err(Failure::environment)?;
    deliver(options.out.as_deref(), keys::text(&[key], options.format).as_bytes())?;
    if let Some(path) = &options.out {
        note(&format!("a new master key is in {}\n", path.display()));
    }
    Ok(())
}
