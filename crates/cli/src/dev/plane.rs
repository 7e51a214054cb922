//! Everything that runs: API server, Git server, controllers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use serde_json::json;
use sluice_apiserver::{Config, Server, User};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::repository::Repository;
use super::sources::Target;
use super::state::{Happening, State};
use super::{DevArgs, controllers, definitions, notices, state};
use crate::apiserver::{admin, write_secret};
use crate::cluster::{Cluster, MANAGER};
use crate::output::talk;

/// Happenings that the printer has not seen yet; a burst of all objects of a big repository fits.
const HAPPENINGS: usize = 4096;

/// What runs.
pub struct Plane {
    /// When it was started.
    pub started: Instant,
    /// What is served.
    pub repository: Arc<Repository>,
    /// Where.
    pub git_url: String,
    /// The cluster.
    pub cluster: Cluster,
    /// What the controllers say.
    pub state: watch::Sender<State>,
    /// What happened, for the printer; taken by it.
    pub happenings: Mutex<Option<mpsc::Receiver<Happening>>>,
    /// For those who have something to tell.
    pub tell: mpsc::Sender<Happening>,
    /// What the controllers are told about.
    pub target: Target,
    kubeconfig: PathBuf,
    webhooks: SocketAddr,
    server: Server,
    stop: CancellationToken,
    tasks: Mutex<JoinSet<anyhow::Result<()>>>,
    ended: watch::Receiver<Option<String>>,
    _work: TempDir,
}

impl Plane {
    /// Starts everything; the controllers have nothing to do yet.
    ///
    /// # Errors
    /// When an address is taken, or a file cannot be written.
    pub async fn start(args: &DevArgs, repository: Repository) -> anyhow::Result<Self> {
        let started = Instant::now();
        let work = tempfile::Builder::new().prefix("sluice-dev-").tempdir().context("a temporary folder")?;
        let users: Vec<User> = controllers::NAMES.iter().map(|name| admin(name)).collect();
        let kubeconfig = args.kubeconfig_out.clone().unwrap_or_else(|| work.path().join("kubeconfig"));
        let server = sluice_apiserver::start(Config {
            listen: args.listen,
            data_dir: args.data_dir.clone(),
            users: users.clone(),
            audit_log: args.audit_log.clone(),
            kubeconfig_out: Some(kubeconfig.clone()),
            ..Config::default()
        })
        .await?;
        let config = super::config_of(server.kubeconfig()).await?;
        let cluster = Cluster::of_config(config, crate::cluster::DEFAULT_NAMESPACE)?;
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}});
        let mut objects = definitions()?;
        objects.push(namespace);
        cluster.apply_all(&objects, MANAGER).await.context("installing the definitions")?;

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let git_url = serve(args.git_listen, &repository, &stop, &mut tasks).await?;
        let artifacts = args.data_dir.as_ref().unwrap_or(&work.path().to_owned()).join("artifacts");
        std::fs::create_dir_all(&artifacts).with_context(|| format!("`{}`", artifacts.display()))?;
        let mut kubeconfigs = Vec::new();
        for user in &users {
            let file = work.path().join(format!("{}.kubeconfig", user.name));
            write_secret(&file, &server.kubeconfig_for(&user.name, &user.token))?;
            kubeconfigs.push(file);
        }
        let queue = args.data_dir.as_deref().unwrap_or(work.path()).join("notifications");
        let images = args.data_dir.as_deref().unwrap_or(work.path()).join("images");
        let (events, webhooks) = (free_address(0)?, free_address(1)?);
        let logs = work.path().to_owned();
        let stop_all = stop.clone();
        let start =
            controllers::Start { kubeconfigs, artifacts, logs, queue, images, events, webhooks, stop: stop_all };
        let (ending, ended) = watch::channel(None);
        if args.processes {
            controllers::as_processes(&start, args.bin_dir.as_deref(), ending, &mut tasks)?;
        } else {
            controllers::in_process(&start, ending, &mut tasks).await?;
        }
        let (tell, happenings) = mpsc::channel(HAPPENINGS);
        let (state, _) = watch::channel(State::default());
        notices::show(&cluster, &state, &tell, &stop, &mut tasks).await?;
        state::watch(&cluster, &state, &tell, &stop, &mut tasks);
        let repository = Arc::new(repository);
        let target = Target {
            repository: repository.clone(),
            path: args.path.clone(),
            url: git_url.clone(),
            cluster: cluster.clone(),
            applied: Arc::default(),
        };
        Ok(Self {
            started,
            repository,
            git_url,
            cluster,
            target,
            state,
            happenings: Mutex::new(Some(happenings)),
            tell,
            kubeconfig,
            webhooks,
            server,
            stop,
            tasks: Mutex::new(tasks),
            ended,
            _work: work,
        })
    }

    /// Says what was started.
    pub fn introduce(&self) {
        talk::success(&format!("control plane on {}", self.server.url()));
        let what = if self.repository.git.is_some() { "repository" } else { "folder" };
        talk::success(&format!("{what} {} on {}", self.repository.root.display(), self.git_url));
        talk::success(&format!("webhooks on http://{}", self.webhooks));
        talk::plain(&format!("  export KUBECONFIG={}", self.kubeconfig.display()));
    }

    /// Says what could be done now.
    pub fn invite(&self) {
        let root = self.repository.root.display();
        talk::plain("");
        match (self.repository.is_example, self.repository.git.is_some()) {
            (true, _) => {
                talk::plain(&format!("  Try: change {root}/overlays/production/kustomization.yaml and commit it:"));
                talk::plain(&format!("         git -C {root} commit -am 'Scale up'"));
                talk::plain("       kubectl -n production scale deployment web-app --replicas 1   (it is put back)");
            }
            (false, true) => talk::plain(&format!("  Commit to {root}, and watch")),
            (false, false) => talk::plain(&format!("  Change files in {root}, and watch")),
        }
        talk::plain("  Ctrl-C ends");
        talk::plain("");
    }

    /// Resolves when a controller ends though nobody asked for it.
    ///
    /// # Errors
    /// Always.
    pub async fn failed(&self) -> anyhow::Result<ExitCode> {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(why) => Err(anyhow!("{}", why.clone().unwrap_or_default())),
            Err(_) => std::future::pending().await,
        }
    }

    /// Ends everything, controllers first.
    pub async fn stop(self) {
        self.stop.cancel();
        let mut tasks = self.tasks.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let all = async { while tasks.join_next().await.is_some() {} };
        // A pass that waits for something must not keep a person waiting.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), all).await;
        tasks.abort_all();
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), self.server.shutdown()).await;
    }
}

/// An address for a controller to listen at. Its port is none of those that the system hands out to whoever asks for any,
/// so that nobody takes it before the controller does.
fn free_address(offset: u32) -> anyhow::Result<SocketAddr> {
    let first = (std::process::id() % 10_000) * 2 + offset;
    let ports = (0..1000).map(|n| 10_000 + (first + n * 14) % 20_000);
    let mut addresses = ports.filter_map(|port| Some(SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).ok()?))));
    let free = addresses.find(|it| std::net::TcpListener::bind(it).is_ok());
    free.context("no port between 10000 and 30000 is free")
}

/// Starts the Git server; the URL of the repository.
async fn serve(
    listen: SocketAddr,
    repository: &Repository,
    stop: &CancellationToken,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<String> {
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("--git-listen: cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let server = sluice_git::serve::Server::new().with(&repository.name, &repository.root)?;
    let stopped = stop.clone().cancelled_owned();
    tasks.spawn(async move { server.run(listener, stopped).await.context("Git server") });
    Ok(format!("http://{address}/{}.git", repository.name))
}
