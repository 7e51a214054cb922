//! What can go wrong, in Helm's words.

use crate::ignore::IgnoreError;
use crate::metadata::Invalid;

/// A chart, its values or its rendering failed. Displays as Helm prints it after `Error: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no Chart.yaml.
    #[error("Chart.yaml file is missing")]
    NoChart,
    /// Chart.yaml names an apiVersion that Helm does not know.
    #[error("unsupported chart version")]
    ApiVersion,
    /// Chart.yaml breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A file of the chart cannot be read as what it should be.
    #[error("cannot load {file}: {why}")]
    File {
        /// The file's path in the chart.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// `.helmignore` has a line that Helm refuses.
    #[error(transparent)]
    Ignore(#[from] IgnoreError),
    /// A packed chart cannot be unpacked.
    #[error("unable to load chart archive: {0}")]
    Archive(String),
    /// A packed chart has no Chart.yaml.
    #[error("unable to detect chart version, no Chart.yaml found")]
    NoChartInArchive,
    /// A symbolic link in the chart.
    #[error("`{0}` is a symbolic link, which a chart may not hold; put the file itself there")]
    Symlink(String),
    /// A limit was hit.
    #[error("{0}")]
    Limit(String),
    /// A dependency in charts/ does not load.
    #[error("error unpacking subchart {name} in {chart}: {source}")]
    Subchart {
        /// The file or folder in charts/.
        name: String,
        /// The chart that holds it.
        chart: String,
        /// Why.
        source: Box<Error>,
    },
    /// Dependencies that Chart.yaml lists and charts/ lacks.
    #[error(
        "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to \
         fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: {0}"
    )]
    MissingDependencies(String),
    /// A library chart cannot be rendered by itself.
    #[error("{0} charts are not installable")]
    NotInstallable(String),
    /// Values do not merge.
    #[error("{0}")]
    Values(String),
    /// Values do not meet a schema.
    #[error("values don't meet the specifications of the schema(s) in the following chart(s):\n{0}")]
    Schema(String),
    /// The cluster's version is not one that the chart works on.
    #[error("chart requires kubeVersion: {wanted} which is incompatible with Kubernetes {found}")]
    KubeVersion {
        /// What Chart.yaml says.
        wanted: String,
        /// The cluster's version.
        found: String,
    },
    /// A template does not parse or does not execute, or what it makes is no manifest.
    #[error("{0}")]
    Render(String),
}

impl Error {
    /// Whether it arose while rendering: `helm template` then hints at its `--debug` flag.
    #[must_use]
    pub fn is_rendering(&self) -> bool {
        matches!(self, Self::KubeVersion { .. } | Self::Render(_))
    }
}
