//! Turns Git repositories, OCI artifacts and Helm charts into artifacts.
//!
//! In: GitRepositories, OCIRepositories, HelmRepositories and HelmCharts. Out: archives in a storage folder, served over HTTP, and their addresses in the status. Meets
//! the other controllers in the API and by those addresses alone. Behaviour: spec/flux/source.md.
//!
//! Invariant: what a status advertises is complete on disk, synced, and has the digest that the status says.

mod context;
mod git_repository;
mod helm_chart;
mod helm_repository;
mod oci_repository;
mod options;
mod source;

use std::sync::Arc;

use anyhow::Context as _;
use sluice_artifact::{ServerOptions, Storage, serve};
use sluice_runtime::{Controller, Runtime};
use tokio::net::TcpListener;

use crate::context::Kinds;
use crate::git_repository::GitRepositoryReconciler;
use crate::helm_chart::HelmChartReconciler;
use crate::helm_repository::HelmRepositoryReconciler;
use crate::oci_repository::OciRepositoryReconciler;
use crate::source::Known;
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
    let git = Controller::<GitRepositoryReconciler>::new(&runtime, PASSES);
    let oci = Controller::<OciRepositoryReconciler>::new(&runtime, PASSES);
    let helm = Controller::<HelmRepositoryReconciler>::new(&runtime, PASSES);
    let charts = Controller::<HelmChartReconciler>::new(&runtime, PASSES);
    let kinds = Kinds {
        git: Known::new(git.cache(), git.queue()),
        oci: Known::new(oci.cache(), oci.queue()),
        helm: Known::new(helm.cache(), helm.queue()),
        charts: Known::new(charts.cache(), charts.queue()),
    };
    let context = context::Shared::new(&runtime, options, storage, kinds);
    let wake = tokio::spawn(source::secrets::wake(context.clone()));
    tokio::join!(
        git.run(Arc::new(GitRepositoryReconciler(context.clone()))),
        oci.run(Arc::new(OciRepositoryReconciler(context.clone()))),
        helm.run(Arc::new(HelmRepositoryReconciler(context.clone()))),
        charts.run(Arc::new(HelmChartReconciler(context.clone()))),
    );
    wake.abort();
    serving.await.context("artifact server")?.context("artifact server")
}
