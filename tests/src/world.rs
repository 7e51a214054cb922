//! Everything a scenario needs, and its end.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use sluice_apiserver::{Server, User};
use tempfile::TempDir;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::api::{Api, condition};
use crate::audit::Audit;
use crate::cluster;
use crate::controller::Controller;
use crate::git::Repository;
use crate::git_http::{GitServer, PASSWORD, USERNAME};
use crate::kubectl::Kubectl;
use crate::wait::{PATIENCE, eventually};

/// The Kustomizations of `examples/web-app`.
pub const EXAMPLE_KUSTOMIZATIONS: [&str; 2] = ["web-app-production", "web-app-staging"];

/// How a world is to be; `Setup::default()` is what most scenarios want.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// More flags of the source-controller.
    pub source_flags: &'a [&'a str],
    /// More flags of the kustomize-controller.
    pub kustomize_flags: &'a [&'a str],
}

/// A control plane, a Git server and the two controllers.
pub struct World {
    /// The API, with every right.
    pub api: Api,
    /// The Git server.
    pub git: GitServer,
    /// The source-controller; it runs.
    pub source: Controller,
    /// The kustomize-controller; it runs.
    pub kustomize: Controller,
    /// Where our objects are.
    pub namespace: String,
    kubeconfig: PathBuf,
    notification_kubeconfig: PathBuf,
    helm_kubeconfig: PathBuf,
    image_kubeconfig: PathBuf,
    embedded: Option<Server>,
    audit: Audit,
    dir: TempDir,
    _alone: Option<OwnedMutexGuard<()>>,
}

impl World {
    /// A world whose controllers run.
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// A world with flags of its own.
    ///
    /// # Panics
    /// When the control plane, Git or the controllers cannot be started.
    pub async fn with(setup: Setup<'_>) -> Self {
        let dir = tempfile::Builder::new().prefix("sluice-e2e-").tempdir().expect("a temporary folder can be made");
        let audit = dir.path().join("audit.log");
        let stage = if on_a_cluster() { Stage::cluster().await } else { Stage::embedded(dir.path(), &audit).await };
        cluster::namespace(&stage.api, &stage.namespace).await;
        let served = dir.path().join("repositories");
        std::fs::create_dir_all(&served).expect("a temporary folder can be made");
        let git = GitServer::start(served).await;
        let (source, kustomize) = controllers(&stage, dir.path(), setup);
        let mut world = World {
            api: stage.api,
            git,
            source,
            kustomize,
            namespace: stage.namespace,
            kubeconfig: stage.kubeconfig,
            notification_kubeconfig: stage.controllers[2].clone(),
            helm_kubeconfig: stage.controllers[3].clone(),
            image_kubeconfig: stage.controllers[4].clone(),
            embedded: stage.server,
            audit: Audit::new(&audit),
            dir,
            _alone: stage.alone,
        };
        world.secret("git-credentials", &[("username", USERNAME), ("password", PASSWORD)]).await;
        world.source.start();
        world.kustomize.start();
        world
    }

    /// An address that nobody listens at, for a controller to come back to.
    #[must_use]
    pub fn free_address() -> SocketAddr {
        free_address()
    }

    /// A notification-controller, which does not run yet, with more flags of its own.
    #[must_use]
    pub fn notification_controller(&self, flags: &[String]) -> Controller {
        let scope = if self.is_embedded() { "--watch-all-namespaces=true" } else { "--watch-all-namespaces=false" };
        let mut args: Vec<String> = ["--health-addr=0", scope].map(str::to_owned).into();
        args.extend(flags.iter().cloned());
        let env = [
            ("KUBECONFIG", self.notification_kubeconfig.to_string_lossy().into_owned()),
            ("RUNTIME_NAMESPACE", self.namespace.clone()),
        ];
        let env = env.map(|(key, value)| (key.to_owned(), value)).into();
        Controller::new("notification-controller", args, env, self.dir.path())
    }

