//! Keys, their hashes, and the file they stand in.

use super::{ApiKey, ApiKeyError, ApiKeys, KeyKind, Scope, key::key_id};
use crate::tenant::TenantLimits;

#[test]
fn a_key_is_known_by_all_its_characters() {
    let key = ApiKey::generate(KeyKind::Api).expect("random bytes");
    let mut keys = ApiKeys::new();
    keys.add(&key, "acme", &[Scope::Read], TenantLimits::default()).expect("a good key");
    let caller = keys.verify(key.expose()).expect("known");
    assert_eq!((&*caller.tenant, caller.kind), ("acme", KeyKind::Api));
    assert!(caller.may(Scope::Read) && !caller.may(Scope::Write));
    for at in 0..key.expose().len() {
        let mut other = key.expose().to_owned();
        let byte = if &other[at..=at] == "0" { "1" } else { "0" };
        other.replace_range(at..=at, byte);
        assert!(keys.verify(&other).is_none(), "character {at}");
    }
    assert!(keys.verify(&format!("{}0", key.expose())).is_none());
    assert!(keys.verify("").is_none());
}

#[test]
fn keys_made_elsewhere_have_to_look_like_ours() {
    let long = format!("ck_live_{}", "a".repeat(40));
    assert_eq!(key_id(ApiKey::parse(&long).expect("good").expose()), "");
    assert_eq!(key_id("ck_live_id_secret"), "id");
    for bad in ["", "ck_live_short", "sk_live_aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &format!("{long} ")] {
        assert_eq!(ApiKey::parse(bad).map(|_| ()), Err(ApiKeyError::Form));
    }
    let mut keys = ApiKeys::new();
    for tenant in ["", "a b", "a/b", "\u{fc}", &"t".repeat(65)] {
        let key = ApiKey::parse(&long).expect("good");
        let added = keys.add(&key, tenant, &Scope::ALL, TenantLimits::default());
        assert_eq!(added, Err(ApiKeyError::Tenant));
    }
    assert!(keys.is_empty());
}

#[test]
fn a_file_gives_back_what_was_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys");
    let limits = TenantLimits { requests_per_second: Some(7), ..TenantLimits::default() };
    let key = ApiKey::generate(KeyKind::Live).expect("random bytes");
    let line = ApiKeys::line(&key, "acme", &[Scope::Read], limits).expect("a good key");
    std::fs::write(&path, format!("# keys\n\n  {line}  \n")).expect("written");
    let keys = ApiKeys::load(&path).expect("good");
    assert_eq!(keys.verify(key.expose()).expect("known").limits, limits);

    // Limits belong to the tenant: two opinions are one too many.
    let other = ApiKey::generate(KeyKind::Live).expect("random bytes");
    let more = TenantLimits { requests_per_second: Some(8), ..TenantLimits::default() };
    let second = ApiKeys::line(&other, "acme", &[Scope::Read], more).expect("a good key");
    std::fs::write(&path, format!("{line}\n{second}\n")).expect("written");
    let error = ApiKeys::load(&path).expect_err("two limits").to_string();
    assert!(error.contains("line 2") && error.contains("acme"), "{error}");

    for (what, bad) in [
        ("not JSON", "secret".to_owned()),
        ("an unknown field", line.replace("\"id\"", "\"idd\"")),
        ("a short salt", line.replace("\"salt\":\"", "\"salt\":\"0")),
        (
            "a rate of nothing",
            line.replace("\"requests_per_second\":7", "\"requests_per_second\":0"),
        ),
        ("a rate that is none", line.replace("_second\":7", "_second\":1000001")),
        ("no scopes", line.replace("[\"read\"]", "[]")),
    ] {
        std::fs::write(&path, &bad).expect("written");
        let error = ApiKeys::load(&path).expect_err(what).to_string();
        assert!(error.contains("line 1") && !error.contains("secret"), "{what}: {error}");
    }
    assert!(ApiKeys::load(&directory.path().join("none")).is_err());
    for empty in ["", "\n", " \t \r\n\n", "# nothing\n  # more of it", &format!("# {line}\n")] {
        std::fs::write(&path, empty).expect("written");
        let error = ApiKeys::load(&path).expect_err("no key");
        assert!(matches!(error, super::KeyFileError::Empty { .. }), "{empty:?}: {error}");
        assert!(error.to_string().contains("keys has no key"), "{error}");
    }
}
