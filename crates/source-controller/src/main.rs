//! The source-controller: turns Git repositories into artifacts.

use std::process::ExitCode;

use clap::Parser;
use sluice_runtime::SharedFlags;
use sluice_source_controller::{GATES, NAME, Options, run};

/// Turns Git repositories into artifacts that other controllers fetch.
///
/// Speaks the API of Flux 2.9's source-controller and takes its flags. It finds the API server by KUBECONFIG or, in a
/// pod, by its service account.
#[derive(Parser)]
#[command(name = "source-controller", version)]
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