    /// A helm-controller, which does not run yet, with more flags of its own.
    #[must_use]
    pub fn helm_controller(&self, flags: &[&str]) -> Controller {
        let scope = if self.is_embedded() { "--watch-all-namespaces=true" } else { "--watch-all-namespaces=false" };
        let mut args: Vec<String> = ["--metrics-addr=0", "--health-addr=0", scope].map(str::to_owned).into();
        args.extend(flags.iter().map(|it| (*it).to_owned()));
        let env = [
            ("KUBECONFIG", self.helm_kubeconfig.to_string_lossy().into_owned()),
            ("RUNTIME_NAMESPACE", self.namespace.clone()),
        ];
        let env = env.map(|(key, value)| (key.to_owned(), value)).into();
        Controller::new("helm-controller", args, env, self.dir.path())
    }

    /// An image-automation-controller, which does not run yet, with more flags of its own. It keeps its tags over a restart.
    #[must_use]
    pub fn image_automation_controller(&self, flags: &[&str]) -> Controller {
        let scope = if self.is_embedded() { "--watch-all-namespaces=true" } else { "--watch-all-namespaces=false" };
        let mut args: Vec<String> = ["--metrics-addr=0", "--health-addr=0", scope].map(str::to_owned).into();
        args.push(format!("--storage-path={}", self.dir.path().join("images").display()));
        args.extend(flags.iter().map(|it| (*it).to_owned()));
        let env = [
            ("KUBECONFIG", self.image_kubeconfig.to_string_lossy().into_owned()),
            ("RUNTIME_NAMESPACE", self.namespace.clone()),
        ];
        let env = env.map(|(key, value)| (key.to_owned(), value)).into();
        Controller::new("image-automation-controller", args, env, self.dir.path())
    }

    /// The kubeconfig of an administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Who asked for what; `None`, said so, on a cluster whose audit log is not ours to read.
    #[must_use]
    pub fn audit(&self) -> Option<&Audit> {
        if self.embedded.is_none() {
            eprintln!("skipped: requests are counted on the embedded control plane alone");
            return None;
        }
        Some(&self.audit)
    }

    /// Whether the control plane is the embedded one.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// `kubectl` as an administrator; `None`, said so, where there is none.
    #[must_use]
    pub fn kubectl(&self) -> Option<Kubectl> {
        Kubectl::find(&self.kubeconfig, self.dir.path())
    }

    /// The folder of the artifacts.
    #[must_use]
    pub fn storage(&self) -> PathBuf {
        self.dir.path().join("storage")
    }

    /// A folder for what a scenario writes.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// An empty Git repository.
    #[must_use]
    pub fn repository(&self, name: &str) -> Repository {
        self.make_repository(name, None)
    }

    /// A Git repository with the files of `examples/web-app`.
    #[must_use]
    pub fn example(&self) -> Repository {
        self.make_repository("k8s-manifests", Some(&workspace_root().join("examples/web-app")))
    }

    /// A Git repository with the files of a folder of `examples`, under its name.
    #[must_use]
    pub fn repository_of(&self, example: &str) -> Repository {
        self.make_repository(example, Some(&workspace_root().join("examples").join(example)))
    }

    fn make_repository(&self, name: &str, example: Option<&Path>) -> Repository {
        Repository::new(name, &self.dir.path().join("repositories"), &self.dir.path().join("work"), example)
    }

