//! The helm-controller: makes HelmReleases what a cluster runs.

use std::process::ExitCode;

use clap::Parser;
use sluice_helm_controller::{GATES, NAME, Options, run};
use sluice_runtime::SharedFlags;

/// Installs, upgrades, tests, rolls back and uninstalls Helm charts as HelmReleases say.
///
/// Speaks the API of Flux 2.9's helm-controller and takes its flags. It finds the API server by KUBECONFIG or, in a pod,
/// by its service account.
#[derive(Parser)]
#[command(name = "helm-controller", version)]
struct Cli {
    #[command(flatten)]
    shared: SharedFlags,
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let Cli { mut shared, options } = Cli::parse();
    shared.grace_period = options.graceful_shutdown_timeout.0;
    sluice_runtime::main(NAME, shared, GATES, |runtime| run(runtime, options))
}
