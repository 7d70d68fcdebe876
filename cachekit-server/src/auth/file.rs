//! The key file: one JSON object per line.

use super::key::{Digest, from_hex, hex, key_id};
use super::{ApiKey, ApiKeyError, ApiKeys, KeyKind, Scope};
use crate::tenant::TenantLimits;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("cannot read the key file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file has no key, only blank lines and comments. A server that accepted it would refuse every request,
    /// and a file that was truncated or emptied by mistake looks like this.
    #[error("the key file {path} has no key")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line is wrong.
    #[error("{path}, line {line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// One key, as in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    id: String,
    kind: KeyKind,
    tenant: String,
    scopes: Vec<Scope>,
    salt: String,
    hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limits: Option<TenantLimits>,
}

/// One key.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) tenant: String,
    pub(super) scopes: Vec<Scope>,
    pub(super) limits: Option<TenantLimits>,
    pub(super) digest: Digest,
}

impl Line {
    pub(super) fn new(
        key: &ApiKey,
        tenant: &str,
        scopes: &[Scope],
        limits: TenantLimits,
    ) -> Result<Self, ApiKeyError> {
        if !is_tenant(tenant) {
            return Err(ApiKeyError::Tenant);
        }
        limits.check()?;
        Ok(Self {
            id: key_id(key.expose()).to_owned(),
            tenant: tenant.to_owned(),
            scopes: scopes.to_vec(),
            limits: (limits != TenantLimits::default()).then_some(limits),
            digest: Digest::new(key)?,
        })
    }

    fn read(record: Record) -> Result<Self, String> {
        if !is_tenant(&record.tenant) {
            return Err(ApiKeyError::Tenant.to_string());
        }
        if record.scopes.is_empty() {
            return Err("`scopes` is empty: the key could do nothing".to_owned());
        }
        record.limits.unwrap_or_default().check().map_err(|error| error.to_string())?;
        let salt = from_hex(&record.salt).ok_or("`salt` has to be 32 hexadecimal digits")?;
        let hash = from_hex(&record.hash).ok_or("`hash` has to be 64 hexadecimal digits")?;
        let digest = Digest { salt, hash };
        let Record { id, tenant, scopes, limits, .. } = record;
        Ok(Self { id, tenant, scopes, limits, digest })
    }
}

impl ApiKeys {
    /// The key file's line for this key; it does not contain the key itself.
    ///
    /// # Errors
    ///
    /// Like those of [`add`](Self::add).
    pub fn line(
        key: &ApiKey,
        tenant: &str,
        scopes: &[Scope],
        limits: TenantLimits,
    ) -> Result<String, ApiKeyError> {
        let kind = KeyKind::of(key.expose()).ok_or(ApiKeyError::Form)?;
        let Line { id, tenant, scopes, limits, digest } = Line::new(key, tenant, scopes, limits)?;
        let (salt, hash) = (hex(&digest.salt), hex(&digest.hash));
        let record = Record { id, kind, tenant, scopes, salt, hash, limits };
        Ok(serde_json::to_string(&record).expect("strings and numbers are JSON"))
    }

    /// Describes the keys of a file for humans: id, kind, tenant, scopes and limits of each.
    ///
    /// # Errors
    ///
    /// Like [`load`](Self::load).
    pub fn describe(path: &Path) -> Result<Vec<String>, KeyFileError> {
        let mut lines = Vec::new();
        for_each_record(path, |record| {
            let scopes = serde_json::to_string(&record.scopes).expect("words are JSON");
            let limits = serde_json::to_string(&record.limits).expect("numbers are JSON");
            let (kind, id, tenant) = (record.kind.prefix(), &record.id, &record.tenant);
            lines.push(format!("{kind}{id}  tenant {tenant}  scopes {scopes}  limits {limits}"));
            Line::read(record).map(drop)
        })?;
        Ok(lines)
    }
}

pub(super) fn load(path: &Path) -> Result<ApiKeys, KeyFileError> {
    let mut keys = ApiKeys::new();
    let mut stated: HashMap<String, TenantLimits> = HashMap::new();
    for_each_record(path, |record| {
        let line = Line::read(record)?;
        if let Some(limits) = line.limits {
            let first = *stated.entry(line.tenant.clone()).or_insert(limits);
            if first != limits {
                let tenant = &line.tenant;
                return Err(format!(
                    "`limits` are those of the tenant, and an earlier line states others for {tenant}"
                ));
            }
        }
        keys.insert(line);
        Ok(())
    })?;
    if keys.is_empty() {
        return Err(KeyFileError::Empty { path: path.to_owned() });
    }
    Ok(keys)
}

fn for_each_record(
    path: &Path,
    mut each: impl FnMut(Record) -> Result<(), String>,
) -> Result<(), KeyFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| KeyFileError::Read { path: path.to_owned(), source })?;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The message of the JSON parser names fields and columns, never their content.
        let record = serde_json::from_str(line).map_err(|error| error.to_string());
        record.and_then(&mut each).map_err(|reason| KeyFileError::Line {
            path: path.to_owned(),
            line: at + 1,
            reason,
        })?;
    }
    Ok(())
}

fn is_tenant(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(legal)
}
