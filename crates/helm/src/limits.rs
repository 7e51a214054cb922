//! What a chart may cost.

/// Bounds of loading and rendering one chart; the error names the one that was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file of a chart.
    pub file_bytes: u64,
    /// Bytes of a chart's files, those of its packed dependencies not counted.
    pub chart_bytes: u64,
    /// Files of a chart, and of each packed dependency.
    pub files: usize,
    /// Charts inside each other.
    pub depth: usize,
    /// Charts in all, the outermost counted.
    pub charts: usize,
    /// Bytes of all files of all charts together.
    pub total_bytes: u64,
    /// Objects that one rendering may make, hooks counted.
    pub objects: usize,
    /// Bytes of all rendered templates together.
    pub rendered_bytes: usize,
    /// What the templates may cost.
    pub template: sluice_gotemplate::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 5 << 20,
            chart_bytes: 100 << 20,
            files: 100_000,
            depth: 40,
            charts: 10_000,
            total_bytes: 512 << 20,
            objects: 100_000,
            rendered_bytes: 256 << 20,
            template: sluice_gotemplate::Limits::default(),
        }
    }
}
