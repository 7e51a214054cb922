//! `kustomize build` and nothing else: for the conformance scripts and for profiling.
//!
//!     build [--load-restrictor=…] [--reorder=…] [--enable-helm] [DIR]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

use std::io::Write as _;
use std::process::ExitCode;

use sluice_kustomize::{Build, Disk, LoadRestrictor, Options, Reorder, Threads, build};

fn main() -> ExitCode {
    let mut options = Options { threads: Threads::Cores, ..Options::default() };
    let mut folder = ".".to_owned();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--load-restrictor=LoadRestrictionsNone" => options.load_restrictor = LoadRestrictor::None,
            "--reorder=none" => options.reorder = Reorder::None,
            "--reorder=legacy" => options.reorder = Reorder::Legacy,
            "--enable-helm" => options.enable_helm = true,
            flag if flag.starts_with("--helm-") => {}
            other => folder = other.to_owned(),
        }
    }
    match run(&folder, &options) {
        Ok(built) => {
            for warning in &built.1.warnings {
                eprintln!("{warning}");
            }
            let written = std::io::stdout().lock().write_all(built.0.as_bytes());
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &str, options: &Options<'_>) -> Result<(String, Build), Box<dyn std::error::Error>> {
    let disk = Disk::new("/")?;
    let absolute = std::path::absolute(folder)?;
    let path = absolute.to_str().ok_or("the path is not UTF-8")?.trim_start_matches('/').to_owned();
    let built = build(&disk, &path, options)?;
    Ok((built.to_yaml()?, built))
}
