//! A chart as the files of its package.

use bytes::Bytes;
use sluice_tree::{BuildError, Limits as TreeLimits, Tree, TreeBuilder};

use crate::release::ChartMetadata;
use crate::{Chart, Error};

impl Chart {
    /// Chart.yaml as Helm writes it: without comments, its keys sorted.
    ///
    /// # Errors
    /// Text that YAML cannot carry.
    pub fn chart_yaml(&self) -> Result<String, Error> {
        yaml(ChartMetadata::from(&self.metadata))
    }

    /// The file that the chart's folder has under this path.
    #[must_use]
    pub fn raw_file(&self, path: &str) -> Option<&Bytes> {
        self.raw.iter().find(|file| file.name == path).map(|file| &file.data)
    }

    /// The file that says how to use the chart.
    #[must_use]
    pub fn readme(&self) -> Option<&Bytes> {
        let is_readme = |name: &str| matches!(name.to_lowercase().as_str(), "readme.md" | "readme.txt" | "readme");
        self.files.iter().find(|file| is_readme(&file.name)).map(|file| &file.data)
    }

    /// The files of a package of this chart, in a folder of its name. Dependencies lie unpacked in `charts/`.
    ///
    /// # Errors
    /// A name that no file can have, or a chart larger than `limits` allow.
    pub fn package(&self, limits: &TreeLimits) -> Result<Tree, Error> {
        let mut tree = TreeBuilder::new(limits.clone());
        self.add_to(&mut tree, self.name())?;
        Ok(tree.build())
    }

    fn add_to(&self, tree: &mut TreeBuilder, folder: &str) -> Result<(), Error> {
        let failed = |error: BuildError| Error::Values(error.to_string());
        let mut add = |path: &str, data: Bytes| tree.file(&format!("{folder}/{path}"), data, false).map_err(failed);
        let mut metadata = ChartMetadata::from(&self.metadata);
        if metadata.api_version == "v1" {
            // They are in requirements.yaml.
            metadata.dependencies.clear();
        }
        add("Chart.yaml", yaml(metadata)?.into())?;
        if let Some(lock) = self.lock.as_ref().filter(|_| self.metadata.api_version == "v2") {
            let lock = serde_json::json!({
                "dependencies": lock.dependencies, "digest": lock.digest, "generated": lock.generated,
            });
            let text = sluice_yaml::emit(&lock).map_err(|error| Error::Values(error.to_string()))?;
            add("Chart.lock", text.into())?;
        }
        for name in ["values.yaml", "values.schema.json"] {
            if let Some(data) = self.raw_file(name) {
                add(name, data.clone())?;
            }
        }
        for file in self.templates.iter().chain(self.files.iter()) {
            add(&file.name, file.data.clone())?;
        }
        for dependency in &self.dependencies {
            dependency.add_to(tree, &format!("{folder}/charts/{}", dependency.name()))?;
        }
        Ok(())
    }
}

fn yaml(metadata: ChartMetadata) -> Result<String, Error> {
    let value = serde_json::to_value(metadata).map_err(|error| Error::Values(error.to_string()))?;
    sluice_yaml::emit(&value).map_err(|error| Error::Values(error.to_string()))
}
