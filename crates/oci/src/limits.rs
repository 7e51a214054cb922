//! What a registry may make us hold, read or wait for.

/// Limits on what a registry sends. Reaching one is an error that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a manifest or an index.
    pub manifest_bytes: u64,
    /// Bytes of one blob.
    pub blob_bytes: u64,
    /// Layers of a manifest, entries of an index.
    pub descriptors: usize,
    /// Tags of a repository.
    pub tags: usize,
    /// Pages of a listing.
    pub pages: usize,
    /// Bytes of one page of a listing.
    pub page_bytes: u64,
    /// Bytes of the answer of a token server.
    pub token_bytes: u64,
    /// Bytes read of the body of an error.
    pub error_bytes: usize,
    /// Redirects, tries and waits.
    pub http: sluice_http::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            manifest_bytes: 8 << 20,
            blob_bytes: 512 << 20,
            descriptors: 10_000,
            tags: 1_000_000,
            pages: 1_000,
            page_bytes: 8 << 20,
            token_bytes: 1 << 20,
            error_bytes: 64 << 10,
            http: sluice_http::Limits::default(),
        }
    }
}
