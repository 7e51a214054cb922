//! `sluice helm package`: charts as .tgz files.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use sluice_helm::{Limits, check_dependencies};

use super::load;
use crate::output;

/// Pack charts into .tgz files; the same chart gives the same bytes
#[derive(Args)]
pub struct PackageArgs {
    /// Folders of charts
    #[arg(required = true)]
    charts: Vec<String>,
    /// Folder to write to
    #[arg(short, long, default_value = ".", value_name = "FOLDER")]
    destination: PathBuf,
    /// Version to give to the chart
    #[arg(long)]
    version: Option<String>,
    /// appVersion to give to the chart
    #[arg(long)]
    app_version: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When a chart cannot be read, lacks dependencies, or its package cannot be written.
pub fn run(args: PackageArgs) -> anyhow::Result<ExitCode> {
    for path in &args.charts {
        load::locate(path)?;
        let mut chart = load::chart(path, &Limits::default())?;
        if let Some(version) = &args.version {
            chart.metadata.version.clone_from(version);
        }
        if let Some(version) = &args.app_version {
            chart.metadata.app_version.clone_from(version);
        }
        chart.metadata.validate()?;
        check_dependencies(&chart)?;
        let tree = chart.package(&sluice_tree::Limits::default())?;
        let name = format!("{}-{}.tgz", chart.name(), chart.metadata.version);
        let mut packed = Vec::new();
        sluice_tree::archive::write_tar_gz(&tree, &mut packed)?;
        fs::create_dir_all(&args.destination).with_context(|| args.destination.display().to_string())?;
        let file = args.destination.join(&name);
        fs::write(&file, packed).with_context(|| file.display().to_string())?;
        output::data(&format!("Successfully packaged chart and saved it to: {}\n", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
