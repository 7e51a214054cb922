//! `sluice helm show`: what a chart says of itself.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use sluice_helm::{Chart, Limits};

use super::load;
use crate::output;

/// Print parts of a chart as they are
#[derive(Args)]
pub struct ShowArgs {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Chart.yaml, values, README and CRDs
    All(ChartArgs),
    /// Chart.yaml
    Chart(ChartArgs),
    /// values.yaml
    Values(ChartArgs),
    /// The README
    Readme(ChartArgs),
    /// The CRDs
    Crds(ChartArgs),
}

#[derive(Args)]
struct ChartArgs {
    /// The chart: a folder or a .tgz file
    chart: String,
}

/// Runs the command.
///
/// # Errors
/// When the chart cannot be read.
pub fn run(args: ShowArgs) -> anyhow::Result<ExitCode> {
    let (Part::All(named) | Part::Chart(named) | Part::Values(named) | Part::Readme(named) | Part::Crds(named)) =
        &args.part;
    load::locate(&named.chart)?;
    let chart = load::chart(&named.chart, &Limits::default())?;
    output::data(&text(&chart, &args.part)?)?;
    Ok(ExitCode::SUCCESS)
}

fn text(chart: &Chart, part: &Part) -> anyhow::Result<String> {
    let mut text = String::new();
    let all = matches!(part, Part::All(_));
    let mut add = |data: &[u8], separated: bool| {
        if separated {
            text.push_str("---\n");
        }
        text.push_str(&String::from_utf8_lossy(data));
        text.push('\n');
    };
    if all || matches!(part, Part::Chart(_)) {
        add(chart.chart_yaml()?.as_bytes(), false);
    }
    if let Some(values) = chart.raw_file("values.yaml").filter(|_| all || matches!(part, Part::Values(_))) {
        add(values, all);
    }
    if let Some(readme) = chart.readme().filter(|_| all || matches!(part, Part::Readme(_))) {
        add(readme, all);
    }
    if all || matches!(part, Part::Crds(_)) {
        for crd in chart.crds() {
            add(&crd.data, !crd.data.starts_with(b"---"));
        }
    }
    Ok(text)
}
