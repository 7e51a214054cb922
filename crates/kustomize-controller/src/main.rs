//! The kustomize-controller: builds Kustomizations and keeps a cluster as they say.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use sluice_kustomize_controller::{GATES, NAME, Options, run};
use sluice_runtime::SharedFlags;

/// Builds Kustomizations from the artifacts of a source-controller and keeps the cluster as they say.
///
/// Speaks the API of Flux 2.9's kustomize-controller and takes its flags. It finds the API server by KUBECONFIG or, in
/// a pod, by its service account.
#[derive(Parser)]
#[command(name = "kustomize-controller", version)]
struct Cli {
    #[command(flatten)]
    shared: SharedFlags,
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let Cli { mut shared, options } = Cli::parse();
    // The pod's own grace period (spec/flux/install.md §2), less time to give the lease back.
    shared.grace_period = Duration::from_secs(50);
    sluice_runtime::main(NAME, shared, GATES, |runtime| run(runtime, options))
}
