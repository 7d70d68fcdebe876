//! `cachekit fingerprint`.

use crate::arguments::{Fingerprint, ScopeOptions};
use crate::failure::Failure;
use crate::keys::{names, position};
use crate::output::{Style, Table, print};
use cachekit_io::envelope::Keyring;
use std::sync::Arc;

pub(crate) fn run(options: &Fingerprint, style: Style) -> Result<(), Failure> {
    let keyring = Arc::new(Keyring::new(options.keys.load()?));
    print(&table(&keyring, &options.scope)?.bytes(style))
}

/// Whose keys they are, and the names of each key.
pub(crate) fn table(keyring: &Arc<Keyring>, scope: &ScopeOptions) -> Result<Table, Failure> {
    let mut table = Table::default();
    table.row("tenant", scope.tenant.escape_debug());
    if let Some(namespace) = &scope.namespace {
        table.row("namespace", namespace.escape_debug());
    }
    for (slot, name) in names(keyring, scope)?.iter().enumerate() {
        let id = name.id.map_or_else(String::new, |id| format!("key-id={id} "));
        table.row(&position(slot), format!("{id}interop={}", name.fingerprint));
    }
    Ok(table)
}
