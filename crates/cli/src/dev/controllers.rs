//! Starts the controllers: as tasks of this process, or as processes of their own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Parser;
use sluice_runtime::{Listen, Runtime, SharedFlags};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The controllers.
pub const NAMES: [&str; 5] = [
    sluice_source_controller::NAME,
    sluice_kustomize_controller::NAME,
    sluice_notification_controller::NAME,
    sluice_helm_controller::NAME,
    sluice_image_automation_controller::NAME,
];

/// What they are started with.
pub struct Start {
    /// A kubeconfig for each.
    pub kubeconfigs: Vec<PathBuf>,
    /// Folder of the artifacts.
    pub artifacts: PathBuf,
    /// Folder of the logs of processes.
    pub logs: PathBuf,
    /// Folder of events that are not delivered yet.
    pub queue: PathBuf,
    /// Folder of the tags of images.
    pub images: PathBuf,
    /// Where events are taken.
    pub events: SocketAddr,
    /// Where calls of webhooks are taken.
    pub webhooks: SocketAddr,
    /// Ends them.
    pub stop: CancellationToken,
}

/// A controller's flags.
#[derive(Parser)]
struct Flags<T: clap::Args> {
    #[command(flatten)]
    shared: SharedFlags,
    #[command(flatten)]
    options: T,
}

impl Start {
    /// The command line of a controller: no port is fixed, nothing is served that nobody asks for.
    fn arguments(&self, name: &str) -> Vec<String> {
        let mut arguments = vec!["--metrics-addr=0".to_owned(), "--health-addr=0".to_owned()];
        if name == sluice_source_controller::NAME {
            arguments.push("--storage-addr=127.0.0.1:0".to_owned());
            arguments.push("--storage-adv-addr=".to_owned());
            arguments.push(format!("--storage-path={}", self.artifacts.display()));
        }
        if name == sluice_image_automation_controller::NAME {
            arguments.push(format!("--storage-path={}", self.images.display()));
        }
        if name == sluice_notification_controller::NAME {
            arguments.push(format!("--events-addr={}", self.events));
            arguments.push(format!("--receiverAddr={}", self.webhooks));
            arguments.push(format!("--storage-path={}", self.queue.display()));
            arguments.push("--commit-links".to_owned());
        } else {
            arguments.push(format!("--events-addr=http://{}/", self.events));
        }
        arguments
    }

    fn flags<T: clap::Args>(&self, name: &str) -> anyhow::Result<Flags<T>> {
        let arguments = std::iter::once(name.to_owned()).chain(self.arguments(name));
        Ok(Flags::try_parse_from(arguments)?)
    }

    async fn runtime(&self, index: usize, flags: SharedFlags) -> anyhow::Result<Runtime> {
        let text = std::fs::read_to_string(&self.kubeconfigs[index])?;
        Runtime::new(NAMES[index], flags, super::config_of(&text).await?, self.stop.clone())
    }
}

