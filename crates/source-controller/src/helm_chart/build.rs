//! What is made of a chart, whatever it comes from.

use bytes::Bytes;
use sluice_api::source::HelmChart;
use sluice_version::Version;

use super::failure;
use crate::source::failure::Failure;

/// A chart as it will be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Its name.
    pub name: String,
    /// Its version, with the metadata that we add.
    pub version: String,
    /// The packed chart; `None` when it is the one that is served already.
    pub data: Option<Bytes>,
    /// Whether we packed it.
    pub is_packaged: bool,
    /// The values files that were merged.
    pub values_files: Vec<String>,
}

impl Build {
    /// What the user reads: `pulled 'app' chart with version '1.0.0'`.
    pub fn summary(&self) -> String {
        let action = if self.is_packaged { "packaged" } else { "pulled" };
        let mut text = format!("{action} '{}' chart with version '{}'", self.name, self.version);
        if !self.values_files.is_empty() {
            text.push_str(&format!(" and merged values files [{}]", self.values_files.join(" ")));
        }
        text
    }

    /// One word for programs.
    pub fn reason(&self) -> &'static str {
        if self.is_packaged { "ChartPackageSucceeded" } else { "ChartPullSucceeded" }
    }
}

/// The values files that ask for another values.yaml. The chart's own alone asks for nothing.
pub fn values_files(object: &HelmChart) -> &[String] {
    match object.spec.values_files.as_slice() {
        [only] if matches!(only.as_str(), "values.yaml" | "./values.yaml") => &[],
        files => files,
    }
}

/// The build metadata that tells versions of an artifact apart: the revision of its source, the generation of the
/// object where its specification changes the chart.
pub fn version_metadata(object: &HelmChart, revision: Option<&str>) -> String {
    let hex = revision.map(|it| it.rsplit(':').next().unwrap_or(it)).map(|it| it.chars().take(12).collect());
    let generation =
        (!values_files(object).is_empty()).then(|| object.metadata.generation.unwrap_or_default().to_string());
    [hex, generation].into_iter().flatten().collect::<Vec<String>>().join(".")
}

/// A version with other build metadata.
pub fn with_metadata(version: &str, metadata: &str) -> Result<String, Failure> {
    if metadata.is_empty() {
        return Ok(version.to_owned());
    }
    let plain = version.split('+').next().unwrap_or(version);
    let patched = format!("{plain}+{metadata}");
    Version::parse(&patched).map_err(|error| failure::metadata(format!("`{patched}`: {error}")))?;
    Ok(patched)
}

/// Whether the artifact that is served is of this chart and version, and of this specification.
pub fn is_served(object: &HelmChart, name: &str, version: &str) -> bool {
    let status = &object.status;
    status.artifact.as_ref().is_some_and(|it| it.revision == version)
        && status.observed_chart_name == name
        && Some(status.observed_generation) == object.metadata.generation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_tell_the_revision_and_the_generation() {
        let mut object = HelmChart::default();
        object.metadata.generation = Some(4);
        let revision = "main@sha1:abcdef123456789";
        assert_eq!(version_metadata(&object, None), "");
        assert_eq!(version_metadata(&object, Some(revision)), "abcdef123456");
        object.spec.values_files = vec!["values.yaml".into()];
        assert_eq!(version_metadata(&object, None), "");
        object.spec.values_files.push("values-prod.yaml".into());
        assert_eq!(version_metadata(&object, None), "4");
        assert_eq!(version_metadata(&object, Some(revision)), "abcdef123456.4");
        assert_eq!(with_metadata("1.2.3", "abc.4").unwrap(), "1.2.3+abc.4");
        assert_eq!(with_metadata("1.2.3+old", "4").unwrap(), "1.2.3+4");
        assert_eq!(with_metadata("1.2.3+old", "").unwrap(), "1.2.3+old");
        assert_eq!(with_metadata("1.2.3", "a_b").unwrap_err().reason, "MetadataPatchError");
    }

    #[test]
    fn a_summary_tells_what_was_done() {
        let mut build =
            Build { name: "app".into(), version: "1.0.0".into(), data: None, is_packaged: false, values_files: vec![] };
        assert_eq!(build.summary(), "pulled 'app' chart with version '1.0.0'");
        build.is_packaged = true;
        build.values_files = vec!["a.yaml".into(), "b.yaml".into()];
        assert_eq!(
            build.summary(),
            "packaged 'app' chart with version '1.0.0' and merged values files [a.yaml b.yaml]"
        );
        assert_eq!(build.reason(), "ChartPackageSucceeded");
    }
}
