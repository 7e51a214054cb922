//! Scans registries, chooses images, and writes them to Git.
//!
//! In: ImageRepositories, ImagePolicies and ImageUpdateAutomations. Out: which tags there are and which one is wanted, in
//! the status; commits in Git. Meets the other controllers in the API and in Git alone. Behaviour: spec/flux/image.md.
//!
//! Invariants: what a policy chooses is from a whole list of tags, never from a part; the list outlives the process; a
//! registry that asks for patience is not asked before its time.

mod automation;
mod context;
mod failure;
mod lifecycle;
mod options;
mod policy;
mod repository;
mod wake;

use std::sync::Arc;

use anyhow::Context as _;
use sluice_runtime::{Controller, Runtime};

use crate::automation::AutomationReconciler;
use crate::context::{Kinds, Known};
use crate::policy::PolicyReconciler;
use crate::repository::{RepositoryReconciler, Tags};
pub use options::{GATES, Options};

/// The controller's name: of its field manager, its lease and its events.
pub const NAME: &str = "image-automation-controller";

/// Passes of a kind that may be under way at once, most of them waiting for a remote; `--concurrent` limits how many ask
/// one registry.
const PASSES: usize = 64;

/// Runs the controller until the runtime stops.
///
/// # Errors
/// When the flags contradict each other, or the storage folder cannot be used.
pub async fn run(runtime: Runtime, options: Options) -> anyhow::Result<()> {
    options.check(runtime.flags()).context("flags")?;
    let tags = Tags::open(&options.storage_path).context("--storage-path")?;
    let repositories = Controller::<RepositoryReconciler>::new(&runtime, PASSES);
    let policies = Controller::<PolicyReconciler>::new(&runtime, PASSES);
    let automations = Controller::<AutomationReconciler>::new(&runtime, PASSES);
    let kinds = Kinds {
        repositories: Known::new(repositories.cache(), repositories.queue()),
        policies: Known::new(policies.cache(), policies.queue()),
        automations: Known::new(automations.cache(), automations.queue()),
    };
    let context = context::Shared::new(&runtime, options, tags, kinds);
    let tasks = [tokio::spawn(wake::for_secrets(context.clone())), tokio::spawn(repository::collect(context.clone()))];
    tokio::join!(
        repositories.run(Arc::new(RepositoryReconciler(context.clone()))),
        policies.run(Arc::new(PolicyReconciler(context.clone()))),
        automations.run(Arc::new(AutomationReconciler(context.clone()))),
    );
    for task in tasks {
        task.abort();
    }
    Ok(())
}