    /// Makes a Secret.
    pub async fn secret(&self, name: &str, data: &[(&str, &str)]) {
        let data: serde_json::Map<String, Value> =
            data.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
        let meta = json!({"name": name, "namespace": self.namespace});
        self.api.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data})).await;
    }

    /// Makes a namespace.
    pub async fn make_namespace(&self, name: &str) {
        cluster::namespace(&self.api, name).await;
    }

    /// Makes a GitRepository that follows the main branch of a repository, once an hour or when asked.
    pub async fn follow(&self, repository: &Repository) {
        let object = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": repository.name(), "namespace": self.namespace},
            "spec": {
                "interval": "1h",
                "url": self.git.url(repository.name()),
                "ref": {"branch": "main"},
                "secretRef": {"name": "git-credentials"},
            },
        });
        self.api.apply(&object).await;
    }

    /// Makes a Kustomization of a path of a repository; `more` is merged into its specification.
    ///
    /// # Panics
    /// When `more` is no object.
    pub async fn kustomization(&self, name: &str, repository: &Repository, path: &str, more: Value) {
        let mut spec = json!({
            "interval": "1h",
            "retryInterval": "1s",
            "sourceRef": {"kind": "GitRepository", "name": repository.name()},
            "path": path,
            "prune": true,
        });
        for (key, value) in more.as_object().expect("a part of a specification is an object") {
            spec[key.as_str()] = value.clone();
        }
        let object = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": spec,
        });
        self.api.apply(&object).await;
    }

    /// Makes the objects of `examples/web-app/clusters/demo`, with the address of the Git server.
    pub async fn follow_example(&self, repository: &Repository) {
        self.follow(repository).await;
        let production = json!({"healthChecks": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web-app", "namespace": "production"},
        ]});
        self.kustomization("web-app-production", repository, "./overlays/production", production).await;
        let staging = json!({"wait": true, "dependsOn": [{"name": "web-app-production"}]});
        self.kustomization("web-app-staging", repository, "./overlays/staging", staging).await;
    }

    /// Asks for a reconcile, as `flux reconcile` does; returns the token that the status is to show.
    pub async fn request(&self, kind: &str, name: &str) -> String {
        static COUNT: AtomicU16 = AtomicU16::new(0);
        let token = format!("request-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.api.annotate(kind, &self.namespace, name, "reconcile.fluxcd.io/requestedAt", &token).await;
        token
    }

    /// Asks the source of a repository to look for new commits.
    pub async fn fetch(&self, repository: &Repository) {
        self.request("GitRepository", repository.name()).await;
    }

    /// A Kustomization.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn get_kustomization(&self, name: &str) -> Value {
        let found = self.api.get("Kustomization", &self.namespace, name).await;
        found.unwrap_or_else(|| panic!("Kustomization {name} is not there"))
    }

    /// Waits until a revision is applied, and nothing is under way.
    pub async fn applied(&self, name: &str, revision: &str) -> Value {
        eventually(format!("Kustomization {name} to apply {revision}"), PATIENCE, async || {
            let object = self.get_kustomization(name).await;
            let status = &object["status"];
            let is_ready = condition(&object, "Ready").0 == "True"
                && status["lastAppliedRevision"] == revision
                && status["observedGeneration"] == object["metadata"]["generation"];
            if is_ready { Ok(object) } else { Err(status.to_string()) }
        })
        .await
    }

    /// Waits until a Kustomization is not ready for a reason; returns the message.
    pub async fn fails(&self, name: &str, wanted: &str) -> String {
        eventually(format!("Kustomization {name} to fail with {wanted}"), PATIENCE, async || {
            let object = self.get_kustomization(name).await;
            match condition(&object, "Ready") {
                (status, reason, message) if status == "False" && reason == wanted => Ok(message),
                _ => Err(object["status"].to_string()),
            }
        })
        .await
    }

    /// Waits until an object is as `check` wants it.
    pub async fn object(&self, what: &str, at: (&str, &str, &str), check: impl Fn(&Value) -> bool) -> Value {
        let (kind, namespace, name) = at;
        eventually(format!("{kind} {namespace}/{name} {what}"), PATIENCE, async || {
            match self.api.get(kind, namespace, name).await {
                Some(object) if check(&object) => Ok(object),
                Some(object) => Err(object.to_string()),
                None => Err("it is not there".to_owned()),
            }
        })
        .await
    }

    /// Waits until an object is gone.
    pub async fn gone(&self, kind: &str, namespace: &str, name: &str) {
        eventually(format!("{kind} {namespace}/{name} to be gone"), PATIENCE, async || {
            self.api.get(kind, namespace, name).await.map_or(Ok(()), |object| Err(object.to_string()))
        })
        .await;
    }
}

/// The root of this workspace.
#[must_use]
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace").to_owned()
}

fn on_a_cluster() -> bool {
    std::env::var_os("SLUICE_E2E_CLUSTER").is_some_and(|it| it == "1")
}

/// A control plane, before anything is on it.
struct Stage {
    api: Api,
    namespace: String,
    kubeconfig: PathBuf,
    /// The kubeconfigs of source-controller, kustomize-controller, notification-controller, helm-controller and
    /// image-automation-controller.
    controllers: [PathBuf; 5],
    server: Option<Server>,
    alone: Option<OwnedMutexGuard<()>>,
}

