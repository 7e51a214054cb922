//! What a caller may choose: restrictions, limits, a shared cache, remote bases.

use std::sync::Arc;

use bytes::Bytes;

use crate::cache::Cache;
use crate::files::Files;
use crate::helm::Charts;
use crate::repo::RepoSpec;

/// Which files a kustomization may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoadRestrictor {
    /// Only files in or below its own folder (kustomize's default); bases may lie elsewhere.
    #[default]
    RootOnly,
    /// Any file that the [`Files`] can reach.
    None,
}

/// In which order objects come out, where the kustomization itself does not say (`sortOptions`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reorder {
    /// As `kustomize build` does without a flag: the same as `Legacy`.
    #[default]
    Unspecified,
    /// Namespaces and definitions first, webhooks last.
    Legacy,
    /// As they were read.
    None,
}

/// Who reads the YAML of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Threads {
    /// The caller's thread alone.
    #[default]
    Own,
    /// A thread a core, once there is enough to read: for a program that does one build.
    Cores,
}

/// Caps on what one build may use; each error names the cap.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Folders a kustomization may be nested in others.
    pub depth: usize,
    /// Files and folders loaded, each time counted.
    pub loads: usize,
    /// Bytes of one file.
    pub file_bytes: usize,
    /// Bytes of all loaded files.
    pub total_bytes: usize,
    /// Objects in the result, and on the way to it.
    pub objects: usize,
    /// What one YAML stream may hold.
    pub yaml: sluice_yaml::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 50,
            loads: 100_000,
            file_bytes: 10 << 20,
            total_bytes: 256 << 20,
            objects: 200_000,
            yaml: sluice_yaml::Limits::default(),
        }
    }
}

/// Fetches what lies outside of the files: bases and files named by URL. The engine checks an address first
/// (`ext::`, `file://`, options in disguise, link-local addresses), and calls from the thread that builds.
pub trait Remote: Send + Sync {
    /// The files of the repository that `spec` names, whole: bases in it may refer to each other.
    ///
    /// # Errors
    /// A message for the user: refused, not found, over a limit.
    fn tree(&self, spec: &RepoSpec) -> Result<Arc<dyn Files>, String>;

    /// What the file at the `http` or `https` address `url` holds.
    ///
    /// # Errors
    /// A message for the user: refused, not found, over a limit.
    fn file(&self, url: &str) -> Result<Bytes, String>;

    /// Whether hosts may be addresses of the own link, such as a cloud's metadata service.
    fn allows_link_local(&self) -> bool {
        false
    }
}

/// How to build.
#[derive(Clone, Default)]
pub struct Options<'a> {
    /// Which files a kustomization may name.
    pub load_restrictor: LoadRestrictor,
    /// The order of the result.
    pub reorder: Reorder,
    /// Whether `helmCharts` may be rendered.
    pub enable_helm: bool,
    /// Renders them; without it they are an error.
    pub charts: Option<&'a dyn Charts>,
    /// Fetches remote bases; without it they are an error, before any connection.
    pub remote: Option<&'a dyn Remote>,
    /// Parsed files, shared by builds.
    pub cache: Option<Arc<Cache>>,
    /// Asked between steps; `true` ends the build with an error.
    pub cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// Who reads YAML. Where many builds run side by side they use the cores already.
    pub threads: Threads,
    /// Caps.
    pub limits: Limits,
    /// What to build instead of the kustomization file of the built folder, as [`crate::flux::Spec::apply`] makes it.
    pub kustomization: Option<sluice_yaml::Value>,
}
