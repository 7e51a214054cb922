//! What can be typed, and what it starts.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cluster::KubeFlags;
use crate::output::talk;
use crate::{
    alert, apiserver, artifact, build, completion, create, debug, delete, dev, diff, events, export, get, helm, image,
    install, kustomize, preview, reconcile, suspend, tree, trigger, version,
};

const EXAMPLES: &str = "\
Examples:
  # Try it: a control plane, the controllers and an example repository, all in this process
  sluice dev

  # The same with a repository of your own; commit to it and watch
  sluice dev ~/src/fleet

  # What would a pull request change? Needs no cluster
  sluice preview main..my-branch -C ~/src/fleet

  # What kustomize would print
  sluice kustomize build overlays/production

  # A cluster that runs Sluice or Flux
  sluice get all -A
  sluice reconcile kustomization apps --with-source";

/// GitOps in one binary: run, preview and look after what a Git repository says a cluster should be
#[derive(Parser)]
#[command(name = "sluice", version, after_help = EXAMPLES, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub kube: KubeFlags,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Dev(Box<dev::DevArgs>),
    #[command(name = "demo-tour")]
    DemoTour(Box<dev::TourArgs>),
    Preview(preview::PreviewArgs),
    Kustomize(kustomize::KustomizeArgs),
    Helm(helm::HelmArgs),
    Apiserver(apiserver::ApiserverArgs),
    Get(get::GetArgs),
    Reconcile(reconcile::ReconcileArgs),
    Suspend(suspend::SuspendArgs),
    Resume(suspend::ResumeArgs),
    Events(events::EventsArgs),
    Tree(tree::TreeArgs),
    Build(build::BuildArgs),
    Diff(diff::DiffArgs),
    Create(create::CreateArgs),
    Image(image::ImageArgs),
    Debug(debug::DebugArgs),
    Alert(alert::AlertArgs),
    Trigger(trigger::TriggerArgs),
    Delete(delete::DeleteArgs),
    Export(export::ExportArgs),
    Push(artifact::PushArgs),
    Pull(artifact::PullArgs),
    List(artifact::ListArgs),
    Tag(artifact::TagArgs),
    Install(install::InstallArgs),
    Version(version::VersionArgs),
    Completion(completion::CompletionArgs),
}

/// The whole life of the process.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let failure = failure_code(&arguments);
    if let Some(args) = kustomize::parse_alone(&arguments) {
        return finish(kustomize::run(args), failure);
    }
    if let Some((args, kube)) = helm::parse_alone(&arguments) {
        return finish(helm::run(args, &kube), failure);
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing can be done where even this cannot be written.
            let _ = error.print();
            return if error.use_stderr() { failure } else { ExitCode::SUCCESS };
        }
    };
    finish(run(cli), failure)
}

fn finish(outcome: anyhow::Result<ExitCode>, failure: ExitCode) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            talk::failure(&format!("{error:#}"));
            failure
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let Cli { kube, command } = cli;
    // These need neither the network nor a second thread, and start in a few milliseconds.
    let command = match command {
        Command::Kustomize(args) => return kustomize::run(args),
        Command::Helm(args) => return helm::run(args, &kube),
        Command::Preview(args) => return preview::run(&args),
        Command::Completion(args) => return completion::run(&args),
        other => other,
    };
    sluice_runtime::install_crypto();
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = tokio.block_on(async {
        match command {
            Command::Kustomize(_) | Command::Helm(_) | Command::Preview(_) | Command::Completion(_) => {
                Ok(ExitCode::SUCCESS)
            }
            Command::Dev(args) => dev::run(*args, &kube).await,
            Command::DemoTour(args) => dev::run(args.into_dev(), &kube).await,
            Command::Apiserver(args) => apiserver::run(args).await,
            Command::Get(args) => get::run(args, &kube).await,
            Command::Reconcile(args) => reconcile::run(args, &kube).await,
            Command::Suspend(args) => suspend::suspend(args, &kube).await,
            Command::Resume(args) => suspend::resume(args, &kube).await,
            Command::Events(args) => events::run(args, &kube).await,
            Command::Tree(args) => tree::run(args, &kube).await,
            Command::Build(args) => build::run(args, &kube).await,
            Command::Diff(args) => diff::run(args, &kube).await,
            Command::Create(args) => create::run(args, &kube).await,
            Command::Image(args) => image::run(args, &kube).await,
            Command::Debug(args) => debug::run(args, &kube).await,
            Command::Alert(args) => alert::run(args, &kube).await,
            Command::Trigger(args) => trigger::run(args, &kube).await,
            Command::Delete(args) => delete::run(args, &kube).await,
            Command::Export(args) => export::run(args, &kube).await,
            Command::Push(args) => artifact::run_push(args, &kube).await,
            Command::Pull(args) => artifact::run_pull(args, &kube).await,
            Command::List(args) => artifact::run_list(args, &kube).await,
            Command::Tag(args) => artifact::run_tag(args, &kube).await,
            Command::Install(args) => install::run(args, &kube).await,
            Command::Version(args) => version::run(args, &kube).await,
        }
    });
    // A read of a terminal or a folder that hangs must not keep the process.
    tokio.shutdown_background();
    outcome
}

/// 1 for errors, but 2 where 1 means that there are differences (spec/flux/cli.md §1).
fn failure_code(arguments: &[OsString]) -> ExitCode {
    let differs = arguments.iter().skip(1).any(|it| it == "diff" || it == "preview");
    ExitCode::from(if differs { 2 } else { 1 })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.into_iter().any(|it| it.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn cluster_flags_may_stand_before_and_after_the_command() {
        for line in ["sluice -n apps get ks", "sluice get ks -n apps", "sluice get -n apps kustomization"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(cli.kube.namespace.as_deref(), Some("apps"), "{line}");
        }
    }
}
