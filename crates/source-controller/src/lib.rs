//! Turns Git repositories into artifacts.
//!
//! In: GitRepositories. Out: archives in a storage folder, served over HTTP, and their addresses in the status. Meets
//! the other controllers in the API and by those addresses alone. Behaviour: spec/flux/source.md.
//!
//! Invariant: what a status advertises is complete on disk, synced, and has the digest that the status says.

mod context;
mod git_repository;
mod options;

use std::sync::Arc;

use anyhow::Context as _;
use sluice_artifact::{ServerOptions, Storage, serve};
use sluice_runtime::{Controller, Runtime};
use tokio::net::TcpListener;

use crate::git_repository::GitRepositoryReconciler;
pub use options::{GATES, Options};

/// The controller's name: of its field manager, its lease and its events.
pub const NAME: &str = "source-controller";

/// Passes that may be under way at once, most of them waiting for a remote; `--concurrent` limits those that work.
const PASSES: usize = 64;

/// Runs the controller until the runtime stops.
///
/// # Errors
/// When the flags contradict each other, the storage folder cannot be used or the address is taken.
pub async fn run(runtime: Runtime, options: Options) -> anyhow::Result<()> {
    options.check(runtime.flags()).context("flags")?;
    let address =
        options.storage_addr.0.context("--storage-addr: an artifact server needs an address such as `:9090`")?;
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("--storage-addr: cannot listen on {address}"))?;
    let advertised = options.advertised(listener.local_addr()?);
    let storage = Storage::open(&options.storage_path, &advertised).context("--storage-path")?;
    let stop = runtime.stopping();
    let serving = serve(listener, options.storage_path.clone(), ServerOptions::default(), stop.cancelled_owned());
    let serving = tokio::spawn(serving);
    let controller = Controller::<GitRepositoryReconciler>::new(&runtime, PASSES);
    let context = context::Shared::new(&runtime, options, storage, controller.cache(), controller.queue());
    let wake = tokio::spawn(git_repository::wake_on_secrets(context.clone()));
    controller.run(Arc::new(GitRepositoryReconciler(context))).await;
    wake.abort();
    serving.await.context("artifact server")?.context("artifact server")
}
