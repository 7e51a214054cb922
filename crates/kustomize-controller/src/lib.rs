//! Builds Kustomizations and keeps a cluster as they say.
//!
//! In: Kustomizations, and the artifacts that their sources name. Out: applied, pruned, healthy objects, and what the
//! status says about them. Meets the other controllers in the API alone. Behaviour: spec/flux/kustomize.md.
//!
//! Beyond Flux: sources, dependencies, referenced Secrets and ConfigMaps and the managed objects themselves are
//! watched; a revision that changes no file of a build costs no build; a large prune asks for approval.

mod context;
mod kustomization;
mod options;
mod references;
mod sources;
mod wake;

use std::sync::Arc;

use anyhow::Context as _;
use sluice_runtime::{Controller, Runtime};

use crate::kustomization::KustomizationReconciler;
pub use options::{GATES, Options};

/// The controller's name: of its field manager, its lease and its events.
pub const NAME: &str = "kustomize-controller";

/// Passes that may be under way at once, most of them waiting for health; `--concurrent` limits those that work.
const PASSES: usize = 256;

/// Runs the controller until the runtime stops.
///
/// # Errors
/// When the flags contradict each other.
pub async fn run(runtime: Runtime, options: Options) -> anyhow::Result<()> {
    options.check(runtime.flags()).context("flags")?;
    let controller = Controller::<KustomizationReconciler>::new(&runtime, PASSES);
    let context = context::Shared::new(&runtime, options, controller.cache(), controller.queue())?;
    let wake = tokio::spawn(wake::on_changes(context.clone()));
    controller.run(Arc::new(KustomizationReconciler(context))).await;
    wake.abort();
    Ok(())
}
