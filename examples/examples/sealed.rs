//! Sealed values: what leaves the process, and what happens when the key changes.
//!
//! Needs the feature `secure`. A real program reads its key from `CACHEKIT_MASTER_KEY` or from a file
//! (`cachekit keygen --out keys`); this one makes up two. `MemoryBackend` plays the untrusted store.

use std::sync::Arc;

use cachekit::cache;
use cachekit::secure::{KeySet, Keyring, MasterKey, set_keyring};
use cachekit_io::testing::FaultyBackend;
use cachekit_io::{Backend, MemoryBackend, SetOptions};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Profile {
    name: String,
    diagnosis: String,
}

/// Every tenant has its own keys. Without a usable key this returns an error and stores nothing.
#[cache::secure(ttl = "1h", namespace = "sensitive-data", tenant = clinic)]
fn profile(clinic: &str, patient: u64) -> Result<Profile, cachekit::Error> {
    Ok(Profile { name: format!("patient {patient} of {clinic}"), diagnosis: "healthy".to_owned() })
}

/// This process forgets its copies, as after a restart; the store does not.
fn forget() {
    for function in cachekit::functions() {
        function.clear_local();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let error = profile("north", 7).expect_err("no key is set yet");
    println!("without a key: {error}");

    let key = MasterKey::generate()?;
    let copy = MasterKey::from_hex(&key.to_hex())?;
    set_keyring(Keyring::new(KeySet::new(key, [])?));
    let store = FaultyBackend::new(MemoryBackend::new());
    cachekit::set_default_backend(Arc::new(store.clone()));
    cachekit::init()?;

    profile("north", 7)?;
    let storage_key = profile::key("north", &7).to_string();
    let entry = store.get(&storage_key).await?.expect("it is stored").into_value();
    println!("the store sees {storage_key}: {} bytes", entry.len());
    let seen = String::from_utf8_lossy(&entry);
    assert!(!seen.contains("healthy") && !storage_key.contains("north"));

    // The same patient in another tenant has another entry, under other keys.
    assert_ne!(profile("south", 7)?, profile("north", 7)?);

    // An attacker flips one bit: the function runs again, and the tampering is counted.
    forget();
    let mut changed = entry.to_vec();
    *changed.last_mut().expect("it has bytes") ^= 1;
    store.set(&storage_key, changed.into(), &SetOptions::new()).await?;
    profile("north", 7)?;
    println!("refused: {:?}", profile::stats().refused);
    assert_eq!(profile::stats().refused.tampered, 1);

    // A new key, with the old one still accepted: nothing is recomputed.
    forget();
    let loads = profile::stats().loads;
    set_keyring(Keyring::new(KeySet::new(MasterKey::generate()?, [copy])?));
    profile("north", 7)?;
    assert_eq!(profile::stats().loads, loads);
    assert_ne!(profile::key("north", &7).to_string(), storage_key);
    assert!(store.get(&storage_key).await?.is_none(), "it moved");
    println!(
        "after the rotation: {:?} entries moved",
        cachekit::secure::keyring()?.previous_hits()
    );
    Ok(())
}
