//! Manifests and indexes, of OCI and of Docker alike.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sluice_artifact::Digest;

/// Media types.
pub mod media {
    /// An OCI manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// A Docker manifest.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// A Docker index.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// The configuration of an artifact of manifests.
    pub const FLUX_CONFIG: &str = "application/vnd.cncf.flux.config.v1+json";
    /// The content of an artifact of manifests.
    pub const FLUX_CONTENT: &str = "application/vnd.cncf.flux.content.v1.tar+gzip";
    /// The configuration of a chart.
    pub const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
    /// A packed chart.
    pub const HELM_CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    /// The signature of a packed chart.
    pub const HELM_PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";

    pub(crate) const ACCEPTED: [&str; 4] = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];
}

/// Points to content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// Its digest.
    #[serde(deserialize_with = "read_digest", serialize_with = "write_digest")]
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// Notes.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What it runs on, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What kind of artifact it is, in a list of referrers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Other places that have it. They are not asked.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
}

/// What an image runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`.
    pub architecture: String,
    /// `v7`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

/// A configuration and layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    schema_version: u32,
    /// What it is; empty where the registry's header alone says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// What kind of artifact it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers.
    #[serde(default, deserialize_with = "nullable")]
    pub layers: Vec<Descriptor>,
    /// What it refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Notes.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Manifests, by platform or of one subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u32,
    /// What it is; empty where the registry's header alone says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// Its entries.
    #[serde(default, deserialize_with = "nullable")]
    pub manifests: Vec<Descriptor>,
    /// Notes.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What a registry gave for a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A manifest.
    Manifest(Box<Manifest>),
    /// An index of manifests.
    Index(Index),
}

impl Manifest {
    /// An OCI manifest.
    #[must_use]
    pub fn new(config: Descriptor, layers: Vec<Descriptor>, annotations: BTreeMap<String, String>) -> Self {
        let media_type = media::OCI_MANIFEST.to_owned();
        Manifest { schema_version: 2, media_type, artifact_type: None, config, layers, subject: None, annotations }
    }
}

impl Descriptor {
    /// The descriptor of some bytes.
    #[must_use]
    pub fn of(media_type: &str, data: &[u8]) -> Self {
        Descriptor {
            media_type: media_type.to_owned(),
            digest: Digest::of(data),
            size: data.len() as u64,
            annotations: BTreeMap::new(),
            platform: None,
            artifact_type: None,
            urls: Vec::new(),
        }
    }

    /// Whether it points to a layer that registries do not hand out.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.media_type.contains("foreign") || self.media_type.contains("nondistributable") || !self.urls.is_empty()
    }
}

/// Reads what a registry gave. The header says what it is only where the bytes do not.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(data: &[u8], content_type: &str, descriptors: usize) -> Result<Content, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        #[serde(default)]
        schema_version: Option<u32>,
        #[serde(default)]
        media_type: Option<String>,
        #[serde(default)]
        manifests: Option<serde::de::IgnoredAny>,
        #[serde(default)]
        layers: Option<serde::de::IgnoredAny>,
    }
    let head: Head = serde_json::from_slice(data).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("the answer is no manifest (JSON error at line {line}, column {column}); is this a registry?")
    })?;
    if head.schema_version == Some(1) {
        return Err("a manifest of schema 1 is not supported; push it again with a current tool".into());
    }
    if head.schema_version != Some(2) {
        return Err("the answer is no manifest: `schemaVersion` is not 2".into());
    }
    // Read as the one by us and as the other by somebody else, it would be two things under one digest.
    if head.manifests.is_some() && head.layers.is_some() {
        return Err("a manifest with both `manifests` and `layers` is refused".into());
    }
    let named = head.media_type.filter(|it| !it.is_empty());
    let of_type = |text: &str| match text {
        media::OCI_MANIFEST | media::DOCKER_MANIFEST => Some(false),
        media::OCI_INDEX | media::DOCKER_LIST => Some(true),
        _ => None,
    };
    let is_index = match named.as_deref().map(|it| (it, of_type(it))) {
        Some((_, Some(is_index))) => is_index,
        Some((other, None)) => {
            return Err(format!("media type `{}` is no manifest", sluice_http::peer_text(other.as_bytes())));
        }
        None => of_type(content_type).unwrap_or(head.manifests.is_some()),
    };
    let wrong = |error: serde_json::Error| {
        format!("the manifest is not valid: {}", sluice_http::peer_text(error.to_string().as_bytes()))
    };
    let content = if is_index {
        Content::Index(serde_json::from_slice(data).map_err(wrong)?)
    } else {
        Content::Manifest(Box::new(serde_json::from_slice(data).map_err(wrong)?))
    };
    let count = match &content {
        Content::Manifest(manifest) => manifest.layers.len(),
        Content::Index(index) => index.manifests.len(),
    };
    if count > descriptors {
        return Err(format!("the manifest has {count} entries, more than {descriptors} (limit descriptors)"));
    }
    Ok(content)
}

