//! What a process may choose.

use std::time::Duration;

/// Limits and rules of fetching.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes of one file.
    pub file_bytes: usize,
    /// Bytes of a repository's pack.
    pub pack_bytes: u64,
    /// Repositories and files that one build may fetch.
    pub fetches: usize,
    /// Redirects of one file.
    pub redirects: usize,
    /// Time for one file; a repository has what its address says, 27 seconds by default, as in kustomize.
    pub timeout: Duration,
    /// Time that all fetches of one build may take together.
    pub total: Duration,
    /// Whether addresses of the own link, such as a cloud's metadata service, may be connected to.
    pub link_local: bool,
    /// Who we are to SSH servers: a private key, and the host keys that are trusted.
    pub ssh: Option<SshIdentity>,
}

/// A private key and trusted hosts.
#[derive(Debug, Clone)]
pub struct SshIdentity {
    /// The private key, as its file holds it.
    pub key: sluice_git::Secret,
    /// In the format of OpenSSH's `known_hosts`.
    pub known_hosts: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file_bytes: 10 << 20,
            pack_bytes: 128 << 20,
            fetches: 100,
            redirects: 10,
            timeout: Duration::from_secs(27),
            total: Duration::from_secs(300),
            link_local: false,
            ssh: None,
        }
    }
}