/// Runs all as tasks; why one ended too soon goes to `ending`.
///
/// # Errors
/// When a runtime cannot be made.
pub async fn in_process(
    start: &Start,
    ending: watch::Sender<Option<String>>,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let source: Flags<sluice_source_controller::Options> = start.flags(NAMES[0])?;
    let kustomize: Flags<sluice_kustomize_controller::Options> = start.flags(NAMES[1])?;
    let source_runtime = start.runtime(0, source.shared).await?;
    let kustomize_runtime = start.runtime(1, kustomize.shared).await?;
    let mut notification: Flags<sluice_notification_controller::Options> = start.flags(NAMES[2])?;
    // For the others it says where events go; this one takes them.
    notification.shared.events_addr.clear();
    let notification_runtime = start.runtime(2, notification.shared).await?;
    let options = source.options;
    let running = source_runtime.run(|runtime| sluice_source_controller::run(runtime, options));
    tasks.spawn(reported(NAMES[0], running, start.stop.clone(), ending.clone()));
    let options = kustomize.options;
    let running = kustomize_runtime.run(|runtime| sluice_kustomize_controller::run(runtime, options));
    tasks.spawn(reported(NAMES[1], running, start.stop.clone(), ending.clone()));
    let (options, events) = (notification.options, Listen(Some(start.events)));
    let running =
        notification_runtime.run(move |runtime| sluice_notification_controller::run(runtime, options, events));
    tasks.spawn(reported(NAMES[2], running, start.stop.clone(), ending.clone()));
    let helm: Flags<sluice_helm_controller::Options> = start.flags(NAMES[3])?;
    let (options, helm_runtime) = (helm.options, start.runtime(3, helm.shared).await?);
    let running = helm_runtime.run(|runtime| sluice_helm_controller::run(runtime, options));
    tasks.spawn(reported(NAMES[3], running, start.stop.clone(), ending.clone()));
    let images: Flags<sluice_image_automation_controller::Options> = start.flags(NAMES[4])?;
    let (options, images_runtime) = (images.options, start.runtime(4, images.shared).await?);
    let running = images_runtime.run(|runtime| sluice_image_automation_controller::run(runtime, options));
    tasks.spawn(reported(NAMES[4], running, start.stop.clone(), ending));
    Ok(())
}

async fn reported(
    name: &'static str,
    running: impl Future<Output = anyhow::Result<()>>,
    stop: CancellationToken,
    ending: watch::Sender<Option<String>>,
) -> anyhow::Result<()> {
    let outcome = running.await;
    if !stop.is_cancelled() {
        let why = outcome.as_ref().err().map_or_else(|| "it says nothing".to_owned(), |error| format!("{error:#}"));
        ending.send_replace(Some(format!("{name} has ended: {why}")));
    }
    outcome
}

/// Starts the binaries and watches over them.
///
/// # Errors
/// When a binary is not found or does not start.
pub fn as_processes(
    start: &Start,
    bin_dir: Option<&Path>,
    ending: watch::Sender<Option<String>>,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    for (index, name) in NAMES.into_iter().enumerate() {
        let binary = find(name, bin_dir)?;
        let log = start.logs.join(format!("{name}.log"));
        let file = std::fs::File::create(&log).with_context(|| format!("`{}`", log.display()))?;
        let mut child = Command::new(&binary)
            .args(start.arguments(name))
            .env("KUBECONFIG", &start.kubeconfigs[index])
            .env("RUNTIME_NAMESPACE", crate::cluster::DEFAULT_NAMESPACE)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting `{}`", binary.display()))?;
        crate::output::talk::success(&format!("{name} is process {}", child.id()));
        let (stop, ending) = (start.stop.clone(), ending.clone());
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => {
                        // A controller loses nothing when it is killed at any instant.
                        let _ = child.kill();
                        let _ = child.wait();
                        return Ok(());
                    }
                    () = tokio::time::sleep(Duration::from_millis(300)) => {}
                }
                if let Some(status) = child.try_wait()? {
                    let text = std::fs::read_to_string(&log).unwrap_or_default();
                    let last = text.lines().last().unwrap_or_default().to_owned();
                    ending.send_replace(Some(format!("{name} has ended ({status}): {last}")));
                    return Err(anyhow!("{name} has ended"));
                }
            }
        });
    }
    Ok(())
}

/// In the folder that was named, else beside this binary, else in PATH.
fn find(name: &str, bin_dir: Option<&Path>) -> anyhow::Result<PathBuf> {
    let mut folders = Vec::new();
    match bin_dir {
        Some(dir) => folders.push(dir.to_owned()),
        None => {
            let own = std::env::current_exe().ok().and_then(|it| it.parent().map(Path::to_owned));
            folders.extend(own);
            folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
        }
    }
    match folders.iter().map(|it| it.join(name)).find(|it| it.is_file()) {
        Some(binary) => Ok(binary),
        None => bail!(
            "`{name}` is neither beside `sluice` nor in PATH; build it with `cargo build -p sluice-{name}`, or name its folder with --bin-dir"
        ),
    }
}
