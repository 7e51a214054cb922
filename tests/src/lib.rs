//! The world that end-to-end scenarios play in.
//!
//! A [`World`] is a control plane, a Git server and the two controllers as processes of their own, which share nothing
//! but the API server and the artifact URL. The control plane is the embedded one; with `SLUICE_E2E_CLUSTER=1` it is
//! the cluster of `KUBECONFIG`, and the assertions are the same. Knows no scenario: those are in `tests/it`.
//!
//! Invariants: every wait has a deadline and says what it waited for; what a world starts and writes is gone when it is
//! dropped; on the embedded control plane worlds do not meet, so scenarios run side by side.
#![expect(clippy::print_stderr, reason = "what a failed scenario leaves to read goes to the test's output")]

mod api;
mod audit;
mod chart_artifacts;
mod charts;
mod cluster;
mod controller;
mod git;
mod git_http;
mod invariants;
mod kubectl;
mod random;
mod wait;
mod world;

pub use api::{Api, condition};
pub use audit::{Audit, Call};
pub use chart_artifacts::{ArtifactServer, helm_release};
pub use charts::{ChartServer, pack};
pub use controller::{Controller, binary};
pub use git::Repository;
pub use git_http::{Fault, GitServer, PASSWORD, USERNAME};
pub use invariants::{id, inventory};
pub use kubectl::{Kubectl, Output};
pub use random::Random;
pub use wait::{PATIENCE, eventually, stays};
pub use world::{EXAMPLE_KUSTOMIZATIONS, Setup, World, workspace_root};