impl Platform {
    /// `linux/arm/v7`.
    ///
    /// # Errors
    /// When it has not two or three parts.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [os, architecture] => Ok(Self { os: os.into(), architecture: architecture.into(), variant: String::new() }),
            [os, architecture, variant] => {
                Ok(Self { os: os.into(), architecture: architecture.into(), variant: variant.into() })
            }
            _ => Err(format!("`{text}` is no platform; write `linux/amd64`")),
        }
    }

    /// What is taken where nobody names a platform.
    #[must_use]
    pub fn linux_amd64() -> Self {
        Self { os: "linux".into(), architecture: "amd64".into(), variant: String::new() }
    }

    fn admits(&self, other: &Platform) -> bool {
        self.os == other.os
            && self.architecture == other.architecture
            && (self.variant.is_empty() || self.variant == other.variant)
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

impl Index {
    /// The first entry for a platform. An entry that names none is for linux/amd64, unless a later one says it is.
    #[must_use]
    pub fn choose(&self, wanted: &Platform) -> Option<&Descriptor> {
        let says = self.manifests.iter().find(|it| it.platform.as_ref().is_some_and(|it| wanted.admits(it)));
        let silent =
            || self.manifests.iter().find(|it| it.platform.is_none() && wanted.admits(&Platform::linux_amd64()));
        says.or_else(silent)
    }
}

fn read_digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

fn write_digest<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&digest.to_string())
}

/// Go writes empty lists and maps as null.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest() -> String {
        Digest::of(b"").to_string()
    }

    fn refused(text: &str) -> String {
        parse(text.as_bytes(), "", 10).unwrap_err()
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let digest = digest();
        let config = format!("\"config\":{{\"digest\":\"{digest}\",\"size\":1}}");
        assert!(refused("<html>").contains("no manifest"));
        assert!(refused("{\"schemaVersion\":1}").contains("schema 1"));
        assert!(refused("{}").contains("schemaVersion"));
        assert!(refused(&format!("{{\"schemaVersion\":2,\"manifests\":[],\"layers\":[],{config}}}")).contains("both"));
        assert!(refused("{\"schemaVersion\":2,\"mediaType\":\"text/x\"}").contains("text/x"));
        assert!(refused("{\"schemaVersion\":2}").contains("config"));
        for bad in ["\"digest\":\"sha256:../../x\",\"size\":1", "\"digest\":\"md5:00\",\"size\":1"] {
            assert!(
                parse(format!("{{\"schemaVersion\":2,\"config\":{{{bad}}}}}").as_bytes(), "", 10).is_err(),
                "{bad}"
            );
        }
        let negative = format!("{{\"schemaVersion\":2,\"config\":{{\"digest\":\"{digest}\",\"size\":-1}}}}");
        assert!(refused(&negative).contains("not valid"));
        let twice = format!("{{\"schemaVersion\":2,{config},{config}}}");
        assert!(refused(&twice).contains("duplicate"));
    }

    #[test]
    fn the_bytes_say_what_it_is_and_else_the_header() {
        let manifest =
            format!("{{\"schemaVersion\":2,\"config\":{{\"digest\":\"{}\",\"size\":1}},\"layers\":null}}", digest());
        let is_index = |text: &str, header: &str| matches!(parse(text.as_bytes(), header, 10), Ok(Content::Index(_)));
        assert!(!is_index(&manifest, "") && !is_index(&manifest, media::DOCKER_MANIFEST));
        assert!(is_index("{\"schemaVersion\":2,\"manifests\":[]}", ""));
        assert!(is_index(
            &format!("{{\"schemaVersion\":2,\"mediaType\":\"{}\"}}", media::OCI_INDEX),
            media::OCI_MANIFEST
        ));
        let many = format!("{{\"digest\":\"{}\",\"size\":1}},", digest()).repeat(11);
        let many = format!("{{\"schemaVersion\":2,\"manifests\":[{}]}}", many.trim_end_matches(','));
        assert!(refused(&many).contains("limit descriptors"));
    }
}
