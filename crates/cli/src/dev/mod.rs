//! `sluice dev`: a control plane, the controllers and a Git server over a folder, in one process.
//!
//! [`repository`] finds what to serve, [`plane`] starts everything, [`sources`] tells the controllers about the
//! repository, [`moves`] tells them when it changes, [`state`] watches what they do, [`notices`] takes what they would
//! notify of, [`progress`] says it, [`report`] sums it up, [`tour`] plays it through.

mod commit;
mod controllers;
mod moves;
mod notices;
mod plane;
mod progress;
mod report;
mod repository;
mod sources;
mod state;
mod tour;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use crate::cluster::KubeFlags;
use crate::output::{self, talk};
use plane::Plane;

const EXAMPLES: &str = "\
Examples:
  # The bundled example, in a folder of its own that you can commit to
  sluice dev --kubeconfig-out kubeconfig

  # A repository of yours; every commit is applied within two seconds
  sluice dev ~/src/fleet

  # In CI: does everything in the repository become ready?
  sluice dev . --once --timeout 2m

The Flux objects below --path are applied, with the local Git server as their source. Without any, each overlay of the
repository gets a Kustomization. A folder that is no Git repository is served as it is.";

/// Run a Git repository: control plane, controllers and Git server in one process, no cluster needed
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct DevArgs {
    /// Folder or Git repository to run [default: a copy of the bundled example]
    dir: Option<PathBuf>,
    /// Folder in it with the Flux objects to apply [default: clusters, or everything]
    #[arg(long)]
    path: Option<String>,
    /// Where the bundled example is put [default: a temporary folder]
    #[arg(long, conflicts_with = "dir")]
    example_dir: Option<PathBuf>,
    /// Write the administrator's kubeconfig to this file
    #[arg(long)]
    kubeconfig_out: Option<PathBuf>,
    /// Address of the API server; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Address of the Git server; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    git_listen: SocketAddr,
    /// Keep the cluster's state in this folder, rather than in memory
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Append a line for each API request to this file
    #[arg(long)]
    audit_log: Option<PathBuf>,
    /// Run the controllers as processes of their own
    #[arg(long)]
    processes: bool,
    /// Folder of their binaries [default: that of sluice, then PATH]
    #[arg(long, requires = "processes")]
    bin_dir: Option<PathBuf>,
    /// End with 0 as soon as everything is ready, with 1 if it is not within --timeout
    #[arg(long)]
    once: bool,
    /// Play commit, drift, prune and revert through on the bundled example, and end
    #[arg(long, conflicts_with_all = ["dir", "once", "path"])]
    tour: bool,
}

/// Watch commit, drift, prune and revert play through on the bundled example
#[derive(Args)]
#[command(
    after_help = "Examples:\n  sluice demo-tour\n\nThe same as `sluice dev --tour`. Exits with 1 if a step fails."
)]
pub struct TourArgs {
    /// Write the administrator's kubeconfig to this file
    #[arg(long)]
    kubeconfig_out: Option<PathBuf>,
    /// Run the controllers as processes of their own
    #[arg(long)]
    processes: bool,
    /// Folder of their binaries [default: that of sluice, then PATH]
    #[arg(long, requires = "processes")]
    bin_dir: Option<PathBuf>,
}

impl TourArgs {
    /// The same as flags of `dev`.
    pub fn into_dev(self) -> DevArgs {
        DevArgs {
            dir: None,
            path: None,
            example_dir: None,
            kubeconfig_out: self.kubeconfig_out,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            git_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: None,
            audit_log: None,
            processes: self.processes,
            bin_dir: self.bin_dir,
            once: false,
            tour: true,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When something cannot be started, or with `--once` when not everything becomes ready.
pub async fn run(args: DevArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    if flags.verbose {
        sluice_runtime::init_logging(sluice_runtime::LogLevel::Debug, sluice_runtime::LogEncoding::Console);
    }
    let repository = match &args.dir {
        Some(dir) => repository::open(dir)?,
        None => repository::example(args.example_dir.as_deref())?,
    };
    let plane = Plane::start(&args, repository).await?;
    let outcome = tokio::select! {
        outcome = story(&args, &plane, flags.timeout.0) => outcome,
        () = interrupted() => {
            talk::plain("");
            // What there is at the end belongs to the answer; a cluster that does not answer any more does not.
            let closing = tokio::time::timeout(Duration::from_secs(2), report::table(&plane)).await;
            if let Ok(Ok(table)) = closing {
                output::data(&table)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    };
    plane.stop().await;
    outcome
}

async fn story(args: &DevArgs, plane: &Plane, timeout: Duration) -> anyhow::Result<ExitCode> {
    plane.introduce();
    let _telling = progress::tell(plane);
    sources::apply(&plane.target).await.context("telling the controllers about the repository")?;
    if args.tour {
        return tour::run(plane).await;
    }
    let _moves = moves::follow(plane);
    let mut state = plane.state.subscribe();
    // What is waited for holds a lock until it is dropped, so only whether it came is kept.
    let ready = tokio::time::timeout(timeout, state.wait_for(state::State::all_ready)).await.is_ok();
    if args.once {
        output::data(&report::table(plane).await?)?;
        if !ready {
            talk::failure(&format!("not everything is ready within {} s:", timeout.as_secs()));
            for line in plane.state.borrow().not_ready() {
                talk::plain(&format!("  {line}"));
            }
            return Ok(ExitCode::FAILURE);
        }
        talk::success(&format!("everything is ready after {:.1} s", plane.started.elapsed().as_secs_f64()));
        return Ok(ExitCode::SUCCESS);
    }
    if ready {
        output::data(&report::table(plane).await?)?;
        talk::success(&format!("everything is ready after {:.1} s", plane.started.elapsed().as_secs_f64()));
        plane.invite();
    }
    // Until Ctrl-C, or until a controller ends by itself.
    plane.failed().await
}

/// Resolves at Ctrl-C or SIGTERM.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

/// The definitions of Flux's kinds.
///
/// # Errors
/// When one cannot be written as JSON.
pub fn definitions() -> anyhow::Result<Vec<Value>> {
    sluice_api::crds().iter().map(|it| serde_json::to_value(it).context("a definition")).collect()
}

/// How to reach the cluster of a kubeconfig.
///
/// # Errors
/// When it is none.
pub async fn config_of(kubeconfig: &str) -> anyhow::Result<kube::Config> {
    let kubeconfig = kube::config::Kubeconfig::from_yaml(kubeconfig).context("kubeconfig")?;
    Ok(kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?)
}

/// Whether people look at stderr.
fn has_colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