impl Stage {
    async fn embedded(dir: &Path, audit: &Path) -> Self {
        let kubeconfig = dir.join("kubeconfig");
        let names = [
            "source-controller",
            "kustomize-controller",
            "notification-controller",
            "helm-controller",
            "image-automation-controller",
        ];
        // They are the accounts to which config/rbac gives rights, and have no others.
        let user = |name: &str| User {
            name: format!("system:serviceaccount:flux-system:{name}"),
            groups: vec!["system:serviceaccounts".into(), "system:serviceaccounts:flux-system".into()],
            token: format!("token-of-{name}"),
        };
        let config = sluice_apiserver::Config {
            users: names.map(user).into(),
            audit_log: Some(audit.to_owned()),
            kubeconfig_out: Some(kubeconfig.clone()),
            ..sluice_apiserver::Config::default()
        };
        let server = sluice_apiserver::start(config).await.unwrap_or_else(|error| panic!("control plane: {error}"));
        let controllers = names.map(|name| {
            let file = dir.join(format!("kubeconfig-{name}"));
            let user = user(name);
            std::fs::write(&file, server.kubeconfig_for(&user.name, &user.token)).expect("a file can be written");
            file
        });
        let api = client(&kubeconfig).await;
        cluster::install(&api).await;
        Stage { api, namespace: "flux-system".into(), kubeconfig, controllers, server: Some(server), alone: None }
    }

    async fn cluster() -> Self {
        // Scenarios share the cluster, so they take turns.
        static TURN: OnceLock<Arc<Mutex<()>>> = OnceLock::new();
        let alone = TURN.get_or_init(Arc::default).clone().lock_owned().await;
        let named = std::env::var_os("KUBECONFIG").expect("SLUICE_E2E_CLUSTER=1 needs KUBECONFIG, one file");
        let kubeconfig = PathBuf::from(named);
        let api = client(&kubeconfig).await;
        // Not flux-system, where there may be another Flux. One that watches all namespaces has to be stopped.
        let namespace = "sluice-e2e".to_owned();
        cluster::install(&api).await;
        cluster::sweep(&api, &namespace).await;
        let controllers = std::array::from_fn(|_| kubeconfig.clone());
        Stage { api, namespace, kubeconfig, controllers, server: None, alone: Some(alone) }
    }
}

async fn client(kubeconfig: &Path) -> Api {
    let read = Kubeconfig::read_from(kubeconfig).unwrap_or_else(|error| panic!("{}: {error}", kubeconfig.display()));
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
    let config = config.unwrap_or_else(|error| panic!("{}: {error}", kubeconfig.display()));
    Api(Client::try_from(config).unwrap_or_else(|error| panic!("API client: {error}")))
}

fn controllers(stage: &Stage, dir: &Path, setup: Setup<'_>) -> (Controller, Controller) {
    let words = |flags: &[&str]| flags.iter().map(|it| (*it).to_owned()).collect::<Vec<String>>();
    let env = |kubeconfig: &Path| {
        vec![
            ("KUBECONFIG".to_owned(), kubeconfig.to_string_lossy().into_owned()),
            ("RUNTIME_NAMESPACE".to_owned(), stage.namespace.clone()),
        ]
    };
    let scope = if stage.server.is_some() { "--watch-all-namespaces=true" } else { "--watch-all-namespaces=false" };
    let common = ["--metrics-addr=0", "--health-addr=0", scope];
    let storage = dir.join("storage");
    std::fs::create_dir_all(&storage).expect("a temporary folder can be made");
    let mut args = words(&common);
    args.push(format!("--storage-path={}", storage.display()));
    args.push(format!("--storage-addr={}", free_address()));
    args.extend(words(setup.source_flags));
    let source = Controller::new("source-controller", args, env(&stage.controllers[0]), dir);
    let mut args = words(&common);
    args.extend(words(setup.kustomize_flags));
    let kustomize = Controller::new("kustomize-controller", args, env(&stage.controllers[1]), dir);
    (source, kustomize)
}

/// An address that stays free while a controller is down: its artifacts have to come back under the same one. The ports
/// that `:0` gives would be given to the next connection meanwhile, so these lie below them.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 20_000).unwrap_or(0);
    for _ in 0..1000 {
        let offset = (start + NEXT.fetch_add(1, Ordering::Relaxed) * 7) % 20_000;
        let address = SocketAddr::from(([127, 0, 0, 1], 10_000 + offset));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port between 10000 and 30000 is free")
}
