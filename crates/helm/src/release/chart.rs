//! A chart as a release keeps it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Extra;
use crate::Metadata;

/// The chart of a release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChartRecord {
    /// Chart.yaml.
    pub metadata: Option<ChartMetadata>,
    /// Chart.lock.
    pub lock: Option<Value>,
    /// The files in `templates/`.
    pub templates: Option<Vec<FileRecord>>,
    /// The default values.
    pub values: Option<Map<String, Value>>,
    /// values.schema.json, as base64.
    pub schema: Option<String>,
    /// When it was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemamodtime: Option<String>,
    /// All other files.
    pub files: Option<Vec<FileRecord>>,
    /// When the chart was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modtime: Option<String>,
    /// What else a newer Helm wrote.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A file of a chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path in the chart.
    pub name: String,
    /// Its content, as base64.
    pub data: Option<String>,
    /// When it was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modtime: Option<String>,
    /// What else a newer Helm wrote.
    #[serde(flatten)]
    pub extra: Extra,
}

impl FileRecord {
    pub(super) fn of(file: &crate::File) -> Self {
        Self { name: file.name.clone(), data: Some(STANDARD.encode(&file.data)), ..Self::default() }
    }
}

macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty $(, $rename:literal)? ;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$field_doc])*
            #[serde(default, skip_serializing_if = "is_unset" $(, rename = $rename)?)]
            pub $field: $type,)*
            /// What else a newer Helm wrote.
            #[serde(flatten)]
            pub extra: Extra,
        }
    };
}

fn is_unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

record! {
    /// Chart.yaml, its fields in Helm's order.
    ChartMetadata {
        /// The chart's name.
        name: String;
        /// A web page.
        home: String;
        /// Where its sources are.
        sources: Vec<String>;
        /// The version.
        version: String;
        /// One line.
        description: String;
        /// Words to find it by.
        keywords: Vec<String>;
        /// Who looks after it.
        maintainers: Vec<MaintainerRecord>;
        /// The address of an image.
        icon: String;
        /// `v1` or `v2`.
        api_version: String, "apiVersion";
        /// Paths of values that switch it on.
        condition: String;
        /// Tags that switch it on.
        tags: String;
        /// The version of what it installs.
        app_version: String, "appVersion";
        /// Whether it should no longer be used.
        deprecated: bool;
        /// Free notes.
        annotations: std::collections::BTreeMap<String, String>;
        /// The Kubernetes versions it works on.
        kube_version: String, "kubeVersion";
        /// The charts it needs.
        dependencies: Vec<DependencyRecord>;
        /// `application`, `library` or nothing.
        kind: String, "type";
    }
}

record! {
    /// Who looks after a chart.
    MaintainerRecord {
        /// Who.
        name: String;
        /// Where to write to.
        email: String;
        /// Where to read more.
        url: String;
    }
}

/// A chart that another one needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DependencyRecord {
    /// The chart's name.
    #[serde(default)]
    pub name: String,
    /// A range of versions.
    #[serde(default, skip_serializing_if = "is_unset")]
    pub version: String,
    /// Where it is got from.
    #[serde(default)]
    pub repository: String,
    /// Paths of values that switch it on.
    #[serde(default, skip_serializing_if = "is_unset")]
    pub condition: String,
    /// Tags that switch it on.
    #[serde(default, skip_serializing_if = "is_unset")]
    pub tags: Vec<String>,
    /// Whether it is used.
    #[serde(default, skip_serializing_if = "is_unset")]
    pub enabled: bool,
    /// Values taken over.
    #[serde(default, skip_serializing_if = "is_unset", rename = "import-values")]
    pub import_values: Vec<Value>,
    /// The name it goes by.
    #[serde(default, skip_serializing_if = "is_unset")]
    pub alias: String,
    /// What else a newer Helm wrote.
    #[serde(flatten)]
    pub extra: Extra,
}

impl From<&Metadata> for ChartMetadata {
    fn from(it: &Metadata) -> Self {
        let maintainer = |it: &crate::Maintainer| MaintainerRecord {
            name: it.name.clone(),
            email: it.email.clone(),
            url: it.url.clone(),
            ..MaintainerRecord::default()
        };
        let dependency = |it: &crate::Dependency| DependencyRecord {
            name: it.name.clone(),
            version: it.version.clone(),
            repository: it.repository.clone(),
            condition: it.condition.clone(),
            tags: it.tags.clone(),
            enabled: it.enabled,
            import_values: it.import_values.clone(),
            alias: it.alias.clone(),
            ..DependencyRecord::default()
        };
        Self {
            name: it.name.clone(),
            home: it.home.clone(),
            sources: it.sources.clone(),
            version: it.version.clone(),
            description: it.description.clone(),
            keywords: it.keywords.clone(),
            maintainers: it.maintainers.iter().map(maintainer).collect(),
            icon: it.icon.clone(),
            api_version: it.api_version.clone(),
            condition: it.condition.clone(),
            tags: it.tags.clone(),
            app_version: it.app_version.clone(),
            deprecated: it.deprecated,
            annotations: it.annotations.iter().flatten().cloned().collect(),
            kube_version: it.kube_version.clone(),
            dependencies: it.dependencies.iter().flatten().map(dependency).collect(),
            kind: it.kind.clone(),
            ..Self::default()
        }
    }
}
