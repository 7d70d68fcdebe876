//! `cachekit keygen`.

use crate::arguments::Keygen;
use crate::failure::Failure;
use crate::keys;
use crate::output::{Style, deliver, note};
use cachekit_io::envelope::MasterKey;
use zeroize::Zeroizing;

pub(crate) fn run(options: &Keygen, style: Style) -> Result<(), Failure> {
    let key = MasterKey::generate().map_err(Failure::environment)?;
    let text = match style {
        Style::Text => keys::text(&[key], options.format),
        Style::Json => Zeroizing::new(format!("{{\"master_key\":\"{}\"}}\n", &*key.to_hex())),
    };
    deliver(options.out.as_deref(), text.as_bytes())?;
    if let Some(path) = &options.out {
        note(style, &format!("a new master key is in {}\n", path.display()));
    }
    Ok(())
}
