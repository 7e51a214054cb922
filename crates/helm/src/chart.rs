//! A chart in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Map, Value};
use sluice_gotemplate::Set;

use crate::metadata::Metadata;

/// A file of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path in the chart.
    pub name: String,
    /// Its content, without a byte order mark.
    pub data: Bytes,
}

/// The content of Chart.lock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    /// When it was made, as it stands there.
    pub generated: String,
    /// What it was made from.
    pub digest: String,
    /// The versions that were chosen: the list as it stands there.
    pub dependencies: Value,
}

/// A CustomResourceDefinition file in `crds/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crd {
    /// Its path, that of its chart in front.
    pub path: String,
    /// Its content.
    pub data: Bytes,
}

/// A chart with its dependencies. Cheap to clone: the files are shared.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Chart.yaml, with the dependencies of requirements.yaml.
    pub metadata: Metadata,
    /// Chart.lock or requirements.lock.
    pub lock: Option<Lock>,
    /// The files in `templates/`, in the order they were read.
    pub templates: Arc<[File]>,
    /// The default values. All their numbers are floating, as Helm reads them.
    pub values: Arc<Map<String, Value>>,
    /// values.schema.json.
    pub schema: Option<Bytes>,
    /// All other files, the dependencies' not counted.
    pub files: Arc<[File]>,
    /// Every file of the chart as it was read, those of its dependencies included.
    pub raw: Arc<[File]>,
    /// The charts in `charts/`.
    pub dependencies: Vec<Chart>,
    pub(crate) parsed: Arc<Mutex<HashMap<Vec<String>, Arc<Set>>>>,
}

impl Chart {
    /// The chart's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The files in `crds/`, this chart's first.
    #[must_use]
    pub fn crds(&self) -> Vec<Crd> {
        let mut found = Vec::new();
        self.collect_crds(self.name(), &mut found);
        found
    }

    fn collect_crds(&self, path: &str, found: &mut Vec<Crd>) {
        let is_manifest = |name: &str| name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
        let own = self.files.iter().filter(|file| file.name.starts_with("crds/") && is_manifest(&file.name));
        found.extend(own.map(|file| Crd { path: format!("{path}/{}", file.name), data: file.data.clone() }));
        for dependency in &self.dependencies {
            dependency.collect_crds(&format!("{path}/charts/{}", dependency.name()), found);
        }
    }
}
