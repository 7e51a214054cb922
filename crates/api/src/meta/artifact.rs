use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Time;
use crate::lenient::unset;

/// What a source has made: an archive that controllers download.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Artifact {
    /// Path of the archive below the root of the artifact server.
    pub path: String,
    /// Where the archive is served.
    pub url: String,
    /// What the archive was made from, such as `main@sha1:0c1f…`.
    pub revision: String,
    /// Checksum of the archive, `<algorithm>:<hex>`.
    #[schemars(regex(pattern = r"^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$"))]
    pub digest: String,
    /// When the content last changed.
    pub last_update_time: Time,
    /// Bytes of the archive.
    #[serde(skip_serializing_if = "unset")]
    pub size: Option<i64>,
    /// Facts from upstream, such as OCI annotations.
    #[serde(skip_serializing_if = "unset")]
    pub metadata: BTreeMap<String, String>,
}

impl Artifact {
    /// Whether both stand for the same content: equal revision and digest.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self.revision == other.revision && self.digest == other.digest
    }
}
