//! The image-automation-controller: scans registries, chooses images, and writes them to Git.

use std::process::ExitCode;

use clap::Parser;
use sluice_image_automation_controller::{GATES, NAME, Options, run};
use sluice_runtime::SharedFlags;

/// Scans the tags of images, chooses one by policy, and writes it to the marked fields in Git.
///
/// Speaks the API of Flux 2.9's image-reflector-controller and image-automation-controller and takes the flags of both.
/// It finds the API server by KUBECONFIG or, in a pod, by its service account.
#[derive(Parser)]
#[command(name = "image-automation-controller", version)]
struct Cli {
    #[command(flatten)]
    shared: SharedFlags,
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let Cli { shared, options } = Cli::parse();
    sluice_runtime::main(NAME, shared, GATES, |runtime| run(runtime, options))
}
