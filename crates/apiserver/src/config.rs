//! What a server is started with.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::store;

/// Settings of a server; `Config::default()` is an empty in-memory server on a free loopback port.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Further names and addresses for the server's certificate; the first one goes into the kubeconfig.
    pub names: Vec<String>,
    /// Keeps objects, certificates and keys here; in memory when `None`.
    pub data_dir: Option<PathBuf>,
    /// Users who sign in with a bearer token.
    pub users: Vec<User>,
    /// Appends one `audit.k8s.io/v1` Event for each request, at level Metadata.
    pub audit_log: Option<PathBuf>,
    /// Writes the administrator's kubeconfig here (mode 0600) before the first request is answered.
    pub kubeconfig_out: Option<PathBuf>,
    /// Collects garbage, ends namespaces and fills token Secrets, as kube-controller-manager does.
    pub controllers: bool,
    /// Makes workloads progress to ready without nodes; off, they stay as written.
    pub simulate: bool,
    /// How the simulated workloads behave.
    pub simulation: crate::Simulation,
    /// The time that workloads see. Keep a clone to turn it while the server runs.
    pub clock: crate::Clock,
    /// What requests and the store may take.
    pub limits: Limits,
    /// Faults on purpose; none at first. Keep a clone to change them while the server runs.
    pub faults: crate::Faults,
}

/// A user known by a bearer token.
#[derive(Clone)]
pub struct User {
    /// Its name, as RBAC sees it.
    pub name: String,
    /// Its groups; `system:authenticated` is added.
    pub groups: Vec<String>,
    /// Its secret.
    pub token: String,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("groups", &self.groups).finish_non_exhaustive()
    }
}

/// Sizes that requests and the store are held to.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request's body; kube-apiserver's 3 MiB.
    pub body_bytes: usize,
    /// Bytes of a stored object; etcd's 1.5 MiB.
    pub object_bytes: usize,
    /// Nesting of JSON and YAML.
    pub depth: usize,
    /// Operations of a JSON patch.
    pub patch_operations: usize,
    /// History and queues.
    pub store: store::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 3 << 20,
            object_bytes: 3 << 19,
            depth: 100,
            patch_operations: 10_000,
            store: store::Limits::default(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            names: Vec::new(),
            data_dir: None,
            users: Vec::new(),
            audit_log: None,
            kubeconfig_out: None,
            controllers: true,
            simulate: true,
            simulation: crate::Simulation::default(),
            clock: crate::Clock::default(),
            limits: Limits::default(),
            faults: crate::Faults::default(),
        }
    }
}
