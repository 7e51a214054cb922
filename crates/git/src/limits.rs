//! What a remote may make us hold, read or wait for.

use std::time::Duration;

/// Limits on what a remote sends and on what a commit holds. Reaching one is an error that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// References in one listing.
    pub references: usize,
    /// Bytes of a reference listing.
    pub listing_bytes: u64,
    /// Bytes of a pack, as sent.
    pub pack_bytes: u64,
    /// Objects in a pack.
    pub objects: u32,
    /// Bytes of one object once inflated.
    pub object_bytes: u64,
    /// Length of a chain of deltas.
    pub delta_chain: u32,
    /// Bytes of all objects of a pack once inflated and resolved.
    pub inflated_bytes: u64,
    /// Files of a checkout, submodules included: their number, depth, names and bytes.
    pub tree: sluice_tree::Limits,
    /// Submodules within submodules.
    pub submodule_depth: usize,
    /// Submodules of a checkout, in all.
    pub submodules: usize,
    /// HTTP redirects followed.
    pub redirects: usize,
    /// Time to establish a connection.
    pub connect_timeout: Duration,
    /// Time without one byte from the server, once connected.
    pub idle_timeout: Duration,
    /// Bytes of a pack held in memory; a larger one goes into a temporary file without a name.
    pub memory_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            references: 1_000_000,
            listing_bytes: 128 << 20,
            pack_bytes: 512 << 20,
            objects: 2_000_000,
            object_bytes: 256 << 20,
            delta_chain: 4096,
            inflated_bytes: 4 << 30,
            tree: sluice_tree::Limits::default(),
            submodule_depth: 10,
            submodules: 200,
            redirects: 10,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            memory_bytes: 8 << 20,
        }
    }
}

impl Limits {
    /// Those of HTTP connections.
    pub(crate) fn http(&self) -> sluice_http::Limits {
        sluice_http::Limits {
            redirects: self.redirects,
            attempts: 1,
            connect_timeout: self.connect_timeout,
            idle_timeout: self.idle_timeout,
        }
    }
}
