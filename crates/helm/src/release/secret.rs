//! Records in Secrets: base64 of gzip of JSON, and base64 again as every Secret's data.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::{Record, Status, go_json};

/// The type of Helm's Secrets.
pub const SECRET_TYPE: &str = "helm.sh/release.v1";
/// Labels that Helm sets.
const OWN_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];
/// What the API server takes as the data of a Secret.
const SECRET_BYTES: usize = 1 << 20;

/// Why a stored release cannot be read or written. No text of it is quoted: it may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The Secret has no release in it.
    #[error("secret `{secret}` holds no release: {why}")]
    NotARelease {
        /// Its name.
        secret: String,
        /// What is missing.
        why: &'static str,
    },
    /// Its data is no base64, no gzip or no JSON.
    #[error("the stored release is damaged: {0}")]
    Damaged(String),
    /// It unpacks to more than is allowed.
    #[error("the stored release unpacks to more than {limit} bytes (limit release_bytes)")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// What is stored is not what the Secret says it is.
    #[error("secret `{secret}` holds another release: {what}")]
    Mismatch {
        /// Its name.
        secret: String,
        /// What differs.
        what: String,
    },
    /// The packed release is larger than a Secret may be.
    #[error("the release takes {size} bytes packed, a secret may hold {limit}")]
    TooLargeForSecret {
        /// Its size.
        size: usize,
        /// What a Secret may hold.
        limit: usize,
    },
}

/// The name of a revision's Secret.
#[must_use]
pub fn secret_name(release: &str, revision: i64) -> String {
    format!("sh.helm.release.v1.{release}.v{revision}")
}

impl Record {
    /// Reads what the field `release` of a Secret holds, once its own base64 is taken off. At most `limit` bytes are
    /// unpacked.
    ///
    /// # Errors
    /// Damaged or too large data.
    pub fn decode(data: &[u8], limit: usize) -> Result<Self, StoreError> {
        let damaged = |why: &str| StoreError::Damaged(why.to_owned());
        let trimmed: Vec<u8> = data.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let packed = STANDARD.decode(trimmed).map_err(|_| damaged("no base64"))?;
        // Releases of very old Helm were not compressed.
        let text = if packed.starts_with(&[0x1f, 0x8b, 0x08]) {
            let mut text = Vec::new();
            let most = limit.saturating_add(1) as u64;
            GzDecoder::new(packed.as_slice()).take(most).read_to_end(&mut text).map_err(|_| damaged("no gzip"))?;
            text
        } else {
            packed
        };
        if text.len() > limit {
            return Err(StoreError::TooLarge { limit });
        }
        serde_json::from_slice(&text).map_err(|error| {
            damaged(&format!("no release in JSON, at line {} column {}", error.line(), error.column()))
        })
    }

    /// What the field `release` of a Secret holds, before the base64 of its own.
    ///
    /// # Errors
    /// A record too large for a Secret.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let damaged = |why: String| StoreError::Damaged(why);
        let text = go_json::to_vec(self).map_err(|error| damaged(error.to_string()))?;
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let packed = packer.write_all(&text).and_then(|()| packer.finish()).map_err(|e| damaged(e.to_string()))?;
        let encoded = STANDARD.encode(packed);
        if encoded.len() > SECRET_BYTES {
            return Err(StoreError::TooLargeForSecret { size: encoded.len(), limit: SECRET_BYTES });
        }
        Ok(encoded.into_bytes())
    }

    /// Reads the record in a Secret, and makes sure that it is the one that the Secret's name and labels promise.
    ///
    /// # Errors
    /// As [`Self::decode`]; a Secret of another type; a record of another release or revision.
    pub fn from_secret(secret: &Value, limit: usize) -> Result<Self, StoreError> {
        let name = secret["metadata"]["name"].as_str().unwrap_or_default();
        let not = |why| StoreError::NotARelease { secret: name.to_owned(), why };
        if secret["type"] != SECRET_TYPE {
            return Err(not("its type is not helm.sh/release.v1"));
        }
        let data = secret["data"]["release"].as_str().ok_or_else(|| not("it has no field `release`"))?;
        let data = STANDARD.decode(data).map_err(|_| StoreError::Damaged("no base64".into()))?;
        let mut record = Self::decode(&data, limit)?;
        let mismatch = |what: String| Err(StoreError::Mismatch { secret: name.to_owned(), what });
        if secret_name(&record.name, record.version) != name {
            return mismatch(format!("revision {} of `{}`", record.version, record.name));
        }
        for (label, value) in secret["metadata"]["labels"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            let expected = match label.as_str() {
                "name" => Some(record.name.clone()),
                "version" => Some(record.version.to_string()),
                _ => None,
            };
            if expected.is_some_and(|expected| expected != value) {
                return mismatch(format!("its label `{label}` says otherwise"));
            }
            if !OWN_LABELS.contains(&label.as_str()) {
                record.labels.insert(label.clone(), value.to_owned());
            }
        }
        Ok(record)
    }

    /// The Secret of this revision, in a namespace. `modified` is the time in seconds since 1970; Helm has it as the
    /// label `createdAt` when a Secret is new, and as `modifiedAt` from then on.
    ///
    /// # Errors
    /// A record too large for a Secret.
    pub fn to_secret(&self, namespace: &str, modified: i64, is_new: bool) -> Result<Value, StoreError> {
        let mut labels: Map<String, Value> =
            self.labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
        labels.insert("name".into(), self.name.as_str().into());
        labels.insert("owner".into(), "helm".into());
        labels.insert("status".into(), self.status().as_str().into());
        labels.insert("version".into(), self.version.to_string().into());
        labels.insert(if is_new { "createdAt" } else { "modifiedAt" }.into(), modified.to_string().into());
        Ok(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": secret_name(&self.name, self.version), "namespace": namespace, "labels": labels },
            "type": SECRET_TYPE,
            "data": { "release": STANDARD.encode(self.encode()?) },
        }))
    }

    /// How the release stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.info.as_ref().map(|info| info.status.clone()).unwrap_or_default()
    }
}
