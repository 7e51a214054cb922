//! Makes HelmReleases what a cluster runs.
//!
//! In: HelmReleases, and the charts that their sources serve. Out: releases that Helm knows as its own, and what the
//! status says about them. Meets the other controllers in the API alone. Behaviour: spec/flux/helm.md.
//!
//! Beyond Flux: with drift detection on, live objects are watched; a release that died in any state is taken up again;
//! a new revision ends the wait for an old one; a release that Helm, or a killed pass, made as it is wanted is taken
//! over as it is; failures tell what the failing object tells.

mod charts;
mod context;
mod helm_release;
mod options;
mod references;
mod sources;
mod wake;

use std::sync::Arc;

use anyhow::Context as _;
use sluice_runtime::{Controller, Runtime};

use crate::helm_release::HelmReleaseReconciler;
pub use helm_release::final_values;
pub use options::{GATES, Options};

/// The controller's name: of its field manager, its lease and its events.
pub const NAME: &str = "helm-controller";

/// Passes that may be under way at once, most of them waiting for health; `--concurrent` limits those that work.
const PASSES: usize = 256;

/// Runs the controller until the runtime stops.
///
/// # Errors
/// When the flags contradict each other.
pub async fn run(runtime: Runtime, options: Options) -> anyhow::Result<()> {
    options.check(runtime.flags()).context("flags")?;
    let controller = Controller::<HelmReleaseReconciler>::new(&runtime, PASSES);
    let context = context::Shared::new(&runtime, options, controller.cache(), controller.queue())?;
    let wake = tokio::spawn(wake::on_changes(context.clone()));
    controller.run(Arc::new(HelmReleaseReconciler(context))).await;
    wake.abort();
    Ok(())
}
