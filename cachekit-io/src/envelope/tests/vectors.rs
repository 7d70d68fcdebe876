//! Entries that an independent program made from the documentation (`vectors/native.py`).

use super::*;
use crate::envelope::{HEADER_LEN, Header};
use serde_json::Value;

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{name} is text"))
}

fn bytes(row: &Value, name: &str) -> Vec<u8> {
    hex::decode(text(row, name)).expect("hex")
}

#[test]
fn entries_made_from_the_documentation_open() {
    let document: Value =
        serde_json::from_str(include_str!("../../../vectors/native.json")).unwrap();
    let rows = document["vectors"].as_array().unwrap();
    assert_eq!(rows.len(), 7);
    for row in rows {
        let name = text(row, "name");
        let ring = Keyring::new(KeySet::from_hex(text(row, "master_key_hex"), &[]).unwrap());
        let envelope = Envelope::new(ring);
        let (tenant, namespace) = (text(row, "tenant"), text(row, "namespace"));
        let keys = envelope.storage_keys(tenant, namespace, &bytes(row, "logical_key_hex"));
        assert_eq!(keys.unwrap(), [text(row, "storage_key")], "{name}");

        let (fingerprint, entry) = (bytes(row, "fingerprint_hex"), bytes(row, "entry_hex"));
        let context = Context::new(tenant, namespace, text(row, "storage_key"))
            .codec(text(row, "codec"))
            .fingerprint(&fingerprint);
        assert_eq!(open(&envelope, &context, &entry), Ok(bytes(row, "value_hex")), "{name}");
        let header = Header::parse(&entry).unwrap();
        assert_eq!(header.key_id().to_string(), text(row, "key_id"), "{name}");
        assert_eq!(u64::from(header.padding().to_byte()), row["padding"].as_u64().unwrap());

        // The place field decides nothing but the name of a refusal, so opening does not show it right.
        let mut changed = entry.clone();
        changed[HEADER_LEN] ^= 1;
        assert_eq!(open(&envelope, &context, &changed), Err(EnvelopeErrorKind::Tampered), "{name}");
    }
}
