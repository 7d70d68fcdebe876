//! The ecosystem's published vectors, and its own implementation.

use super::*;
use crate::envelope::context::{Short, push_part};
use crate::envelope::interop::{InteropEnvelope, TenantKeys, WRITTEN, aad, derive};
use EnvelopeErrorKind::{Damaged, Tampered};
use cachekit_core::encryption::ZeroKnowledgeEncryptor;
use cachekit_core::encryption::key_derivation::derive_domain_key;
use serde_json::Value;

fn document(text: &str) -> Value {
    serde_json::from_str(text).expect("the vectors are JSON")
}

fn encryption() -> Value {
    document(include_str!("../../../vectors/encryption.json"))
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{name} is text"))
}

fn bytes(row: &Value, name: &str) -> Vec<u8> {
    hex::decode(text(row, name)).expect("hex")
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn tenant_keys(masters: &[MasterKey], tenant: &str) -> TenantKeys {
    TenantKeys::derive(masters.iter(), Vec::new(), tenant, Provider::default())
}

fn row_aad(row: &Value, tenant: &str) -> Vec<u8> {
    let original_type = row.get("original_type").and_then(Value::as_str);
    let compressed = row["compressed"].as_bool().expect("a flag");
    let flag = if compressed { "True" } else { "False" };
    let mut written = Vec::new();
    for part in [text(row, "format"), flag].into_iter().chain(original_type) {
        push_part(&mut written, part.as_bytes());
    }
    // What is constant in our entries.
    let is_ours = (text(row, "format"), compressed, original_type) == ("msgpack", false, None);
    assert_eq!(written == WRITTEN, is_ours);
    data(tenant, text(row, "cache_key"), &written)
}

fn data(tenant: &str, key: &str, written: &[u8]) -> Vec<u8> {
    let mut data = Short::new();
    aad(&mut data, tenant, key, written).unwrap();
    data.bytes().to_vec()
}

fn opens(keys: &TenantKeys, data: &[u8], entry: &[u8]) -> Result<Vec<u8>, EnvelopeErrorKind> {
    let mut out = Vec::new();
    keys.open(data, entry, &mut out).map(|_| out).map_err(|error| error.kind())
}

#[test]
fn the_published_ciphertexts_open_and_the_additional_data_is_theirs() {
    let document = encryption();
    let keys = [MasterKey::from_hex(text(&document, "master_key_hex")).unwrap()];
    let tenant = text(&document, "tenant_id");
    let keys = tenant_keys(&keys, tenant);
    let containers = rows(&document["decrypted_container"]["vectors"]);
    let vectors = rows(&document["vectors"]);
    assert_eq!((vectors.len(), containers.len()), (9, 6));
    for row in vectors.iter().chain(containers) {
        let data = row_aad(row, tenant);
        assert_eq!(data, bytes(row, "aad_hex"), "{}", row["name"]);
        let opened = opens(&keys, &data, &bytes(row, "ciphertext_hex"));
        assert_eq!(opened, Ok(bytes(row, "plaintext_hex")), "{}", row["name"]);
    }
    // Each row's additional data differs from that of the entry in one component.
    let rejected = rows(&document["aad_reject_vectors"]);
    assert_eq!(rejected.len(), 10);
    for row in rejected {
        let data = bytes(row, "aad_hex");
        let opened = opens(&keys, &data, &bytes(row, "ciphertext_hex"));
        assert_eq!(opened, Err(Tampered), "{}", row["name"]);
    }
}

#[test]
fn the_default_tenant_has_its_published_fingerprint() {
    let document = encryption();
    let section = &document["default_tenant"];
    let master_hex = text(&document, "master_key_hex");
    let ring = Keyring::new(KeySet::from_hex(master_hex, &[]).unwrap());
    let envelope = InteropEnvelope::new(ring);
    for (tenant, row) in
        [(super::super::interop::DEFAULT_TENANT, section), ("cross-sdk-test", &document)]
    {
        assert_eq!(tenant, text(row, "tenant_id"));
        let fingerprint = envelope.fingerprints(tenant).unwrap()[0].to_string();
        assert_eq!(fingerprint, text(row, "derived_key_fingerprint_hex"));
    }
    let mut out = Vec::new();
    for row in rows(&section["vectors"]) {
        let entry = bytes(row, "ciphertext_hex");
        let previous = envelope.open("default", text(row, "cache_key"), &entry, &mut out).unwrap();
        assert!(!previous);
        assert_eq!(out, bytes(row, "plaintext_hex"));
    }
}

#[test]
fn keyrings_are_accepted_and_tried_as_published() {
    let document = encryption();
    let keyring = &document["keyring"];
    let tenant = text(keyring, "tenant_id");
    let masters: Vec<&str> =
        rows(&keyring["entries"]).iter().map(|row| text(row, "master_key_hex")).collect();
    for (row, current) in rows(&keyring["vectors"]).iter().zip([1, 0]) {
        let keys = KeySet::from_hex(masters[current], &[masters[1 - current]]).unwrap();
        let envelope = InteropEnvelope::new(Keyring::new(keys));
        let mut out = Vec::new();
        let entry = bytes(row, "ciphertext_hex");
        let used_previous = envelope.open(tenant, text(row, "cache_key"), &entry, &mut out);
        assert!(used_previous.unwrap(), "{}", row["name"]);
        assert_eq!(out, bytes(row, "plaintext_hex"));
        assert_eq!(envelope.keyring().previous_hits(), [1]);
    }
    let configurations = rows(&keyring["configuration"]["vectors"]);
    assert_eq!(configurations.len(), 4);
    for row in configurations {
        let previous = rows(&row["decrypt_only_master_keys_hex"]);
        let previous: Vec<&str> = previous.iter().map(|key| key.as_str().unwrap()).collect();
        let current = text(row, "current_master_key_hex");
        let accepted = text(row, "verdict") == "accept";
        assert_eq!(KeySet::from_hex(current, &previous).is_ok(), accepted, "{}", row["name"]);
        let variables =
            KeySet::from_variables(Some(current.into()), Some(previous.join(",").into()));
        assert_eq!(variables.is_ok(), accepted, "{}", row["name"]);
    }
}

#[test]
fn master_keys_are_read_as_published() {
    let document = encryption();
    let section = &document["master_key_input"];
    let tenant = text(section, "tenant_id");
    for row in rows(&section["accept_vectors"]) {
        let keys = [MasterKey::from_hex(text(row, "master_key_hex")).unwrap()];
        let opened = opens(
            &tenant_keys(&keys, tenant),
            &row_aad(row, tenant),
            &bytes(row, "ciphertext_hex"),
        );
        assert_eq!(opened, Ok(bytes(row, "plaintext_hex")), "{}", row["name"]);
    }
    for row in rows(&section["reject_vectors"]) {
        let key = text(row, "master_key_hex");
        assert!(MasterKey::from_hex(key).is_err(), "{}", row["name"]);
        assert!(KeySet::from_variables(Some(key.into()), None).is_err(), "{}", row["name"]);
    }
    for row in rows(&section["raw_reject_vectors"]) {
        assert!(MasterKey::from_bytes(&bytes(row, "raw_key_hex")).is_err(), "{}", row["name"]);
    }
}

#[test]
fn the_interop_mode_vectors_hold() {
    let document = document(include_str!("../../../vectors/interop-mode.json"));
    let row = &document["aad_vectors"][0];
    assert_eq!(row_aad(row, text(row, "tenant_id")), bytes(row, "aad_hex"));
    let row = &document["encryption_vectors"][0];
    let keys = KeySet::from_hex(text(row, "master_key_hex"), &[]).unwrap();
    let envelope = InteropEnvelope::new(Keyring::new(keys));
    let tenant = text(row, "tenant_id");
    assert_eq!(
        envelope.fingerprints(tenant).unwrap()[0].to_string(),
        text(row, "derived_key_fingerprint_hex")
    );
    let mut out = Vec::new();
    envelope.open(tenant, text(row, "cache_key"), &bytes(row, "ciphertext_hex"), &mut out).unwrap();
    assert_eq!(out, bytes(row, "plaintext_hex"));
}

/// Characters of one to four bytes, and those that mean something in keys elsewhere.
fn unicode(cases: &mut Cases, len: usize) -> String {
    let letters: Vec<char> =
        "aZ0 .:/%\u{0}\n\u{e9}\u{301}\u{5d0}\u{4e2d}\u{ffff}\u{1f511}".chars().collect();
    (0..len).map(|_| letters[cases.below(letters.len())]).collect()
}

#[test]
fn the_published_crate_and_this_one_open_each_other_s_entries() {
    let theirs = ZeroKnowledgeEncryptor::new().unwrap();
    let mut cases = Cases::new(99);
    let (mut entry, mut value) = (Vec::new(), Vec::new());
    for _ in 0..1000 {
        let secret = cases.bytes(32);
        let lens = (1 + cases.below(60), 1 + cases.below(100), cases.below(3000));
        let (tenant, key) = (unicode(&mut cases, lens.0), unicode(&mut cases, lens.1));
        let plain = cases.bytes(lens.2);
        let master = MasterKey::from_bytes(&secret).unwrap();
        let their_key = derive_domain_key(&secret, "encryption", tenant.as_bytes()).unwrap();
        assert_eq!(their_key, *derive(&master, &tenant));
        let data = data(&tenant, &key, WRITTEN);
        let ours = InteropEnvelope::new(Keyring::new(KeySet::new(master, []).unwrap()));

        ours.seal(&tenant, &key, &plain, &mut entry).unwrap();
        assert_eq!(theirs.decrypt_aes_gcm(&entry, &their_key, &data).unwrap(), plain);

        let entry = theirs.encrypt_aes_gcm(&plain, &their_key, &data).unwrap();
        ours.open(&tenant, &key, &entry, &mut value).unwrap();
        assert_eq!(value, plain);
    }
}

#[test]
fn changed_and_misplaced_entries_are_refused() {
    let envelope = InteropEnvelope::new(keyring(1, &[2]));
    let (mut entry, mut out) = (Vec::new(), Vec::new());
    envelope.seal("acme", "a:b:c", b"forty-two", &mut entry).unwrap();
    for bit in 0..entry.len() * 8 {
        let mut changed = entry.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(kind(envelope.open("acme", "a:b:c", &changed, &mut out)), Tampered);
        assert!(out.is_empty());
    }
    for len in 0..entry.len() {
        let expected = if len < 28 { Damaged } else { Tampered };
        assert_eq!(kind(envelope.open("acme", "a:b:c", &entry[..len], &mut out)), expected);
    }
    for (tenant, key) in [("acm", "a:b:c"), ("acme", "a:b:d"), ("acmea", ":b:c")] {
        assert_eq!(kind(envelope.open(tenant, key, &entry, &mut out)), Tampered);
    }
    let stranger = InteropEnvelope::new(keyring(3, &[4, 5, 6]));
    assert_eq!(kind(stranger.open("acme", "a:b:c", &entry, &mut out)), Tampered);
    // The formats do not open each other's entries.
    let native = super::envelope(1, &[]);
    assert!(open(&native, &CONTEXT(), &entry).is_err());
    assert!(envelope.open("acme", "s1:00", &sealed(&native, b"v"), &mut out).is_err());
    assert_eq!(kind(envelope.seal("", "a:b:c", b"v", &mut out)), EnvelopeErrorKind::InvalidContext);
}
